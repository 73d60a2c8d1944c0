import { isConnectable, tryReadConfig } from "../env.ts";
import { type Fields, logFailure, logLine } from "../platform/log.ts";
import { writeCounters } from "../store/counters.ts";
import { readCronState, writeCronState } from "../store/cron-state.ts";
import { settleAccepted } from "../store/quarantine.ts";
import { SchemaMissing, describeSchemaFault } from "../store/schema.ts";
import type { CronRun, CronTask } from "./cron-task.ts";
import { deleteWhatIsOld } from "./delete-old.ts";
import { keepLedger } from "./keep-ledger.ts";
import { drainOverdueDestinations, endExpired, resumeReplays } from "./pending-deliveries.ts";
import { recoverEvents } from "./recover-events.ts";
import { reencryptSecrets } from "./reencrypt-secrets.ts";
import { tellAlerts } from "./tell-alerts.ts";

const tasks: Readonly<Record<string, CronTask>> = {
  "recover-events": recoverEvents,
  "drain-overdue-destinations": drainOverdueDestinations,
  "end-expired-deliveries": endExpired,
  "resume-replays": resumeReplays,
  "settle-quarantine": settleQuarantine,
  "look-after-connections": lookAfterQonto,
  "delete-what-is-old": deleteWhatIsOld,
  "reencrypt-secrets": reencryptSecrets,
  "keep-ledger": keepLedger,
  "write-counters": async ({ env, world, counters }) => {
    await writeCounters(env.DB, counters, world.now(), "cron");
    return {};
  },
  "note-the-run": noteTheRun,
  // Behind it, because health looks at the last run.
  "tell-alerts": tellAlerts,
};

const MAX_SETTLED = 500;

/** Settles quarantined copies whose event was accepted meanwhile. The log names those whose event has another body. */
async function settleQuarantine({ env, world }: CronRun): Promise<Fields> {
  const { settled, conflicting } = await settleAccepted(env.DB, world.now(), MAX_SETTLED);
  return { settled_in_quarantine: settled, conflicting_events: conflicting };
}

/** Loaded by need: without an application of Qonto's there is nothing to look after. */
async function lookAfterQonto({ env, config, world, counters }: CronRun): Promise<Fields> {
  if (config === null || !isConnectable(config)) return {};
  const { lookAfterConnections } = await import("../connection/look-after.ts");
  return lookAfterConnections({ env, config, world, counters });
}

/** Every second run, to save a row: `/health` allows the cron some minutes. */
const NOTED_EVERY_MS = 110_000;

async function noteTheRun({ env, world }: CronRun): Promise<Fields> {
  const now = world.now();
  const notedAt = (await readCronState(env.DB)).get("cron_ran_at") ?? 0;
  if (now - notedAt >= NOTED_EVERY_MS) await writeCronState(env.DB, { cron_ran_at: now });
  return {};
}

/** Runs all tasks, once a minute. A task that fails does not stop the others, but then the run throws at its end. */
export async function runCron({ env, world, counters }: Omit<CronRun, "config">): Promise<void> {
  const cron: CronRun = { env, world, counters, config: tryReadConfig(env, "cron") };
  const startedAt = world.now();
  const failures: unknown[] = [];
  let fields: Fields = {};
  for (const [name, task] of Object.entries(tasks)) {
    try {
      fields = { ...fields, ...(await task(cron)) };
    } catch (error) {
      const failure = await describeSchemaFault(env.DB, error);
      // A missing schema is logged once, not for each task.
      if (!(failure instanceof SchemaMissing && failures.some((one) => one instanceof SchemaMissing)))
        logFailure("cron", failure, { message: "task.failed", task: name });
      failures.push(failure);
    }
  }
  logLine("cron", {
    message: "run.finished",
    ...fields,
    failed_tasks: failures.length,
    duration_ms: world.now() - startedAt,
  });
  if (failures.length > 0) throw new AggregateError(failures, "Some of the cron's tasks failed");
}
