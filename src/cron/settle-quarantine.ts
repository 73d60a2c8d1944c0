import { settleAccepted } from "../store/settle-quarantine.ts";
import type { CronRun } from "./cron-task.ts";

const MAX_SETTLED = 500;

/**
 * Writes down which quarantined copies have been overtaken: Qonto's retry of the same event was accepted meanwhile. One
 * with another body is named in the log.
 */
export async function settleOvertakenCopies({ env, world }: CronRun) {
  const { settled, conflicting } = await settleAccepted(env.DB, world.now(), MAX_SETTLED);
  return { settled_in_quarantine: settled, conflicting_events: conflicting };
}
