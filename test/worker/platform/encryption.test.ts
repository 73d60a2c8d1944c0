import { describe, expect, it } from "vitest";
import { isEncryptedByFirst, encrypt, decrypt } from "../../../src/platform/encryption.ts";
import { realWorld } from "../../../src/platform/world.ts";

const secret = "whsec_c2VjcmV0";

describe("an encrypted text", () => {
  it("is decrypted by its key only, whatever other keys there are", async () => {
    const encrypted = await encrypt(["new", "old"], secret, "dst_1", realWorld);
    expect(await decrypt(["old", "new"], encrypted, "dst_1")).toBe(secret);
    expect(await decrypt(["old"], encrypted, "dst_1")).toBeNull();
    expect(await decrypt([], encrypted, "dst_1")).toBeNull();
  });

  it("is decrypted by every later version", async () => {
    const stored = "v1.69bce0ed.AAAAAAAAAAAAAAAA.I7M_v9t9KCpC7cnxqP5GHMpBgbm2hLkQ2IZ7486z";
    expect(await decrypt(["key"], stored, "dst_1")).toBe(secret);
    expect(await isEncryptedByFirst(["key"], stored)).toBe(true);
  });

  it("is decrypted for its owner only", async () => {
    const encrypted = await encrypt(["key"], secret, "dst_1", realWorld);
    expect(await decrypt(["key"], encrypted, "dst_2")).toBeNull();
  });

  it("differs each time, and contains neither the text nor the key", async () => {
    const [one, other] = await Promise.all([
      encrypt(["a key"], secret, "o", realWorld),
      encrypt(["a key"], secret, "o", realWorld),
    ]);
    expect(one).not.toBe(other);
    for (const hidden of [secret, "c2VjcmV0", "a key", btoa("a key")]) expect(one).not.toContain(hidden);
  });

  it.each(["key id", "nonce", "ciphertext"])("with an altered %s is not decrypted", async (part) => {
    const parts = (await encrypt(["key"], secret, "dst_1", realWorld)).split(".");
    const index = ["format", "key id", "nonce", "ciphertext"].indexOf(part);
    parts[index] = `${parts[index]?.startsWith("0") ? "1" : "0"}${parts[index]?.slice(1)}`;
    expect(await decrypt(["key"], parts.join("."), "dst_1")).toBeNull();
  });

  it("names the key that encrypted it", async () => {
    const encrypted = await encrypt(["old"], secret, "dst_1", realWorld);
    expect(await isEncryptedByFirst(["old", "new"], encrypted)).toBe(true);
    expect(await isEncryptedByFirst(["new", "old"], encrypted)).toBe(false);
    expect(await isEncryptedByFirst([], encrypted)).toBe(false);
  });
});

it("a text that was never encrypted is read as it is, and counts as encrypted by no key", async () => {
  expect(await decrypt(["key"], secret, "dst_1")).toBe(secret);
  expect(await isEncryptedByFirst(["key"], secret)).toBe(false);
});

it("nothing is encrypted without a key", async () => {
  await expect(encrypt([], secret, "dst_1", realWorld)).rejects.toThrow("no key");
});
