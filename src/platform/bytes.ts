const encoder = new TextEncoder();

/** The bytes of a text, then others: what signatures are made of. */
export function withPrefix(prefix: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const first = encoder.encode(prefix);
  const all = new Uint8Array(first.length + bytes.length);
  all.set(first);
  all.set(bytes, first.length);
  return all;
}
