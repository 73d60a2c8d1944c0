import { z } from "zod";
import { type Database, retried } from "./database.ts";
import { batchOnSchema } from "./schema.ts";

/**
 * What the cron remembers. `cron_ran_at`: when it last ran, or a run or two before. `oldest_unfinished_at`: receipt of the
 * oldest event that has not been fanned out, as far as the present scan has come, and 0 when there is none; `unfinished_from`:
 * the position behind which it is. `recovery_scan_from`: the position behind which the next run goes on. `recovery_scan_continues`: 1 when the
 * last one was cut short. `retention_from`: the position behind which the next look for old
 * events begins; `retention_began_at`: when the looks began at the first event. `undecryptable_secrets`: of how many destinations no
 * key opens the secret. `probe_sent_at`: when the queues were last probed; `probed_…`: which probe came last
 * out of which queue, and when the receiver was probed. `ledger_changes`: how often settled hours have been changed;
 * `ledger_kept_until`: the hour before which all have had their turn to be kept in `ledger_hours`; `ledger_due_at`: when
 * the next hour is looked at; `ledger_drifted_at`: when the rows of one last said something else than before. Times are Unix milliseconds.
 */
const names = [
  "cron_ran_at",
  "oldest_unfinished_at",
  "unfinished_from",
  "recovery_scan_from",
  "recovery_scan_continues",
  "retention_from",
  "retention_began_at",
  "undecryptable_secrets",
  "probe_sent_at",
  "probed_events",
  "probed_retries",
  "probed_dead_letters",
  "probed_receiver",
  "ledger_changes",
  "ledger_kept_until",
  "ledger_due_at",
  "ledger_drifted_at",
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

const cronStateRow = z.object({ name: z.string(), value: z.number() });

/** CronState out of the rows of `readCronStateSql`; those that only another version of the relay knows are left out. */
export function readCronStateFrom(rows: readonly unknown[]): Map<CronStateName, number> {
  const values = new Map(rows.map((row) => cronStateRow.parse(row)).map(({ name, value }) => [name, value]));
  return new Map(
    names.flatMap((name) => {
      const value = values.get(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

export const writeCronStateSql = `
  INSERT INTO cron_state (name, value) SELECT key, value FROM json_each(?1) WHERE true
  ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value`;

/** Rows written: 1 for each that has changed. */
export async function writeCronState(db: Database, cronState: CronState): Promise<void> {
  await retried(db, () => stateToWrite(db, cronState).run());
}

/** The doctor's event, which is refused where an event would be. Throws SchemaMissing. */
export async function recordReceiverProbe(db: Database, receivedAt: number): Promise<void> {
  await retried(db, () => batchOnSchema(db, [stateToWrite(db, { probed_receiver: receivedAt })]));
}

type CronState = Partial<Record<CronStateName, number>>;

function stateToWrite(db: Database, cronState: CronState): D1PreparedStatement {
  return db.prepare(writeCronStateSql).bind(JSON.stringify(cronState));
}
