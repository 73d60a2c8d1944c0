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

describe("a short key", () => {
  const application = { QONTO_CLIENT_ID: "client", QONTO_CLIENT_SECRET: "client-secret" };
  const [short, long] = ["k".repeat(31), "K".repeat(32)];
  const said = `ENCRYPTION_KEYS begins with a key of fewer than 32 characters, from which no subscription's secret is derived: put a longer one first, and keep this one behind it`;

  it("encrypts and decrypts as it always has, and gives no secret to a subscription, which is said", () => {
    const given = { ...application, ENCRYPTION_KEYS: short };
    expect(parseConfig({ ...set, ...given })).toMatchObject({
      encryptionKeys: [short, ADMIN_TOKEN],
      trustedKeys: [short, ADMIN_TOKEN],
      subscriptionKeys: [ADMIN_TOKEN],
    });
    expect(faultsOf(given)).toEqual([said]);
    expect(faultsOf({ ...given, ADMIN_TOKEN: "" })).toEqual(["ADMIN_TOKEN is not set", said]);
  });

  it("behind a longer one decrypts, and is no fault", () => {
    const given = { ...application, ENCRYPTION_KEYS: `${long},${short}` };
    expect(parseConfig({ ...set, ...given })).toMatchObject({
      encryptionKeys: [long, short, ADMIN_TOKEN],
      subscriptionKeys: [long, ADMIN_TOKEN],
      faults: [],
    });
  });

  it("is no fault without an application at Qonto, nor on this machine", () => {
    expect(faultsOf({ ENCRYPTION_KEYS: short })).toEqual([]);
    const local = { ...application, ENCRYPTION_KEYS: short, ALLOW_PRIVATE_DESTINATIONS: "true" };
    expect(parseConfig({ ...set, ...local })).toMatchObject({ subscriptionKeys: [short, ADMIN_TOKEN], faults: [] });
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

describe("the application at Qonto", () => {
  const application = { QONTO_CLIENT_ID: "client", QONTO_CLIENT_SECRET: "client-secret" };
  const sandbox = { QONTO_ENVIRONMENT: "sandbox", QONTO_STAGING_TOKEN: "staging" };
  const read = (given: object) => parseConfig({ ...set, ...given }).qonto;

  it("is none without its id and secret, whatever else is set", () => {
    for (const given of [{}, sandbox, { QONTO_TYPES: "v1/cards" }]) {
      expect(parseConfig({ ...set, ...given })).toMatchObject({ qonto: null, subscriptionKeys: [], faults: [] });
    }
  });

  it("is Qonto's production with all types and 90 days, unless another is set", () => {
    expect(read(application)).toEqual({
      clientId: "client",
      clientSecret: "client-secret",
      environment: "production",
      stagingToken: null,
      apiUrl: "https://thirdparty.qonto.com",
      oauthUrl: "https://oauth.qonto.com",
      types: null,
      backfillDays: 90,
    });
    const set = { QONTO_TYPES: " v1/cards, v1/transfers,v1/cards,", QONTO_BACKFILL_DAYS: "7" };
    expect(read({ ...application, ...set })).toMatchObject({ types: ["v1/cards", "v1/transfers"], backfillDays: 7 });
  });

  it("subscribes to types that the catalogue does not name: Qonto adds types", () => {
    expect(read({ ...application, QONTO_TYPES: "v2/unheard-of" })?.types).toEqual(["v2/unheard-of"]);
    expect(read({ ...application, QONTO_TYPES: " " })?.types).toBeNull();
  });

  it("is the sandbox with its staging token, which production is not given", () => {
    expect(read({ ...application, ...sandbox })).toMatchObject({
      environment: "sandbox",
      stagingToken: "staging",
      apiUrl: "https://thirdparty-sandbox.staging.qonto.co",
      oauthUrl: "https://oauth-sandbox.staging.qonto.co",
    });
    expect(read({ ...application, QONTO_STAGING_TOKEN: "staging" })?.stagingToken).toBeNull();
  });

  it("is at other addresses, without a slash at the end", () => {
    const addresses = { QONTO_API_URL: "http://127.0.0.1:9000/", QONTO_OAUTH_URL: "https://oauth.example.com//" };
    expect(read({ ...application, ...addresses, ALLOW_PRIVATE_DESTINATIONS: "true" })).toMatchObject({
      apiUrl: "http://127.0.0.1:9000",
      oauthUrl: "https://oauth.example.com",
    });
  });

  it("needs no secret of a subscription beside it, but an admin token", () => {
    expect(faultsOf({ ...application, QONTO_WEBHOOK_SECRETS: "" })).toEqual([]);
    expect(faultsOf({ ...application, QONTO_WEBHOOK_SECRETS: "", ADMIN_TOKEN: "" })).toEqual([
      "ADMIN_TOKEN is not set",
    ]);
  });

  it.each([
    [{ QONTO_CLIENT_SECRET: "" }, "QONTO_CLIENT_SECRET is not set, and QONTO_CLIENT_ID is"],
    [{ QONTO_ENVIRONMENT: "staging" }, 'QONTO_ENVIRONMENT must be "production" or "sandbox"'],
    [{ QONTO_ENVIRONMENT: "sandbox" }, "QONTO_STAGING_TOKEN is not set, and the sandbox needs it"],
    [
      { QONTO_TYPES: "v1/cards;v1/transfers" },
      "QONTO_TYPES must be event types, as v1/transactions, separated by commas",
    ],
    [{ QONTO_TYPES: "," }, "QONTO_TYPES must be event types, as v1/transactions, separated by commas"],
    [{ QONTO_BACKFILL_DAYS: "0" }, "QONTO_BACKFILL_DAYS must be a whole number from 1 to 3650"],
    [{ QONTO_API_URL: "thirdparty.qonto.com" }, "QONTO_API_URL must be an http or https URL"],
    [{ QONTO_OAUTH_URL: "ftp://oauth.qonto.com" }, "QONTO_OAUTH_URL must be an http or https URL"],
    [
      { QONTO_API_URL: "http://thirdparty.qonto.com" },
      "QONTO_API_URL must be https: http counts only with ALLOW_PRIVATE_DESTINATIONS=true",
    ],
    [
      { QONTO_OAUTH_URL: "HTTP://oauth.qonto.com" },
      "QONTO_OAUTH_URL must be https: http counts only with ALLOW_PRIVATE_DESTINATIONS=true",
    ],
  ])("is none while %o is set, which is said and stops no webhook", (changes, message) => {
    const config = parseConfig({ ...set, QONTO_WEBHOOK_SECRETS: "", ...application, ...changes });
    expect(config.qonto).toBeNull();
    expect(config.faults.map((one) => one.message)).toEqual([message]);
    expect(config.subscriptionKeys).toEqual([ADMIN_TOKEN]);
  });

  it("is none with a secret alone, which is said", () => {
    expect(faultsOf({ QONTO_CLIENT_SECRET: "client-secret" })).toEqual([
      "QONTO_CLIENT_ID is not set, and QONTO_CLIENT_SECRET is",
    ]);
  });
});
