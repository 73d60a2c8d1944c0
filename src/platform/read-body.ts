import { type Timers, withTimeout } from "./timeout.ts";

/** Qonto hangs up after 1,000 ms, and an operator sends a few kilobytes: who is still sending by then only holds us up. */
const BODY_TIMEOUT_MS = 5_000;

/** As much of a stream is read at once, however small its chunks: a read keeps 4 KB, be it for a single byte. */
const PIECE_BYTES = 16_384;

type Bytes = Uint8Array<ArrayBuffer>;

/** `broken_off`: the sender ended the connection before the body. */
export type BodyFault = "body_too_large" | "body_timeout" | "broken_off";

/** Reads a request's raw bytes, no more than `maxBytes`, whether declared or only streamed, and for no longer than there is time. */
export async function readBody(request: Request, maxBytes: number, timers: Timers): Promise<Bytes | BodyFault> {
  if (request.body === null) return new Uint8Array();
  const declaredBytes = declaredBytesOf(request);
  if (declaredBytes !== null && declaredBytes > maxBytes) return "body_too_large";

  const reading = declaredBytes === null ? readStreamed(request.body, maxBytes) : readWhole(request);
  // What is late ends with the request, which the answer ends.
  const read = await withTimeout(reading, BODY_TIMEOUT_MS, timers);
  if (read.state === "late") return "body_timeout";
  if (read.state === "failed") return "broken_off";
  return read.value.length > maxBytes ? "body_too_large" : read.value;
}

/** Null when it is not declared in a way that the runtime holds the sender to. */
function declaredBytesOf({ headers }: Request): number | null {
  const declared = headers.get("content-length");
  if (declared === null || !/^\d+$/.test(declared) || headers.has("transfer-encoding")) return null;
  return Number(declared);
}

/** What declares its length is no longer than that: the runtime sees to it. Read at once it costs a tenth less of a request. */
async function readWhole(request: Request): Promise<Bytes> {
  return new Uint8Array(await request.arrayBuffer());
}

/** Stops a byte behind `maxBytes`. */
async function readStreamed(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Bytes> {
  // Through it every stream becomes one of bytes.
  const reader = body.pipeThrough(new IdentityTransformStream()).getReader({ mode: "byob" });
  const pieces: Bytes[] = [];
  let size = 0;
  let isAtEnd = false;
  while (!isAtEnd && size <= maxBytes) {
    const wantedBytes = Math.min(PIECE_BYTES, maxBytes + 1 - size);
    const { value = new Uint8Array() } = await reader.readAtLeast(wantedBytes, new Uint8Array(wantedBytes));
    pieces.push(value);
    size += value.length;
    isAtEnd = value.length < wantedBytes;
  }
  // Not cancelled: a sender that is still writing would see its connection break before it sees the answer.
  reader.releaseLock();
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
