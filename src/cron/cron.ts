import { type Config, ConfigError, type Env, readConfig } from "../env.ts";
import { type Fields, logFailure, logLine } from "../platform/log.ts";
import { readCronState, writeCronState } from "../store/cron-state.ts";
import { SchemaMissing, explained } from "../store/schema.ts";
import { deleteWhatIsOld } from "./delete-old.ts";
import { endHeldTooLong } from "./end-held-too-long.ts";
import { keepLedger } from "./keep-ledger.ts";
import { recoverEvents } from "./recover-events.ts";
import { reencryptSecrets } from "./reencrypt-secrets.ts";
import { resumeReplays } from "./resume-replays.ts";
import { settleOvertakenCopies } from "./settle-quarantine.ts";
import { writeCounters } from "../write-counters.ts";
import type { CronRun, CronTask } from "./cron-task.ts";
import { drainOverdueDestinations } from "./drain-overdue.ts";

const tasks: Readonly<Record<string, CronTask>> = {
  "recover-events": recoverEvents,
  "drain-overdue-destinations": drainOverdueDestinations,
  "end-held-too-long": endHeldTooLong,
  "resume-replays": resumeReplays,
  "settle-quarantine": settleOvertakenCopies,
  "delete-what-is-old": deleteWhatIsOld,
  "reencrypt-secrets": reencryptSecrets,
  "keep-ledger": keepLedger,
  "write-counters": async ({ env, world, counters }) => {
    await writeCounters(env.DB, counters, world.now());
    return {};
  },
  "note-the-run": noteTheRun,
};

/** Each second run, for a row: health gives the cron some minutes. */
const NOTED_EVERY_MS = 110_000;

async function noteTheRun({ env, world }: CronRun): Promise<Fields> {
  const now = world.now();
  const notedAt = (await readCronState(env.DB)).get("cron_ran_at") ?? 0;
  if (now - notedAt >= NOTED_EVERY_MS) await writeCronState(env.DB, { cron_ran_at: now });
  return {};
}

/** The cron's work, once a minute. A task that fails does not keep the others from theirs, but the run has failed. */
export async function runCron({ env, world, counters }: Omit<CronRun, "config">): Promise<void> {
  const cron: CronRun = { env, world, counters, config: tryReadConfig(env) };
  const startedAt = world.now();
  const failures: unknown[] = [];
  let done: Fields = {};
  for (const [name, task] of Object.entries(tasks)) {
    try {
      done = { ...done, ...(await task(cron)) };
    } catch (error) {
      const failure = await explained(env.DB, error);
      // What the schema lacks is said once, and not by each task.
      if (!(failure instanceof SchemaMissing && failures.some((one) => one instanceof SchemaMissing)))
        logFailure(name, failure);
      failures.push(failure);
    }
  }
  logLine("cron", { ...done, failed_tasks: failures.length, duration_ms: world.now() - startedAt });
  if (failures.length > 0) throw new AggregateError(failures, "CronRun failed in part");
}

function tryReadConfig(env: Env): Config | null {
  try {
    return readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    logFailure("cron", error);
    return null;
  }
}
