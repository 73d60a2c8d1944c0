import { z } from "zod";

/**
 * What the operator has set, and what is wrong with it. Names and defaults are a contract. A message names a variable and what it
 * takes, never its value.
 */

/** The variables, parsed. */
export interface Config {
  /** Secrets of each of Qonto's systems; empty when none is set. */
  readonly secrets: { readonly business: readonly string[]; readonly onboarding: readonly string[] };
  /** Empty when it is not set: then nobody has access. */
  readonly adminToken: string;
  /** All keys that decrypt what D1 keeps: first the trusted ones, of which the first encrypts. */
  readonly encryptionKeys: readonly string[];
  /** ENCRYPTION_KEYS and then the admin token, without those that are not accepted. Without any nothing is encrypted. */
  readonly trustedKeys: readonly string[];
  /** Whether an application at Qonto is set, also while a variable of the connection cannot be read. */
  readonly isApplication: boolean;
  /** Those of the trusted keys that give the relay's own subscriptions their secrets: without an application none. */
  readonly subscriptionKeys: readonly string[];
  readonly signatureToleranceSeconds: number;
  readonly maxBodyBytes: number;
  readonly retentionDays: number;
  readonly allowPrivateDestinations: boolean;
  /** Who has full access through Cloudflare Access: `ada@example.com`, or a domain as `@example.com`. In lower case. */
  readonly consoleFullAccess: readonly string[];
  /** The OAuth application at Qonto; null when none is configured: then the relay cannot be connected. */
  readonly qonto: QontoApplication | null;
  /** What is missing or not accepted. */
  readonly faults: readonly ConfigFault[];
}

/** Of a relay that can be connected to Qonto. */
export interface ConnectableConfig extends Config {
  readonly qonto: QontoApplication;
}

export function isConnectable(config: Config): config is ConnectableConfig {
  return config.qonto !== null;
}

/** The relay as an OAuth application of Qonto's, and what it is to look after there. */
export interface QontoApplication {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly environment: "production" | "sandbox";
  /** Null in production. */
  readonly stagingToken: string | null;
  /** Without a slash at the end. */
  readonly apiUrl: string;
  /** Without a slash at the end. */
  readonly oauthUrl: string;
  /** The types to subscribe to; null: all of the catalogue that the scopes allow. */
  readonly types: readonly string[] | null;
  /** Days of transactions with which the state is filled. */
  readonly backfillDays: number;
}

export interface ConfigFault {
  readonly variable: string;
  /** Without a full stop. */
  readonly message: string;
}

/** Variables that cannot be read. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ message }) => message).join("; "));
    this.faults = faults;
  }
}

/** A value from a file can be a number or a flag. A blank one is not set. */
const text = z
  .union([z.string(), z.number(), z.boolean()], "must be a text")
  .default("")
  .transform((value) => String(value).trim());

const list = text.transform(itemsOf);

function itemsOf(joined: string): string[] {
  const items = joined.split(",").map((item) => item.trim());
  return items.filter(isSet);
}

const wholeNumber = (defaultValue: number, minimum: number, maximum: number) =>
  text
    .transform((digits) => (digits === "" ? defaultValue : /^\d+$/.test(digits) ? Number(digits) : Number.NaN))
    .refine((number) => number >= minimum && number <= maximum, `must be a whole number from ${minimum} to ${maximum}`);

/** D1 keeps no row beyond 2 MB, and a released unreadable body is base64, a third longer. */
const LARGEST_BODY_BYTES = 1_400_000;

/** Qonto retries for about as long. An event is kept at least that long, so that a duplicate is recognised. */
const RETRY_HORIZON_DAYS = 7;

const variables = z.object({
  QONTO_WEBHOOK_SECRETS: list,
  QONTO_CLIENT_ID: text,
  QONTO_CLIENT_SECRET: text,
  QONTO_ONBOARDING_SECRETS: list,
  ENCRYPTION_KEYS: list,
  ADMIN_TOKEN: text,
  SIGNATURE_TOLERANCE_SECONDS: wholeNumber(300, 1, 86_400),
  MAX_BODY_BYTES: wholeNumber(1_048_576, 1, LARGEST_BODY_BYTES),
  RETENTION_DAYS: wholeNumber(30, 0, 3_650).transform((days) => Math.max(days, RETRY_HORIZON_DAYS)),
  ALLOW_PRIVATE_DESTINATIONS: text
    .refine((flag) => ["true", "false", ""].includes(flag), 'must be "true" or "false"')
    .transform((flag) => flag === "true"),
  CONSOLE_FULL_ACCESS_EMAILS: list,
});

const URLS = {
  production: { api: "https://thirdparty.qonto.com", oauth: "https://oauth.qonto.com" },
  sandbox: { api: "https://thirdparty-sandbox.staging.qonto.co", oauth: "https://oauth-sandbox.staging.qonto.co" },
};

/**
 * The variables of the connection to Qonto. They are parsed apart from the others: one that cannot be read stops the connection,
 * and no webhook.
 */
const applicationVariables = z
  .object({
    QONTO_CLIENT_ID: text,
    QONTO_CLIENT_SECRET: text,
    QONTO_ENVIRONMENT: text
      .transform((name) => name || "production")
      .pipe(z.enum(["production", "sandbox"], 'must be "production" or "sandbox"')),
    QONTO_STAGING_TOKEN: text,
    QONTO_TYPES: text
      .refine(isTypesOrEmpty, "must be event types, as v1/transactions, separated by commas")
      .transform((joined) => [...new Set(itemsOf(joined))]),
    QONTO_BACKFILL_DAYS: wholeNumber(90, 1, 3_650),
    QONTO_API_URL: text.refine(isUrlOrEmpty, "must be an http or https URL"),
    QONTO_OAUTH_URL: text.refine(isUrlOrEmpty, "must be an http or https URL"),
  })
  .superRefine(({ QONTO_CLIENT_ID: id, QONTO_CLIENT_SECRET: secret, ...rest }, context) => {
    const miss = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (id !== "" && secret === "") miss("QONTO_CLIENT_SECRET", "is not set, and QONTO_CLIENT_ID is");
    if (id === "" && secret !== "") miss("QONTO_CLIENT_ID", "is not set, and QONTO_CLIENT_SECRET is");
    if (id !== "" && rest.QONTO_ENVIRONMENT === "sandbox" && rest.QONTO_STAGING_TOKEN === "") {
      miss("QONTO_STAGING_TOKEN", "is not set, and the sandbox needs it");
    }
  });

/** Whether a variable is one of the connection's, so that its fault stops the connection. */
export function isOfApplication({ variable }: ConfigFault): boolean {
  return Object.hasOwn(applicationVariables.shape, variable);
}

/** They need not be in the catalogue: Qonto adds types. */
function isTypesOrEmpty(joined: string): boolean {
  const types = itemsOf(joined);
  return joined === "" || (types.length > 0 && types.every((type) => /^v\d+\/[a-z\d-]+$/.test(type)));
}

function isUrlOrEmpty(text: string): boolean {
  return text === "" || ["http:", "https:"].includes(URL.parse(text)?.protocol ?? "");
}

/** Tokens and the client's secret go to these addresses. */
const addressVariables = ["QONTO_API_URL", "QONTO_OAUTH_URL"] as const;

const CLEAR_TEXT = "must be https: http counts only with ALLOW_PRIVATE_DESTINATIONS=true";

function parseApplication(given: object, isLocal: boolean): Pick<Config, "qonto" | "faults"> {
  const result = applicationVariables.safeParse(given);
  if (!result.success) return { qonto: null, faults: faultsOf(result.error) };
  const values = result.data;
  if (values.QONTO_CLIENT_ID === "") return { qonto: null, faults: [] };
  const inClearText = addressVariables.filter((name) => URL.parse(values[name])?.protocol === "http:");
  if (inClearText.length > 0 && !isLocal) {
    return { qonto: null, faults: inClearText.map((name) => fault(name, CLEAR_TEXT)) };
  }
  const { api, oauth } = URLS[values.QONTO_ENVIRONMENT];
  const qonto = {
    clientId: values.QONTO_CLIENT_ID,
    clientSecret: values.QONTO_CLIENT_SECRET,
    environment: values.QONTO_ENVIRONMENT,
    stagingToken: values.QONTO_ENVIRONMENT === "sandbox" ? values.QONTO_STAGING_TOKEN : null,
    apiUrl: withoutSlash(values.QONTO_API_URL || api),
    oauthUrl: withoutSlash(values.QONTO_OAUTH_URL || oauth),
    types: values.QONTO_TYPES.length === 0 ? null : values.QONTO_TYPES,
    backfillDays: values.QONTO_BACKFILL_DAYS,
  };
  return { qonto, faults: [] };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}

/** A token or a key of this length cannot be guessed at the speed of a network. */
const SECRET_CHARACTERS = 32;

/** Throws ConfigError. */
export function parseConfig(given: object): Config {
  const result = variables.safeParse(given);
  if (!result.success) throw new ConfigError(faultsOf(result.error));
  const values = result.data;
  const isLocal = values.ALLOW_PRIVATE_DESTINATIONS;
  /** Secrets that are published in this repository are for local development only. */
  const counts = (secret: string) => isLocal || !secret.startsWith("local-");
  const isLongEnough = (secret: string) => isLocal || secret.length >= SECRET_CHARACTERS;
  const adminToken = isLongEnough(values.ADMIN_TOKEN) && counts(values.ADMIN_TOKEN) ? values.ADMIN_TOKEN : "";
  const trustedKeys = [...values.ENCRYPTION_KEYS.filter(counts), adminToken].filter(isSet);
  const allKeys = [...trustedKeys, ...values.ENCRYPTION_KEYS, values.ADMIN_TOKEN].filter(isSet);
  const secrets = {
    business: values.QONTO_WEBHOOK_SECRETS.filter(counts),
    onboarding: values.QONTO_ONBOARDING_SECRETS.filter(counts),
  };
  const application = parseApplication(given, isLocal);
  const isApplication = values.QONTO_CLIENT_ID !== "" || values.QONTO_CLIENT_SECRET !== "";
  // A guessed key would sign events: one that is short only encrypts, as it always has.
  const subscriptionKeys = isApplication ? trustedKeys.filter(isLongEnough) : [];
  const isUncounted = (name: (typeof secretLists)[number]) => !values[name].every(counts);
  return {
    secrets,
    adminToken,
    encryptionKeys: [...new Set(allKeys)],
    trustedKeys,
    isApplication,
    // Also while a variable of the connection cannot be read: no webhook depends on it.
    subscriptionKeys,
    signatureToleranceSeconds: values.SIGNATURE_TOLERANCE_SECONDS,
    maxBodyBytes: values.MAX_BODY_BYTES,
    retentionDays: values.RETENTION_DAYS,
    allowPrivateDestinations: isLocal,
    consoleFullAccess: values.CONSOLE_FULL_ACCESS_EMAILS.filter(isEmailOrDomain).map(toAddress),
    qonto: application.qonto,
    faults: [
      ...secretLists.filter(isUncounted).map((name) => fault(name, `holds a secret that ${BEGINS_WITH_LOCAL}`)),
      // A relay that is an application of Qonto's makes the secrets of its subscriptions itself.
      ...(values.QONTO_WEBHOOK_SECRETS.length > 0 || isApplication ? [] : [fault("QONTO_WEBHOOK_SECRETS", NOT_SET)]),
      ...(adminToken === "" ? [fault("ADMIN_TOKEN", whyRefused(values.ADMIN_TOKEN, isLongEnough))] : []),
      ...(isApplication && subscriptionKeys[0] !== trustedKeys[0] ? [fault("ENCRYPTION_KEYS", SHORT_FIRST_KEY)] : []),
      // Such an entry gives nobody access, and unlike other variables that cannot be read it stops no webhook.
      ...(values.CONSOLE_FULL_ACCESS_EMAILS.every(isEmailOrDomain)
        ? []
        : [fault("CONSOLE_FULL_ACCESS_EMAILS", FULL_ACCESS_FORM)]),
      ...application.faults,
    ],
  };
}

const secretLists = ["QONTO_WEBHOOK_SECRETS", "QONTO_ONBOARDING_SECRETS", "ENCRYPTION_KEYS"] as const;

const BEGINS_WITH_LOCAL = "begins with local-, which counts only with ALLOW_PRIVATE_DESTINATIONS=true";

const NOT_SET = "is not set";

const SHORT_FIRST_KEY =
  `begins with a key of fewer than ${SECRET_CHARACTERS} characters, from which no subscription's secret is derived: ` +
  "put a longer one first, and keep this one behind it";

const FULL_ACCESS_FORM =
  "must be e-mail addresses and domains, as ada@example.com and @example.com, separated by commas";

const emailOrDomain = /^(?:[\w.!#$%&'/=?^`{|}~+-]*@)?[a-z\d-]+(?:\.[a-z\d-]+)+$/i;

function isEmailOrDomain(entry: string): boolean {
  return emailOrDomain.test(entry);
}

function toAddress(entry: string): string {
  const lower = entry.toLowerCase();
  return lower.includes("@") ? lower : `@${lower}`;
}

function whyRefused(token: string, isLongEnough: (secret: string) => boolean): string {
  if (token === "") return NOT_SET;
  return isLongEnough(token)
    ? BEGINS_WITH_LOCAL
    : `is too short: it must have at least ${SECRET_CHARACTERS} characters`;
}

function fault(variable: string, message: string): ConfigFault {
  return { variable, message: `${variable} ${message}` };
}

function faultsOf({ issues }: z.ZodError): ConfigFault[] {
  return issues.map(({ path, message }) => fault(String(path[0]), message));
}

function isSet(value: string): boolean {
  return value !== "";
}
