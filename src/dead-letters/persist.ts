import type { Database } from "../store/database.ts";
import { type QueueMessage, metadataOf, unreadableOf } from "../messages.ts";
import { readEventText } from "../qonto/read-event.ts";
import { recordOnce } from "../store/events.ts";
import { keep, toQuarantined } from "../store/quarantine.ts";

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
    return [keep(db, await toQuarantined({ ...unreadableOf(message), receivedAt: now }, "unreadable", null))];
  }
  return [];
}
