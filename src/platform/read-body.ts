import { type Timers, withTimeout } from "./timeout.ts";

/** Longer than Qonto waits (1,000 ms) and than an operator's few kilobytes take: it only ends what stalls. */
const BODY_TIMEOUT_MS = 5_000;

/** Read at once from a stream, however small its chunks: each read takes 4 KB, even for a single byte. */
const PIECE_BYTES = 16_384;

type Bytes = Uint8Array<ArrayBuffer>;

/** `broken_off`: the sender ended the connection before the body. */
export type BodyFault = "body_too_large" | "body_timeout" | "broken_off";

/** Reads a request's raw bytes, at most `maxBytes` and within a timeout. */
export async function readBody(request: Request, maxBytes: number, timers: Timers): Promise<Bytes | BodyFault> {
  if (request.body === null) return new Uint8Array();
  const declaredBytes = declaredBytesOf(request);
  if (declaredBytes !== null && declaredBytes > maxBytes) return "body_too_large";

  const reading = declaredBytes === null ? readStreamed(request.body, maxBytes) : readWhole(request);
  // A read that is late ends with the request, when that is answered.
  const read = await withTimeout(reading, BODY_TIMEOUT_MS, timers);
  if (read.state === "late") return "body_timeout";
  if (read.state === "failed") return "broken_off";
  return read.value.length > maxBytes ? "body_too_large" : read.value;
}

/** Null when the length is not declared, or not in a way that the runtime enforces. */
function declaredBytesOf({ headers }: Request): number | null {
  const declared = headers.get("content-length");
  if (declared === null || !/^\d+$/.test(declared) || headers.has("transfer-encoding")) return null;
  return Number(declared);
}

/** For a body that declares its length: the runtime enforces it. Reading it whole makes a request a tenth cheaper. */
async function readWhole(request: Request): Promise<Bytes> {
  return new Uint8Array(await request.arrayBuffer());
}

/** Stops one byte after `maxBytes`. */
async function readStreamed(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Bytes> {
  // Turns any stream into a byte stream.
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
  // It is not cancelled, because a sender that is still writing would see its connection break before the answer.
  reader.releaseLock();
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
