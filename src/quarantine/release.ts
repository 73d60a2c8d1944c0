import type { Env } from "../env.ts";
import { byId, messageOf } from "../messages.ts";
import { logFailure, logLine } from "../platform/log.ts";
import { readEvent, unreadableEvent } from "../qonto/read-event.ts";
import { findQuarantined, recordReleased } from "../store/quarantine.ts";

/**
 * Releases a quarantined event, once, with its original bytes. Its time of receipt is now, because the recovery scan looks at
 * the latest events only. Returns the id of the event; null when nothing is kept under `id`.
 */
export async function release(
  id: string,
  { env, now }: { env: Pick<Env, "DB" | "EVENTS">; now: number },
): Promise<string | null> {
  const found = await findQuarantined(env.DB, id);
  if (found === null) return null;
  const { source, contentType, contentEncoding } = found;
  const metadata = { source, contentType, contentEncoding, receivedAt: now };
  const event = readEvent(found.body, metadata) ?? unreadableEvent(id, found.body, metadata);

  const isRecordedNow = found.settledAt === null && (await recordReleased(env.DB, id, event));
  if (isRecordedNow) await sendMessage(env, event.id);
  logLine("quarantine", {
    message: "event.released",
    quarantine_id: id,
    event_id: event.id,
    type: event.type,
    recorded: isRecordedNow,
  });
  return event.id;
}

/** If it fails, the recovery scan finds the event. */
async function sendMessage(env: Pick<Env, "EVENTS">, id: string): Promise<void> {
  try {
    await env.EVENTS.send(messageOf([byId(id, null)]));
  } catch (error) {
    logFailure("quarantine", error, { message: "event.send_failed", event_id: id });
  }
}
