/** Bytes of a SHA-256 digest in hexadecimal; null when the text is none. */
export function readHexDigest(text: string): Uint8Array<ArrayBuffer> | null {
  return /^[0-9a-f]{64}$/i.test(text) ? Uint8Array.fromHex(text) : null;
}
