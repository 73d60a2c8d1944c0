import type { Env } from "../env.ts";
import { byId, messageOf } from "../messages.ts";
import { logFailure, logLine } from "../platform/log.ts";
import { readEvent, unreadableEvent } from "../qonto/read-event.ts";
import { findQuarantined } from "../store/quarantine.ts";
import { recordReleased } from "../store/settle-quarantine.ts";

/**
 * Sends a quarantined event down the normal road with its original bytes, once: as if it had been received now, which is
 * where the cron looks for what is stuck. Returns the id of the event that it is; null when nothing is kept under `id`.
 */
export async function release(
  id: string,
  { env, now }: { env: Pick<Env, "DB" | "EVENTS">; now: number },
): Promise<string | null> {
  const found = await findQuarantined(env.DB, id);
  if (found === null) return null;
  const { source, contentType, contentEncoding } = found;
  const about = { source, contentType, contentEncoding, receivedAt: now };
  const event = readEvent(found.body, about) ?? unreadableEvent(id, found.body, about);

  const isRecordedNow = found.settledAt === null && (await recordReleased(env.DB, id, event));
  if (isRecordedNow) await giveNextStep(env, event.id);
  logLine("quarantine", {
    message: "event.released",
    quarantine_id: id,
    event_id: event.id,
    type: event.type,
    recorded: isRecordedNow,
  });
  return event.id;
}

/** Should it fail, the cron finds the row that nobody has claimed. */
async function giveNextStep(env: Pick<Env, "EVENTS">, id: string): Promise<void> {
  try {
    await env.EVENTS.send(messageOf([byId(id, null)]));
  } catch (error) {
    logFailure("quarantine", error, { message: "event.send_failed", event_id: id });
  }
}
