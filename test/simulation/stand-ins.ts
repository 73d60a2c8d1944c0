import * as node from "node:crypto";

/**
 * What the bundled Worker finds in place of the runtime's globals. WebCrypto works on other threads, which end when they
 * like; this does the same at once.
 */
export const crypto = {
  subtle: {
    importKey: async (_format: string, bytes: Uint8Array) => bytes,
    sign: async (_algorithm: string, key: Uint8Array, data: Uint8Array) => hmac(key, data),
    verify: async (_algorithm: string, key: Uint8Array, signature: Uint8Array, data: Uint8Array) =>
      Buffer.compare(hmac(key, data), signature) === 0,
    digest: async (_algorithm: string, data: Uint8Array) => node.createHash("sha256").update(data).digest(),
    deriveBits: async (algorithm: Hkdf, key: Uint8Array, bits: number) => hkdf(key, algorithm, bits),
    deriveKey: async (algorithm: Hkdf, key: Uint8Array, { length }: { length: number }) => hkdf(key, algorithm, length),
    encrypt: async (algorithm: Gcm, key: Uint8Array, data: Uint8Array) => encrypt(algorithm, key, data),
    decrypt: async (algorithm: Gcm, key: Uint8Array, data: Uint8Array) => decrypt(algorithm, key, data),
  },
};

/** Of the Worker's log. */
let onLine: (line: unknown) => void = () => undefined;

export function onLog(listener: typeof onLine): void {
  onLine = listener;
}

export const console = { log: (line: unknown) => onLine(line), error: (line: unknown) => onLine(line) };

interface Hkdf {
  readonly salt: Uint8Array;
  readonly info: Uint8Array;
}

interface Gcm {
  readonly iv: Uint8Array;
  readonly additionalData: Uint8Array;
}

const TAG_BYTES = 16;

function hmac(key: Uint8Array, data: Uint8Array): Buffer {
  return node.createHmac("sha256", key).update(data).digest();
}

function hkdf(key: Uint8Array, { salt, info }: Hkdf, bits: number): Buffer {
  return Buffer.from(node.hkdfSync("sha256", key, salt, info, bits / 8));
}

function encrypt({ iv, additionalData }: Gcm, key: Uint8Array, data: Uint8Array): Buffer {
  const cipher = node.createCipheriv("aes-256-gcm", key, iv).setAAD(additionalData);
  return Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
}

function decrypt({ iv, additionalData }: Gcm, key: Uint8Array, data: Uint8Array): Buffer {
  const decipher = node.createDecipheriv("aes-256-gcm", key, iv).setAAD(additionalData);
  decipher.setAuthTag(data.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()]);
}
