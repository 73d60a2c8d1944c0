import {
  type Config,
  ConfigError,
  type ConfigFault,
  type ConnectableConfig,
  isConnectable,
  isOfApplication,
  parseConfig,
} from "./config.ts";
import type { QueueMessage } from "./messages.ts";
import { logFailure } from "./platform/log.ts";
import { type Database, openDatabase } from "./store/database.ts";
import type { Timers } from "./platform/timeout.ts";

export { type Config, type ConnectableConfig, isConnectable, isOfApplication };

/**
 * Bindings and variables as `wrangler.toml`, `.dev.vars` and secrets give them. The names are a contract with operators. The
 * defaults are in src/config.ts.
 */
export interface Bindings extends Omit<Env, "DB"> {
  readonly DB: D1Database;
}

/** The same, with the database as the relay uses it. */
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
  readonly CONSOLE_FULL_ACCESS_EMAILS?: string;
  readonly QONTO_CLIENT_ID?: string;
  readonly QONTO_CLIENT_SECRET?: string;
  readonly QONTO_ENVIRONMENT?: string;
  readonly QONTO_STAGING_TOKEN?: string;
  readonly QONTO_TYPES?: string;
  readonly QONTO_BACKFILL_DAYS?: string;
  readonly QONTO_API_URL?: string;
  readonly QONTO_OAUTH_URL?: string;
}

/** One Env for each bindings object, which stays the same while an isolate lives. Caches are keyed by it. */
export function openBindings(timers: Timers): (bindings: Bindings) => Env {
  const opened = new WeakMap<Bindings, Env>();
  return (bindings) =>
    opened.getOrInsertComputed(bindings, () => ({ ...bindings, DB: openDatabase(bindings.DB, timers) }));
}

const parsed = new WeakMap<Env, Config>();

/** Throws ConfigError. */
export function readConfig(env: Env): Config {
  return parsed.getOrInsertComputed(env, parseConfig);
}

/** What an operator still has to set; empty when the relay can work. Never throws. */
export function configFaults(env: Env): readonly ConfigFault[] {
  try {
    return readConfig(env).faults;
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

/** `readConfig` for what goes on without it. Null when it cannot be read; the log of `unit` says why. */
export function tryReadConfig(env: Env, unit: string): Config | null {
  try {
    return readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    logFailure(unit, error, { message: "configuration.read_failed" });
    return null;
  }
}
