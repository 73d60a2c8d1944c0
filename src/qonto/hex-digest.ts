/** Bytes of a hexadecimal text; null when it is none. Its length is left to the verification, which compares it safely. */
export function readHexDigest(text: string): Uint8Array<ArrayBuffer> | null {
  return /^(?:[0-9a-f]{2})+$/i.test(text) ? Uint8Array.fromHex(text) : null;
}
