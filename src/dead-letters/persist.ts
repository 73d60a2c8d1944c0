import type { Database } from "../store/database.ts";
import { type QueueMessage, metadataOf } from "../messages.ts";
import { readEventText } from "../qonto/read-event.ts";
import { recordOnce } from "../store/events.ts";
import { keep, quarantineId } from "../store/quarantine.ts";

/**
 * Statements that record what only a message may hold: an event, or the body of an unreadable one. The time of receipt is now,
 * because the recovery scan looks at the latest events, and retention deletes the oldest.
 */
export async function persist(
  message: QueueMessage | null,
  db: Database,
  now: number,
): Promise<readonly D1PreparedStatement[]> {
  if (message?.kind === "events") {
    return message.events.flatMap(({ inline }) => {
      const event = inline && readEventText(inline.body, { ...metadataOf(inline), receivedAt: now });
      return event === null ? [] : [recordOnce(db, event)];
    });
  }
  if (message?.kind === "quarantine") {
    const body = Uint8Array.fromBase64(message.body_base64);
    const id = await quarantineId(null, body);
    return [keep(db, { ...metadataOf(message), receivedAt: now, id, eventId: null, reason: "unreadable", body })];
  }
  return [];
}
