import { type Config, ConfigError, type Env, readConfig } from "../env.ts";
import { type Fields, logFailure, logLine } from "../platform/log.ts";
import { readMarks, writeMarks } from "../store/marks.ts";
import { SchemaMissing, explained } from "../store/schema.ts";
import { deleteWhatIsOld } from "./delete-old.ts";
import { endHeldTooLong } from "./end-held-too-long.ts";
import { keepLedger } from "./keep-ledger.ts";
import { requeueForgottenEvents } from "./requeue-events.ts";
import { resealSecrets } from "./reseal-secrets.ts";
import { resumeReplays } from "./resume-replays.ts";
import { settleOvertakenCopies } from "./settle-quarantine.ts";
import { writeTally } from "../write-tally.ts";
import type { Upkeep, UpkeepTask } from "./upkeep-task.ts";
import { wakeOverdueDestinations } from "./wake-overdue.ts";

const tasks: Readonly<Record<string, UpkeepTask>> = {
  "requeue-forgotten-events": requeueForgottenEvents,
  "wake-overdue-destinations": wakeOverdueDestinations,
  "end-held-too-long": endHeldTooLong,
  "resume-replays": resumeReplays,
  "settle-quarantine": settleOvertakenCopies,
  "delete-what-is-old": deleteWhatIsOld,
  "reseal-secrets": resealSecrets,
  "keep-ledger": keepLedger,
  "write-tally": async ({ env, world, tally }) => {
    await writeTally(env.DB, tally, world.now());
    return {};
  },
  "note-the-run": noteTheRun,
};

/** Each second run, for a row: health gives the cron some minutes. */
const NOTED_EVERY_MS = 110_000;

async function noteTheRun({ env, world }: Upkeep): Promise<Fields> {
  const now = world.now();
  const notedAt = (await readMarks(env.DB)).get("cron_ran_at") ?? 0;
  if (now - notedAt >= NOTED_EVERY_MS) await writeMarks(env.DB, { cron_ran_at: now });
  return {};
}

/** The cron's work, once a minute. A task that fails does not keep the others from theirs, but the run has failed. */
export async function runUpkeep({ env, world, tally }: Omit<Upkeep, "config">): Promise<void> {
  const upkeep: Upkeep = { env, world, tally, config: tryReadConfig(env) };
  const startedAt = world.now();
  const failures: unknown[] = [];
  let done: Fields = {};
  for (const [name, task] of Object.entries(tasks)) {
    try {
      done = { ...done, ...(await task(upkeep)) };
    } catch (error) {
      const failure = await explained(env.DB, error);
      // What the schema lacks is said once, and not by each task.
      if (!(failure instanceof SchemaMissing && failures.some((one) => one instanceof SchemaMissing)))
        logFailure(name, failure);
      failures.push(failure);
    }
  }
  logLine("upkeep", { ...done, failed_tasks: failures.length, duration_ms: world.now() - startedAt });
  if (failures.length > 0) throw new AggregateError(failures, "Upkeep failed in part");
}

function tryReadConfig(env: Env): Config | null {
  try {
    return readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    logFailure("upkeep", error);
    return null;
  }
}
