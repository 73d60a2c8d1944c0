import { z } from "zod";
import type { About, RelayEvent } from "./domain/event.ts";

/** The queue messages: where the stages meet. */

const source = z.enum(["business", "onboarding"]);

/** Messages from before it was kept have none. */
const contentEncoding = z.string().nullable().default(null);

/** An accepted event with everything the fan-out needs, should D1 have missed it. */
const eventMessage = z.object({
  kind: z.literal("event"),
  id: z.string(),
  source,
  received_at: z.number(),
  content_type: z.string().nullable(),
  content_encoding: contentEncoding,
  body: z.string(),
});

/** An event that D1 has and no message can carry, or that the cron sends again. */
const recordedEventMessage = z.object({ kind: z.literal("recorded_event"), id: z.string() });

/** An unreadable event that D1 was too slow to take. */
const quarantineMessage = z.object({
  kind: z.literal("quarantine"),
  source,
  received_at: z.number(),
  content_type: z.string().nullable(),
  content_encoding: contentEncoding,
  body_base64: z.string(),
});

/** Something that a destination is owed is due: which deliveries, D1 knows. */
const dueMessage = z.object({
  kind: z.literal("due"),
  destination_id: z.string(),
  /** Unix milliseconds; a message that comes before this comes again. Absent: now. */
  due_at: z.number().optional(),
});

/** Shows that a queue is consumed. */
const probeMessage = z.object({ kind: z.literal("probe"), sent_at: z.number() });

export type EventMessage = z.infer<typeof eventMessage>;
export type RecordedEventMessage = z.infer<typeof recordedEventMessage>;
export type QuarantineMessage = z.infer<typeof quarantineMessage>;
export type DueMessage = z.infer<typeof dueMessage>;
export type ProbeMessage = z.infer<typeof probeMessage>;
export type QueueMessage = EventMessage | RecordedEventMessage | QuarantineMessage | DueMessage | ProbeMessage;

const queueMessage = z.discriminatedUnion("kind", [
  eventMessage,
  recordedEventMessage,
  quarantineMessage,
  dueMessage,
  probeMessage,
]);

/** Null for a message that no version of the relay wrote. */
export function parseMessage(body: unknown): QueueMessage | null {
  return queueMessage.safeParse(body).data ?? null;
}

/** Cloudflare's limit is 128 KB of 1,000 bytes, some of it for the queue's own bookkeeping. */
const LARGEST_MESSAGE_BYTES = 126_000;

/** JSON writes a control character as `\u0000`; all others take less. */
const MOST_BYTES_PER_CHARACTER = 6;

/** More than the names of any message's fields and what stands between them. */
const FIELD_NAMES_BYTES = 200;

/** The message of an event; null when the event is too large for one, or no text. */
export function messageOf(event: RelayEvent): EventMessage | null {
  if (event.isUnreadable) return null;
  const message: EventMessage = {
    kind: "event",
    id: event.id,
    source: event.source,
    received_at: event.receivedAt,
    content_type: event.contentType,
    content_encoding: event.contentEncoding,
    body: event.body,
  };
  return fits(message) ? message : null;
}

/** The same for an unreadable body. */
export function quarantineMessageOf(unreadable: About & { readonly body: Uint8Array }): QuarantineMessage | null {
  const message: QuarantineMessage = {
    kind: "quarantine",
    source: unreadable.source,
    received_at: unreadable.receivedAt,
    content_type: unreadable.contentType,
    content_encoding: unreadable.contentEncoding,
    body_base64: unreadable.body.toBase64(),
  };
  return fits(message) ? message : null;
}

/** What a message says that the body in it does not. */
export function aboutOf(message: EventMessage | QuarantineMessage): About {
  const { source, received_at, content_type, content_encoding } = message;
  return { source, receivedAt: received_at, contentType: content_type, contentEncoding: content_encoding };
}

/** Runs before each answer, so it measures only what is neither surely small nor surely too large. */
function fits(message: QueueMessage): boolean {
  const characters = Object.values(message).reduce<number>((sum, value) => sum + String(value).length, 0);
  if (characters > LARGEST_MESSAGE_BYTES) return false;
  if (characters * MOST_BYTES_PER_CHARACTER + FIELD_NAMES_BYTES <= LARGEST_MESSAGE_BYTES) return true;
  return new TextEncoder().encode(JSON.stringify(message)).length <= LARGEST_MESSAGE_BYTES;
}
