import { type Condition, MOST_DATABASE_BYTES, type Told } from "../store/condition.ts";
import { describeMissing } from "../store/schema.ts";

/** What one check found. `value` is its figure, `limit` the largest that is still well; null where nothing can be counted. */
interface Check {
  readonly status: "ok" | "degraded";
  readonly detail: string;
  readonly value: number | null;
  readonly limit: number | null;
}

export const DATABASE_TIMEOUT_MS = 1_000;

/** The cron runs every minute and notes each second run; it may miss one, and be late. */
const CRON_PATIENCE_SECONDS = 200;

/** An event is fanned out within seconds; one that has waited this long is stuck. */
const EVENT_PATIENCE_SECONDS = 180;

/** A delivery is attempted within seconds of when it is due, or the cron sees to it within a minute. */
const DELIVERY_PATIENCE_SECONDS = 180;

/** A destination that has been down this long will not come back by itself. */
const REST_PATIENCE_SECONDS = 3_600;

/** A full database takes no event: while a fifth of it is free there is time to see to that. */
const DATABASE_PATIENCE_BYTES = 0.8 * MOST_DATABASE_BYTES;

/** Dead letters of the last hour are news. */
export const RECENT_DEAD_LETTERS_MS = 3_600_000;

export function checkConfiguration(faults: readonly string[]): Check {
  const detail = faults.length === 0 ? "Every required secret is set." : `${faults.join("; ")}.`;
  return within(0, faults.length, detail);
}

export function checkDatabase(state: "done" | "failed" | "late"): Check {
  if (state === "done") return { status: "ok", detail: "D1 answers.", value: null, limit: null };
  const fault = state === "late" ? `has not answered within ${DATABASE_TIMEOUT_MS} ms` : "refused a query";
  return unknown(`D1 ${fault}.`);
}

export function checkSchema({ missingMigrations, condition }: Told): Check {
  if (missingMigrations.length > 0) return within(0, missingMigrations.length, describeMissing(missingMigrations));
  // As if somebody had dropped it by hand.
  if (condition === null) return unknown("A table or a column is missing though every migration has been applied.");
  return within(0, 0, "Every migration has been applied.");
}

type ConditionChecks = Readonly<
  Record<"cron" | "fan_out" | "deliveries" | "open_circuits" | "dead_letters" | "secrets" | "storage", Check>
>;

/** The checks of what nobody knows, and why. */
export function nobodyCanTell(why: string): ConditionChecks & { readonly schema: Check } {
  const check = unknown(why);
  return {
    schema: check,
    cron: check,
    fan_out: check,
    deliveries: check,
    open_circuits: check,
    dead_letters: check,
    secrets: check,
    storage: check,
  };
}

export function checkCondition(condition: Condition, now: number): ConditionChecks {
  const overdueSeconds = secondsBetween(condition.oldestDueAt ?? now, now);
  const [longest] = condition.openCircuits;
  const openSeconds = secondsBetween(longest?.since ?? now, now);
  return {
    ...checkCronState(condition.cronState, now),
    deliveries: within(
      DELIVERY_PATIENCE_SECONDS,
      overdueSeconds,
      overdueSeconds === 0
        ? "No delivery is overdue."
        : `The oldest overdue delivery should have been attempted ${overdueSeconds} s ago.`,
    ),
    open_circuits: within(
      REST_PATIENCE_SECONDS,
      openSeconds,
      longest === undefined
        ? "No destination rests."
        : `${condition.openCircuits.length === 1 ? "1 rests" : `${condition.openCircuits.length} rest`}; ${longest.destinationId} has rested for ${openSeconds} s.`,
    ),
    dead_letters: within(
      0,
      condition.recentDeadLetters,
      `The queues gave up on ${condition.recentDeadLetters} messages within the last hour.`,
    ),
    secrets: checkSecrets(condition.cronState.get("undecryptable_secrets") ?? 0),
    storage: checkStorage(condition.databaseBytes),
  };
}

function checkCronState(cronState: Condition["cronState"], now: number): Pick<ConditionChecks, "cron" | "fan_out"> {
  const ranAt = cronState.get("cron_ran_at");
  const oldestUnfinishedAt = cronState.get("oldest_unfinished_at");
  if (ranAt === undefined || oldestUnfinishedAt === undefined) {
    const neverRan = unknown("The cron has never run.");
    return { cron: neverRan, fan_out: neverRan };
  }
  const sinceRunSeconds = secondsBetween(ranAt, now);
  const waitedSeconds = oldestUnfinishedAt === 0 ? 0 : secondsBetween(oldestUnfinishedAt, now);
  return {
    cron: within(CRON_PATIENCE_SECONDS, sinceRunSeconds, `The cron ran ${sinceRunSeconds} s ago.`),
    fan_out: within(
      EVENT_PATIENCE_SECONDS,
      waitedSeconds,
      waitedSeconds === 0
        ? "No event waits for its first attempts."
        : `The oldest event without its first attempts has waited ${waitedSeconds} s.`,
    ),
  };
}

function checkSecrets(undecryptable: number): Check {
  const detail =
    undecryptable === 0
      ? "The destinations' secrets can be opened."
      : `The secrets of ${undecryptable} destinations are encrypted with a key that ENCRYPTION_KEYS lacks.`;
  return within(0, undecryptable, detail);
}

function checkStorage(bytes: number | null): Check {
  if (bytes === null) {
    return { status: "ok", detail: "D1 does not say how large the database is.", value: null, limit: null };
  }
  const detail = `The database holds ${inGigabytes(bytes)} of the ${inGigabytes(MOST_DATABASE_BYTES)} that D1 takes.`;
  return within(DATABASE_PATIENCE_BYTES, bytes, detail);
}

function inGigabytes(bytes: number): string {
  return `${Number((bytes / 1e9).toFixed(2))} GB`;
}

function within(limit: number, value: number, detail: string): Check {
  return { status: value > limit ? "degraded" : "ok", detail, value, limit };
}

function unknown(detail: string): Check {
  return { status: "degraded", detail, value: null, limit: null };
}

function secondsBetween(earlier: number, later: number): number {
  return Math.max(0, Math.round((later - earlier) / 1000));
}
