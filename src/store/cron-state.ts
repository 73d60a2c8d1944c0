import { z } from "zod";
import { type Database, retried, write } from "./database.ts";
import { batchOnSchema } from "./schema.ts";

/** What the cron remembers from one run to the next. Times are Unix milliseconds, positions are `events.seq`. */
const names = [
  /** When it last ran, or a run or two before. */
  "cron_ran_at",
  /** Receipt of the oldest undispatched event that the recovery scan has found so far; 0: none. */
  "oldest_undispatched_at",
  /** The position before that event. */
  "undispatched_from",
  /** The position from which the next run of the recovery scan continues. */
  "recovery_scan_from",
  /** 1: the last run was cut short. */
  "recovery_scan_continues",
  /** The position from which retention continues. */
  "retention_from",
  /** When retention last began at the first event. */
  "retention_began_at",
  /** Destinations whose secret no key decrypts. */
  "undecryptable_secrets",
  /** When a canary was last sent through the queues. */
  "canary_sent_at",
  /** When the canary that last came out of each queue was sent. */
  "canary_events",
  "canary_retries",
  "canary_dead_letters",
  /** When the receiver last recorded a canary. */
  "canary_receiver",
  /** How often hours that the ledger remembers were changed. */
  "ledger_changes",
  /** The hour up to which the ledger has remembered hours. */
  "ledger_kept_until",
  /** When the next remembered hour is checked. */
  "ledger_due_at",
  /** When the rows of an hour last differed from what the ledger remembered. */
  "ledger_drifted_at",
  /** When something was last quarantined; greater each time. */
  "quarantined_at",
  /** When a gap last made reconciliation due. */
  "gap_noticed_at",
  /** Refusals behind which webhooks may be missing, of all time, when they were last looked at. */
  "gap_refusals",
] as const;

export type CronStateName = (typeof names)[number];

export const readCronStateSql = "SELECT name, value FROM cron_state";

/** A statement; its rows are for `readCronStateFrom`. */
export function allCronState(db: Database): D1PreparedStatement {
  return db.prepare(readCronStateSql);
}

export async function readCronState(db: Database): Promise<Map<CronStateName, number>> {
  const { results } = await allCronState(db).all();
  return readCronStateFrom(results);
}

/** The name is null when only another version of the relay knows it. */
const cronStateRow = z.object({ name: z.enum(names).nullable().catch(null), value: z.number() });

export function readCronStateFrom(rows: readonly unknown[]): Map<CronStateName, number> {
  const known = z.array(cronStateRow).parse(rows);
  return new Map(known.flatMap(({ name, value }) => (name === null ? [] : [[name, value]])));
}

export const writeCronStateSql = `
  INSERT INTO cron_state (name, value) SELECT key, value FROM json_each(?1) WHERE true
  ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value`;

/** Rows written: 1 for each that has changed. No D1 call when all is `known` to its caller already. */
export async function writeCronState(
  db: Database,
  cronState: CronState,
  known: ReadonlyMap<string, number> = new Map(),
): Promise<void> {
  const isKnown = Object.entries(cronState).every(([name, value]) => known.get(name) === value);
  if (isKnown) return;
  await write(db, cronStateToWrite(db, cronState));
}

/** Notes the doctor's canary where an event would be recorded. Throws SchemaMissing. */
export async function recordReceiverCanary(db: Database, receivedAt: number): Promise<void> {
  await retried(db, () => batchOnSchema(db, [cronStateToWrite(db, { canary_receiver: receivedAt })]));
}

type CronState = Partial<Record<CronStateName, number>>;

/** A statement that writes what has changed. */
export function cronStateToWrite(db: Database, cronState: CronState): D1PreparedStatement {
  return db.prepare(writeCronStateSql).bind(JSON.stringify(cronState));
}
