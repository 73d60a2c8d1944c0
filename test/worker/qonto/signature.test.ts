import { describe, expect, it, vi } from "vitest";
import { signBusiness, signOnboarding, readSignature } from "../../../src/qonto/signature.ts";
import { checkOfficialVectors, officialVectors } from "../../../src/qonto/official-vectors.ts";

const bytes = (text: string) => Uint8Array.from(new TextEncoder().encode(text));
const zeros = "0".repeat(64);

const business = {
  ...officialVectors.business,
  body: bytes(officialVectors.business.body),
  digest: officialVectors.business.header.slice(-64),
};
const onboarding = { ...officialVectors.onboarding, body: bytes(officialVectors.onboarding.body) };

function readBusiness(header: string) {
  return readSignature(new Headers({ "x-qonto-signature": header }));
}

function matches(header: string, body = business.body, secret = business.secret) {
  const signature = readBusiness(header);
  return typeof signature === "string" ? signature : signature.matches(body, secret);
}

/** How many HMACs it takes. */
async function hmacsFor(work: () => Promise<unknown>): Promise<number> {
  const [sign, verify] = [vi.spyOn(crypto.subtle, "sign"), vi.spyOn(crypto.subtle, "verify")];
  await work();
  const calls = sign.mock.calls.length + verify.mock.calls.length;
  vi.restoreAllMocks();
  return calls;
}

describe("the Business API's signature", () => {
  it("holds for the official vector", async () => {
    expect(readBusiness(business.header)).toMatchObject({ source: "business", timestamp: 1_704_110_400 });
    expect(await matches(business.header)).toBe(true);
    expect(await signBusiness(business.body, 1_704_110_400, business.secret)).toBe(business.header);
  });

  it("does not hold for another body, timestamp or secret", async () => {
    expect(await matches(business.header, bytes('{"test": "data"}'))).toBe(false);
    expect(await matches(business.header.replace("1704110400", "1704110401"))).toBe(false);
    expect(await matches(business.header, business.body, "test-secret ")).toBe(false);
  });

  it("signs the timestamp's text, not its value", async () => {
    expect(await matches(business.header.replace("1704110400", "01704110400"))).toBe(false);
  });

  it("holds if any of several v1 does, whatever other schemes are beside them", async () => {
    expect(await matches(`t=1704110400,v1=${zeros},v1=${business.digest}`)).toBe(true);
    expect(await matches(`t=1704110400, v0=abc, v1=${business.digest}`)).toBe(true);
    expect(await matches(`v1=${business.digest.toUpperCase()},t=1704110400`)).toBe(true);
  });

  it("is read with up to eight v1, and malformed with nine", async () => {
    const withDigests = (...digests: string[]) => `t=1704110400,${digests.map((digest) => `v1=${digest}`).join(",")}`;
    const seven = Array.from({ length: 7 }, () => zeros);
    expect(await matches(withDigests(...seven, business.digest))).toBe(true);
    expect(readBusiness(withDigests(...seven, business.digest, zeros))).toBe("signature_malformed");
    expect(readBusiness(withDigests(...Array.from({ length: 1_500 }, () => zeros)))).toBe("signature_malformed");
  });

  it("costs one HMAC for each secret, however many digests are claimed", async () => {
    const header = `t=1704110400${`,v1=${zeros}`.repeat(8)}`;
    const signature = readBusiness(header);
    if (typeof signature === "string") throw new Error(signature);
    expect(await hmacsFor(() => signature.matches(business.body, "one", "two", "three"))).toBe(3);
    expect(await hmacsFor(async () => expect(await matches(business.header)).toBe(true))).toBe(1);
  });

  it("holds under any of several secrets", async () => {
    const signature = readBusiness(business.header);
    if (typeof signature === "string") throw new Error(signature);
    expect(await signature.matches(business.body, "another", business.secret)).toBe(true);
    expect(await signature.matches(business.body, "another", "and another")).toBe(false);
    expect(await signature.matches(business.body)).toBe(false);
  });

  it.each([
    ["comes twice with one value", `${business.header}, ${business.header}`],
    ["comes three times with one value", Array(3).fill(business.header).join(",")],
    [
      "comes twice with five v1, which are five",
      Array(2)
        .fill(`${business.header}${`,v1=${zeros}`.repeat(4)}`)
        .join(),
    ],
    ["is split over two lines", business.header.replace(",", ", ")],
    ["comes beside an empty line", ` , ${business.header}`],
    ["ends in a comma", `${business.header},`],
  ])("holds for the official vector in a header that %s", async (_title, header) => {
    expect(await matches(header)).toBe(true);
  });

  it("is read in a header of 4,096 characters and malformed in a longer one", async () => {
    const padded = (length: number) => `${business.header},x=`.padEnd(length, "x");
    expect(await matches(padded(4_096))).toBe(true);
    expect(readBusiness(padded(4_097))).toBe("signature_malformed");
  });

  it.each([
    "garbage",
    business.digest,
    "t=1704110400",
    `v1=${zeros}`,
    `t=,v1=${zeros}`,
    `t=-5,v1=${zeros}`,
    `t=1e9,v1=${zeros}`,
    `t=1704110400.5,v1=${zeros}`,
    `t=1704110400,t=1704110400,v1=${zeros}`,
    `t=1704110400,v1=${zeros},t=1704110401,v1=${zeros}`,
    `t=1704110400,v1=${zeros},t=1704110400,v1=${business.digest}`,
    `t=1704110400,v1=`,
    `t=1704110400,v1=abc`,
    `t=1704110400,v1=${zeros.slice(2)}`,
    `t=1704110400,v1=${zeros}00`,
    `t=1704110400,v1=${"zz".repeat(32)}`,
    `t=1704110400,v1=Vq/wbcIn24DWVopQcPkSxgHDHyBFF0XSV8vAtd+pOAU=`,
    `t=1704110400;v1=${zeros}`,
  ])("is malformed as %j", (header) => {
    expect(readBusiness(header)).toBe("signature_malformed");
  });
});

describe("the Onboarding API's signature", () => {
  const read = (header: string) => readSignature(new Headers({ "qonto-sha256-signature": header }));

  it("holds for the official vector", async () => {
    const signature = read(onboarding.header);
    expect(signature).toMatchObject({ source: "onboarding", timestamp: null });
    if (typeof signature === "string") throw new Error(signature);
    expect(await signature.matches(onboarding.body, onboarding.secret)).toBe(true);
    expect(await signature.matches(onboarding.body, "another")).toBe(false);
    expect(await signOnboarding(onboarding.body, onboarding.secret)).toBe(onboarding.header);
  });

  it.each([`${onboarding.header}, ${onboarding.header}`, `, ${onboarding.header}`])(
    "holds for the official vector as %j",
    async (header) => {
      const signature = read(header);
      if (typeof signature === "string") throw new Error(signature);
      expect(
        await hmacsFor(async () => {
          expect(await signature.matches(onboarding.body, onboarding.secret)).toBe(true);
        }),
      ).toBe(1);
    },
  );

  it.each([
    "garbage",
    "abc",
    onboarding.header.slice(2),
    `v1=${onboarding.header}`,
    `${onboarding.header}, ${zeros}`,
    Array(100).fill(onboarding.header).join(),
  ])("is malformed as %j", (header) => {
    expect(read(header)).toBe("signature_malformed");
  });
});

describe("a request", () => {
  const read = (headers: Record<string, string>) => readSignature(new Headers(headers));
  const [first, second] = ["x-qonto-signature", "qonto-sha256-signature"] as const;

  it.each([[{}], [{ [first]: "" }], [{ [second]: "" }], [{ [first]: " ", [second]: ", ," }]])(
    "that bears %j bears no signature",
    (headers) => {
      expect(read(headers)).toBe("signature_missing");
    },
  );

  it("with an empty header beside a full one has the signature of the full one", () => {
    expect(read({ [first]: "", [second]: onboarding.header })).toMatchObject({ source: "onboarding" });
    expect(read({ [first]: business.header, [second]: "" })).toMatchObject({ source: "business" });
  });

  it("with both headers has the signature with a timestamp, even if that is malformed", () => {
    expect(read({ [first]: business.header, [second]: onboarding.header })).toMatchObject({ source: "business" });
    expect(read({ [first]: "garbage", [second]: onboarding.header })).toBe("signature_malformed");
  });
});

it("the official vectors hold in workerd", async () => {
  expect(await checkOfficialVectors()).toEqual({ business: true, onboarding: true });
});
