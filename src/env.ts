import { z } from "zod";
import type { QueueMessage } from "./messages.ts";
import { type Database, openDatabase } from "./store/database.ts";
import type { Timers } from "./platform/timeout.ts";

/** Bindings and variables as `wrangler.toml`, `.dev.vars` and secrets give them. Contract for operators: names and defaults. */
export interface Bindings extends Omit<Env, "DB"> {
  readonly DB: D1Database;
}

/** The same as the relay uses them. */
export interface Env {
  readonly DB: Database;
  readonly EVENTS: Queue<QueueMessage>;
  readonly RETRIES: Queue<QueueMessage>;
  readonly DEAD_LETTERS: Queue;
  readonly WRONG_TOKENS?: RateLimit;
  readonly QONTO_WEBHOOK_SECRETS?: string;
  readonly QONTO_ONBOARDING_SECRETS?: string;
  readonly ADMIN_TOKEN?: string;
  readonly ENCRYPTION_KEYS?: string;
  readonly SIGNATURE_TOLERANCE_SECONDS?: string;
  readonly MAX_BODY_BYTES?: string;
  readonly RETENTION_DAYS?: string;
  readonly ALLOW_PRIVATE_DESTINATIONS?: string;
}

/** One Env for each bindings object, which does not change while an isolate lives: caches are keyed by it. */
export function openBindings(timers: Timers): (bindings: Bindings) => Env {
  const opened = new WeakMap<Bindings, Env>();
  return (bindings) => {
    let env = opened.get(bindings);
    if (env === undefined) {
      env = { ...bindings, DB: openDatabase(bindings.DB, timers) };
      opened.set(bindings, env);
    }
    return env;
  };
}

const secrets = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((secret) => secret.trim())
      .filter((secret) => secret !== ""),
  );

const wholeNumber = (defaultValue: number, minimum: number, maximum: number) =>
  z.coerce.number().int().min(minimum).max(maximum).default(defaultValue);

/** D1 keeps no row beyond 2 MB, and an unreadable body that is released grows by a third: base64. */
const LARGEST_BODY_BYTES = 1_400_000;

/** Qonto retries for about as long; an event id is remembered at least that long, to tell a duplicate. */
const RETRY_HORIZON_DAYS = 7;

const variables = z.object({
  QONTO_WEBHOOK_SECRETS: secrets,
  QONTO_ONBOARDING_SECRETS: secrets,
  ENCRYPTION_KEYS: secrets,
  ADMIN_TOKEN: z.string().trim().default(""),
  SIGNATURE_TOLERANCE_SECONDS: wholeNumber(300, 1, 86_400),
  MAX_BODY_BYTES: wholeNumber(1_048_576, 1, LARGEST_BODY_BYTES),
  RETENTION_DAYS: wholeNumber(30, 0, 3_650).transform((days) => Math.max(days, RETRY_HORIZON_DAYS)),
  ALLOW_PRIVATE_DESTINATIONS: z.stringbool({ truthy: ["true"], falsy: ["false", ""] }).default(false),
});

/** The variables, parsed. */
export interface Config {
  /** Secrets of each of Qonto's systems; empty when none is set. */
  readonly secrets: { readonly business: readonly string[]; readonly onboarding: readonly string[] };
  /** Empty when not set: then nobody is let in. */
  readonly adminToken: string;
  /**
   * Keys of the teams' secrets in D1: the first encrypts, each decrypts. The last is the admin token, which encrypts as
   * long as no other is set.
   */
  readonly encryptionKeys: readonly string[];
  readonly signatureToleranceSeconds: number;
  readonly maxBodyBytes: number;
  readonly retentionDays: number;
  readonly allowPrivateDestinations: boolean;
}

/** A variable that cannot be read. Names the variable and what it takes, never its value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const parsed = new WeakMap<Env, Config>();

/** Throws ConfigError. */
export function readConfig(env: Env): Config {
  let config = parsed.get(env);
  if (config === undefined) {
    config = parseConfig(env);
    parsed.set(env, config);
  }
  return config;
}

function parseConfig(env: Env): Config {
  const result = variables.safeParse(env);
  if (!result.success) {
    throw new ConfigError(result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
  }
  const values = result.data;
  return {
    secrets: { business: values.QONTO_WEBHOOK_SECRETS, onboarding: values.QONTO_ONBOARDING_SECRETS },
    adminToken: values.ADMIN_TOKEN,
    encryptionKeys: [...values.ENCRYPTION_KEYS, values.ADMIN_TOKEN].filter((key) => key !== ""),
    signatureToleranceSeconds: values.SIGNATURE_TOLERANCE_SECONDS,
    maxBodyBytes: values.MAX_BODY_BYTES,
    retentionDays: values.RETENTION_DAYS,
    allowPrivateDestinations: values.ALLOW_PRIVATE_DESTINATIONS,
  };
}

/** What an operator still has to set; empty when the relay can do its work. Never throws. */
export function configFaults(env: Env): string[] {
  try {
    const config = readConfig(env);
    return [
      ...(config.secrets.business.length === 0 ? ["QONTO_WEBHOOK_SECRETS is not set"] : []),
      ...(config.adminToken === "" ? ["ADMIN_TOKEN is not set"] : []),
    ];
  } catch (error) {
    if (error instanceof ConfigError) return [error.message];
    throw error;
  }
}
