import { type Fields, logFailure, logLine } from "../platform/log.ts";
import { writeMarks } from "../store/marks.ts";
import { deleteWhatIsOld } from "./delete-old.ts";
import { endHeldTooLong } from "./end-held-too-long.ts";
import { requeueForgottenEvents } from "./requeue-events.ts";
import { resumeReplays } from "./resume-replays.ts";
import { settleOvertakenCopies } from "./settle-quarantine.ts";
import type { Upkeep, UpkeepTask } from "./upkeep-task.ts";
import { wakeOverdueDestinations } from "./wake-overdue.ts";

const tasks: Readonly<Record<string, UpkeepTask>> = {
  "requeue-forgotten-events": requeueForgottenEvents,
  "wake-overdue-destinations": wakeOverdueDestinations,
  "end-held-too-long": endHeldTooLong,
  "resume-replays": resumeReplays,
  "settle-quarantine": settleOvertakenCopies,
  "delete-what-is-old": deleteWhatIsOld,
  "note-the-run": async ({ env, world }) => {
    await writeMarks(env.DB, { cron_ran_at: world.now() });
    return {};
  },
};

/** The cron's work, once a minute. A task that fails does not keep the others from theirs, but the run has failed. */
export async function runUpkeep(upkeep: Upkeep): Promise<void> {
  const startedAt = upkeep.world.now();
  const failures: unknown[] = [];
  let done: Fields = {};
  for (const [name, task] of Object.entries(tasks)) {
    try {
      done = { ...done, ...(await task(upkeep)) };
    } catch (error) {
      logFailure(name, error);
      failures.push(error);
    }
  }
  logLine("upkeep", { ...done, failed_tasks: failures.length, duration_ms: upkeep.world.now() - startedAt });
  if (failures.length > 0) throw new AggregateError(failures, "Upkeep failed in part");
}
