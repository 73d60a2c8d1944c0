import type { ConfigFault } from "../config.ts";
import { isBehind } from "../domain/connection.ts";
import { type Check, type Health, checkNames } from "../domain/health.ts";
import { isoTime } from "../domain/instant.ts";
import { type Env, configFaults } from "../env.ts";
import { type Timers, withTimeout } from "../platform/timeout.ts";
import type { ConnectionHealth } from "../store/connection-health.ts";
import { type Condition, MOST_DATABASE_BYTES, type Told, readCondition } from "../store/condition.ts";
import { describeMissing } from "../store/schema.ts";

type Checks = Health["checks"];

const DATABASE_TIMEOUT_MS = 1_000;

/** The cron runs every minute and notes every second run; a run may be missed or late. */
const LONGEST_CRON_PAUSE_SECONDS = 200;

/** An event is dispatched within seconds. */
const LONGEST_FAN_OUT_SECONDS = 180;

/** A delivery is attempted within seconds of its due time; after a lost message the cron attempts it within a minute. */
const LONGEST_OVERDUE_SECONDS = 180;

/** A destination that has been down this long does not come back by itself. */
const LONGEST_OPEN_CIRCUIT_SECONDS = 3_600;

/** A full database takes no event. A fifth of it leaves the operator time to act. */
const LARGEST_DATABASE_BYTES = 0.8 * MOST_DATABASE_BYTES;

/** Subscriptions are compared every quarter of an hour: four times Qonto did not let the relay look, or restore one. */
const LONGEST_UNSUBSCRIBED_MS = 3_600_000;

/** Older dead letters no longer count. */
const RECENT_DEAD_LETTERS_MS = 3_600_000;

/** Checks whether events flow, in one D1 call, also while D1 does not answer or has no tables. */
export async function judgeHealth(env: Env, now: number, timers: Timers): Promise<Health> {
  const read = await withTimeout(readCondition(env.DB, now - RECENT_DEAD_LETTERS_MS), DATABASE_TIMEOUT_MS, timers);
  const told = read.state === "done" ? read.value : null;
  const checks: Checks = {
    ...allUnknown(told === null ? "D1 does not answer." : "The database lacks tables that this check reads."),
    configuration: checkConfiguration(configFaults(env)),
    database: checkDatabase(read.state),
    ...(told !== null && { schema: checkSchema(told) }),
    ...(told?.condition && checkCondition(told.condition, now)),
  };
  const isDegraded = Object.values(checks).some(({ status }) => status === "degraded");
  return { status: isDegraded ? "degraded" : "ok", checks };
}

function allUnknown(why: string): Checks {
  return Object.fromEntries(checkNames.map((name) => [name, unknown(why)])) as Checks;
}

function checkConfiguration(faults: readonly ConfigFault[]): Check {
  const detail = `${faults.map(({ message }) => message).join("; ")}.`;
  return atMost(0, faults.length, detail, "Every required secret is set.");
}

function checkDatabase(state: "done" | "failed" | "late"): Check {
  if (state === "done") return { status: "ok", detail: "D1 answers.", value: null, limit: null };
  const fault = state === "late" ? `has not answered within ${DATABASE_TIMEOUT_MS} ms` : "refused a query";
  return unknown(`D1 ${fault}.`);
}

function checkSchema({ missingMigrations, condition }: Told): Check {
  const { length: missing } = missingMigrations;
  // An operator may have dropped a table by hand.
  if (missing === 0 && condition === null) {
    return unknown("A table or a column is missing though every migration has been applied.");
  }
  return atMost(0, missing, describeMissing(missingMigrations), "Every migration has been applied.");
}

function checkCondition(condition: Condition, now: number): Omit<Checks, "configuration" | "database" | "schema"> {
  const { cronState, oldestDueAt, openCircuits, recentDeadLetters, connections, databaseBytes } = condition;
  const overdueSeconds = secondsBetween(oldestDueAt ?? now, now);
  return {
    ...checkCron(cronState, now),
    deliveries: atMost(
      LONGEST_OVERDUE_SECONDS,
      overdueSeconds,
      `The oldest overdue delivery was due ${overdueSeconds} s ago.`,
      "No delivery is overdue.",
    ),
    open_circuits: checkOpenCircuits(openCircuits, now),
    dead_letters: atMost(
      0,
      recentDeadLetters,
      `${recentDeadLetters} dead ${recentDeadLetters === 1 ? "letter" : "letters"} in the last hour.`,
      "No dead letters in the last hour.",
    ),
    connections: checkConnections(connections, now),
    secrets: checkSecrets(cronState.get("undecryptable_secrets") ?? 0),
    storage: checkStorage(databaseBytes),
  };
}

function checkCron(cronState: Condition["cronState"], now: number): Pick<Checks, "cron" | "fan_out"> {
  const ranAt = cronState.get("cron_ran_at");
  const oldestUndispatchedAt = cronState.get("oldest_undispatched_at");
  if (ranAt === undefined || oldestUndispatchedAt === undefined) {
    const neverRan = unknown("The cron has never run.");
    return { cron: neverRan, fan_out: neverRan };
  }
  const sinceRunSeconds = secondsBetween(ranAt, now);
  const waitedSeconds = oldestUndispatchedAt === 0 ? 0 : secondsBetween(oldestUndispatchedAt, now);
  return {
    cron: atMost(LONGEST_CRON_PAUSE_SECONDS, sinceRunSeconds, `The cron ran ${sinceRunSeconds} s ago.`),
    fan_out: atMost(
      LONGEST_FAN_OUT_SECONDS,
      waitedSeconds,
      `The oldest event without first attempts was received ${waitedSeconds} s ago.`,
      "No event waits for its first attempts.",
    ),
  };
}

function checkOpenCircuits(openCircuits: Condition["openCircuits"], now: number): Check {
  const [longest] = openCircuits;
  if (longest === undefined) return atMost(LONGEST_OPEN_CIRCUIT_SECONDS, 0, "No circuit is open.");
  const seconds = secondsBetween(longest.since, now);
  const detail =
    openCircuits.length === 1
      ? `1 circuit is open: ${longest.destinationId}, for ${seconds} s.`
      : `${openCircuits.length} circuits are open; the longest, ${longest.destinationId}, for ${seconds} s.`;
  return atMost(LONGEST_OPEN_CIRCUIT_SECONDS, seconds, detail);
}

/** It names connections, and no organization: `/health` is public. */
function checkConnections(connections: readonly ConnectionHealth[], now: number): Check {
  const faults = connections.flatMap((connection) => faultOfConnection(connection, now) ?? []);
  const { length } = connections;
  const connected = `${length} ${length === 1 ? "connection" : "connections"} to Qonto, none at fault.`;
  return atMost(0, faults.length, faults.join(" "), length === 0 ? "No connection to Qonto." : connected);
}

/** What is wrong with a connection, and what to do; null: nothing. */
function faultOfConnection(connection: ConnectionHealth, now: number): string | null {
  const { id, status, connectedAt, missingSince, checkedAt, reconciledUntil } = connection;
  if (status !== "connected") {
    return `The connection ${id} is ${status}: connect it again on ${QONTO_PAGE}.`;
  }
  if (missingSince !== null && now - missingSince > LONGEST_UNSUBSCRIBED_MS) {
    return `A subscription of ${id} has been missing for ${secondsBetween(missingSince, now)} s: ${PAGE_SAYS_WHY}`;
  }
  if (checkedAt !== null && now - Math.max(checkedAt, connectedAt) > LONGEST_UNSUBSCRIBED_MS) {
    const seconds = secondsBetween(checkedAt, now);
    return `The last check of the subscriptions of ${id} that succeeded was ${seconds} s ago: ${PAGE_SAYS_WHY}`;
  }
  if (isBehind(connection, now)) {
    const until = reconciledUntil === null ? "not complete yet" : `complete only up to ${isoTime(reconciledUntil)}`;
    return `The state of the organization of ${id} is ${until}: ${PAGE_SAYS_WHY}`;
  }
  return null;
}

/** The overview turns it into a link. */
export const QONTO_PAGE = "the console's page Qonto";

const PAGE_SAYS_WHY = `${QONTO_PAGE} says why.`;

function checkSecrets(undecryptable: number): Check {
  const whose = `${undecryptable} ${undecryptable === 1 ? "destination" : "destinations"}`;
  const detail = `The secrets of ${whose} are encrypted with a key that ENCRYPTION_KEYS lacks.`;
  return atMost(0, undecryptable, detail, "Every destination's secret can be decrypted.");
}

function checkStorage(bytes: number | null): Check {
  if (bytes === null) {
    return { status: "ok", detail: "D1 does not report the size of the database.", value: null, limit: null };
  }
  const detail = `The database holds ${inGigabytes(bytes)} of the ${inGigabytes(MOST_DATABASE_BYTES)} that D1 takes.`;
  return atMost(LARGEST_DATABASE_BYTES, bytes, detail);
}

function inGigabytes(bytes: number): string {
  return `${Number((bytes / 1e9).toFixed(2))} GB`;
}

/** `detailOfNone`: when the value is 0. */
function atMost(limit: number, value: number, detail: string, detailOfNone = detail): Check {
  return { status: value > limit ? "degraded" : "ok", detail: value === 0 ? detailOfNone : detail, value, limit };
}

function unknown(detail: string): Check {
  return { status: "degraded", detail, value: null, limit: null };
}

function secondsBetween(earlier: number, later: number): number {
  return Math.max(0, Math.round((later - earlier) / 1000));
}
