import { describe, expect, it } from "vitest";
import { isSealedByFirst, seal, unseal } from "../../../src/platform/seal.ts";
import { realWorld } from "../../../src/platform/world.ts";

const secret = "whsec_c2VjcmV0";

describe("a sealed text", () => {
  it("is opened by its key alone, whatever other keys there are", async () => {
    const sealed = await seal(["new", "old"], secret, "dst_1", realWorld);
    expect(await unseal(["old", "new"], sealed, "dst_1")).toBe(secret);
    expect(await unseal(["old"], sealed, "dst_1")).toBeNull();
    expect(await unseal([], sealed, "dst_1")).toBeNull();
  });

  it("is opened for its owner alone", async () => {
    const sealed = await seal(["key"], secret, "dst_1", realWorld);
    expect(await unseal(["key"], sealed, "dst_2")).toBeNull();
  });

  it("is another each time, and shows neither the text nor the key", async () => {
    const [one, other] = await Promise.all([
      seal(["a key"], secret, "o", realWorld),
      seal(["a key"], secret, "o", realWorld),
    ]);
    expect(one).not.toBe(other);
    for (const hidden of [secret, "c2VjcmV0", "a key", btoa("a key")]) expect(one).not.toContain(hidden);
  });

  it.each(["key id", "nonce", "ciphertext"])("that was altered in its %s is not opened", async (part) => {
    const parts = (await seal(["key"], secret, "dst_1", realWorld)).split(".");
    const index = ["format", "key id", "nonce", "ciphertext"].indexOf(part);
    parts[index] = `${parts[index]?.startsWith("0") ? "1" : "0"}${parts[index]?.slice(1)}`;
    expect(await unseal(["key"], parts.join("."), "dst_1")).toBeNull();
  });

  it("says by which key it was sealed", async () => {
    const sealed = await seal(["old"], secret, "dst_1", realWorld);
    expect(await isSealedByFirst(["old", "new"], sealed)).toBe(true);
    expect(await isSealedByFirst(["new", "old"], sealed)).toBe(false);
    expect(await isSealedByFirst([], sealed)).toBe(false);
  });
});

it("a text that was never sealed is read as it is, and is by no key", async () => {
  expect(await unseal(["key"], secret, "dst_1")).toBe(secret);
  expect(await isSealedByFirst(["key"], secret)).toBe(false);
});

it("nothing is sealed without a key", async () => {
  await expect(seal([], secret, "dst_1", realWorld)).rejects.toThrow("no key");
});
