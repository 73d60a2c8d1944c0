import { settleAccepted } from "../store/settle-quarantine.ts";
import type { Upkeep } from "./upkeep-task.ts";

const MAX_SETTLED = 500;

/** Writes down which quarantined copies have been overtaken: Qonto's retry of the same event was accepted meanwhile. */
export async function settleOvertakenCopies({ env, world }: Upkeep): Promise<{ settled_in_quarantine: number }> {
  return { settled_in_quarantine: await settleAccepted(env.DB, world.now(), MAX_SETTLED) };
}
