import { describe, expect, it } from "vitest";
import { ConfigError, parseConfig } from "../../src/config.ts";
import { ADMIN_TOKEN } from "../support/admin-token.ts";

const set = { QONTO_WEBHOOK_SECRETS: "business", ADMIN_TOKEN };
const faultsOf = (given: object) => parseConfig({ ...set, ...given }).faults.map(({ message }) => message);

describe("a variable that cannot be read", () => {
  it.each([
    ["SIGNATURE_TOLERANCE_SECONDS", "100000", "must be a whole number from 1 to 86400"],
    ["SIGNATURE_TOLERANCE_SECONDS", "0", "must be a whole number from 1 to 86400"],
    ["SIGNATURE_TOLERANCE_SECONDS", "5 minutes", "must be a whole number from 1 to 86400"],
    ["MAX_BODY_BYTES", "1400001", "must be a whole number from 1 to 1400000"],
    ["MAX_BODY_BYTES", "1e6", "must be a whole number from 1 to 1400000"],
    ["RETENTION_DAYS", "-1", "must be a whole number from 0 to 3650"],
    ["RETENTION_DAYS", "7.5", "must be a whole number from 0 to 3650"],
    ["ALLOW_PRIVATE_DESTINATIONS", "yes", 'must be "true" or "false"'],
  ])("%s=%s is named, with what it takes", (name, value, takes) => {
    expect(() => parseConfig({ ...set, [name]: value })).toThrow(
      new ConfigError([{ variable: name, message: `${name} ${takes}` }]),
    );
  });

  it("is told together with the others", () => {
    expect(() => parseConfig({ ...set, MAX_BODY_BYTES: "x", RETENTION_DAYS: "y" })).toThrow(
      "MAX_BODY_BYTES must be a whole number from 1 to 1400000; RETENTION_DAYS must be a whole number from 0 to 3650",
    );
  });
});

describe("a variable", () => {
  it("that is blank is as good as none", () => {
    const blank = {
      SIGNATURE_TOLERANCE_SECONDS: "",
      MAX_BODY_BYTES: " ",
      RETENTION_DAYS: "",
      ALLOW_PRIVATE_DESTINATIONS: "",
    };
    expect(parseConfig({ ...set, ...blank })).toEqual(parseConfig(set));
  });

  it.each([1, 86_400])("of its range is taken, as a number too: %i seconds of tolerance", (seconds) => {
    for (const given of [seconds, String(seconds)]) {
      expect(parseConfig({ ...set, SIGNATURE_TOLERANCE_SECONDS: given }).signatureToleranceSeconds).toBe(seconds);
    }
  });
});

describe("a secret that begins with local-", () => {
  const mixed = { QONTO_WEBHOOK_SECRETS: "local-business-secret,mine", ENCRYPTION_KEYS: "local-encryption-key,key" };

  it("is as good as none, beside others too, and said", () => {
    const { secrets, trustedKeys } = parseConfig({ ...set, ...mixed });
    expect(secrets.business).toEqual(["mine"]);
    expect(trustedKeys).toEqual(["key", ADMIN_TOKEN]);
    expect(faultsOf(mixed)).toEqual([
      "QONTO_WEBHOOK_SECRETS holds a secret that begins with local-, which counts only with ALLOW_PRIVATE_DESTINATIONS=true",
      "ENCRYPTION_KEYS holds a secret that begins with local-, which counts only with ALLOW_PRIVATE_DESTINATIONS=true",
    ]);
    expect(faultsOf({ QONTO_ONBOARDING_SECRETS: "local-onboarding-secret" })).toHaveLength(1);
  });

  it("counts on this machine", () => {
    const { secrets, trustedKeys, faults } = parseConfig({ ...set, ...mixed, ALLOW_PRIVATE_DESTINATIONS: "true" });
    expect(secrets.business).toEqual(["local-business-secret", "mine"]);
    expect(trustedKeys).toEqual(["local-encryption-key", "key", ADMIN_TOKEN]);
    expect(faults).toEqual([]);
  });
});

describe("a key that does not count", () => {
  it("decrypts what it once encrypted, behind those that do", () => {
    const given = { ENCRYPTION_KEYS: "local-encryption-key,key", ADMIN_TOKEN: "short" };
    const { encryptionKeys, trustedKeys } = parseConfig({ ...set, ...given });
    expect(encryptionKeys).toEqual(["key", "local-encryption-key", "short"]);
    expect(trustedKeys).toEqual(["key"]);
  });
});

describe("CONSOLE_FULL_ACCESS_EMAILS", () => {
  const read = (emails: string) => parseConfig({ ...set, CONSOLE_FULL_ACCESS_EMAILS: emails }).consoleFullAccess;

  it.each([
    ["", []],
    ["Ada@Example.com", ["ada@example.com"]],
    [" o'neil+ops@example.com , @Example.org,example.net,", ["o'neil+ops@example.com", "@example.org", "@example.net"]],
    ["ops@sub.example-bank.co.uk", ["ops@sub.example-bank.co.uk"]],
  ])("of %j is %j", (emails, expected) => {
    expect(read(emails)).toEqual(expected);
    expect(faultsOf({ CONSOLE_FULL_ACCESS_EMAILS: emails })).toEqual([]);
  });

  it.each([
    "ada",
    "ada@",
    "@",
    "@localhost",
    "*",
    "*@example.com",
    "*.example.com",
    "a@b@example.com",
    "ada@example.com;bob@example.com",
    "ada@example.com bob@example.com",
    "https://example.com",
    "<ada@example.com>",
    "kim@\u212Aelvin.example",
  ])("names nobody by %j, beside others, which is said and leaves the rest of the relay at work", (entry) => {
    const emails = `${entry},bob@example.com`;
    expect(read(emails)).toEqual(["bob@example.com"]);
    expect(faultsOf({ CONSOLE_FULL_ACCESS_EMAILS: emails })).toEqual([
      "CONSOLE_FULL_ACCESS_EMAILS must be e-mail addresses and domains, as ada@example.com and @example.com, separated by commas",
    ]);
  });
});
