import { describe, expect, it } from "vitest";
import { signBusiness } from "../../../src/qonto/business-signature.ts";
import { signOnboarding } from "../../../src/qonto/onboarding-signature.ts";
import { checkOfficialVectors, officialVectors } from "../../../src/qonto/official-vectors.ts";
import { readSignature } from "../../../src/qonto/read-signature.ts";

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

  it("holds if any of several v1 does, whatever other schemes stand beside them", async () => {
    expect(await matches(`t=1704110400,v1=${zeros},v1=${business.digest}`)).toBe(true);
    expect(await matches(`t=1704110400, v0=abc, v1=${business.digest}`)).toBe(true);
    expect(await matches(`v1=${business.digest.toUpperCase()},t=1704110400`)).toBe(true);
  });

  it.each([
    "",
    "garbage",
    business.digest,
    "t=1704110400",
    `v1=${zeros}`,
    `t=,v1=${zeros}`,
    `t=-5,v1=${zeros}`,
    `t=1e9,v1=${zeros}`,
    `t=1704110400.5,v1=${zeros}`,
    `t=1704110400,t=1704110400,v1=${zeros}`,
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

  it.each(["", "garbage", "abc", onboarding.header.slice(2), `v1=${onboarding.header}`])(
    "is malformed as %j",
    (header) => {
      expect(read(header)).toBe("signature_malformed");
    },
  );
});

it("is missing when a request bears neither header", () => {
  expect(readSignature(new Headers())).toBe("signature_missing");
});

it("the code that verifies agrees with both official vectors, where it runs", async () => {
  expect(await checkOfficialVectors()).toEqual({ business: true, onboarding: true });
});
