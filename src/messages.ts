import { z } from "zod";
import type { About, RelayEvent } from "./domain/event.ts";

/** The queue messages: where the stages meet. */

const source = z.enum(["business", "onboarding"]);

/** What D1 may lack of an event. */
const carriedEvent = z.object({
  source,
  received_at: z.number(),
  content_type: z.string().nullable(),
  content_encoding: z.string().nullable(),
  body: z.string(),
});

/** An accepted event on its way to its fan-out. */
const sentEvent = z.object({
  id: z.string(),
  /** End of the lease with which its receiver has recorded it, Unix milliseconds; null: its consumer claims it. */
  lease_until: z.number().nullable(),
  /** Null: D1 has it, and it is loaded by its id. */
  carried: carriedEvent.nullable(),
});

/** Events that were sent at the same moment. */
const eventsMessage = z.object({ kind: z.literal("events"), events: z.array(sentEvent) });

/** An unreadable event that D1 was too slow to take. */
const quarantineMessage = z.object({
  kind: z.literal("quarantine"),
  source,
  received_at: z.number(),
  content_type: z.string().nullable(),
  content_encoding: z.string().nullable(),
  body_base64: z.string(),
});

/** Some delivery to a destination is due: which, D1 knows. */
const drainMessage = z.object({
  kind: z.literal("drain"),
  destination_id: z.string(),
  /** Unix milliseconds; a message that comes before this comes again. Absent: now. */
  due_at: z.number().optional(),
});

/** Shows that a queue is consumed. */
const probeMessage = z.object({ kind: z.literal("probe"), sent_at: z.number() });

export type CarriedEvent = z.infer<typeof carriedEvent>;
export type SentEvent = z.infer<typeof sentEvent>;
export type EventsMessage = z.infer<typeof eventsMessage>;
export type QuarantineMessage = z.infer<typeof quarantineMessage>;
export type DrainMessage = z.infer<typeof drainMessage>;
export type ProbeMessage = z.infer<typeof probeMessage>;
export type QueueMessage = EventsMessage | QuarantineMessage | DrainMessage | ProbeMessage;

const queueMessage = z.discriminatedUnion("kind", [eventsMessage, quarantineMessage, drainMessage, probeMessage]);

/** Null for a message that no version of the relay wrote. */
export function parseMessage(body: unknown): QueueMessage | null {
  return queueMessage.safeParse(body).data ?? null;
}

/** Cloudflare's limit is 128 KB of 1,000 bytes, some of it for the queue's own bookkeeping. */
const LARGEST_MESSAGE_BYTES = 126_000;

/** JSON writes a control character as `\u0000`; all others take less. */
const MOST_BYTES_PER_CHARACTER = 6;

/** More than the names, the numbers and the source of any message with one event take, and what stands between them. */
const FIELDS_BYTES = 300;

/** Cloudflare bills a message for every 64 KB of 1,000 bytes that it has begun. */
const BILLED_BYTES = 64_000;

/**
 * Events that a consumer handles at once. What it has attempted and not yet written down when it dies is attempted again:
 * so many at most. A message holds no more of them.
 */
export const EVENTS_AT_ONCE = 25;

/** An event with its body, whatever D1 knows of it; null when no message can carry it. */
export function carry(event: RelayEvent, leaseUntil: number | null): SentEvent | null {
  if (event.isUnreadable) return null;
  const { id, source, receivedAt, contentType, contentEncoding, body } = event;
  const about = { source, received_at: receivedAt, content_type: contentType, content_encoding: contentEncoding };
  const sent = { id, lease_until: leaseUntil, carried: { ...about, body } };
  return fits(messageOf([sent]), [id, contentType, contentEncoding, body]) ? sent : null;
}

/** An event that D1 has. */
export function byId(id: string, leaseUntil: number | null): SentEvent {
  return { id, lease_until: leaseUntil, carried: null };
}

export function messageOf(events: SentEvent[]): EventsMessage {
  return { kind: "events", events };
}

/** An event beside the bytes that it takes in a message. */
export interface Measured {
  readonly event: SentEvent;
  readonly bytes: number;
}

export function measure(event: SentEvent): Measured {
  return { event, bytes: bytesOf(event) };
}

const EMPTY_BYTES = bytesOf(messageOf([]));
const COMMA_BYTES = 1;

/** Packs events into as few messages as they fit into; one that is too large to share has a message of its own. */
export function pack(events: readonly Measured[]): EventsMessage[] {
  const packed: { readonly events: SentEvent[]; bytes: number }[] = [];
  for (const { event, bytes } of events) {
    const needed = COMMA_BYTES + bytes;
    const room = packed.find((one) => one.events.length < EVENTS_AT_ONCE && one.bytes + needed <= BILLED_BYTES);
    if (room === undefined) {
      packed.push({ events: [event], bytes: EMPTY_BYTES + bytes });
    } else {
      room.events.push(event);
      room.bytes += needed;
    }
  }
  return packed.map((one) => messageOf(one.events));
}

/** The message of an unreadable body; null when it is too large for one. */
export function quarantineMessageOf(unreadable: About & { readonly body: Uint8Array }): QuarantineMessage | null {
  const message: QuarantineMessage = {
    kind: "quarantine",
    source: unreadable.source,
    received_at: unreadable.receivedAt,
    content_type: unreadable.contentType,
    content_encoding: unreadable.contentEncoding,
    body_base64: unreadable.body.toBase64(),
  };
  return fits(message, [message.content_type, message.content_encoding, message.body_base64]) ? message : null;
}

/** What a message says that the body in it does not. */
export function aboutOf(message: CarriedEvent | QuarantineMessage): About {
  const { source, received_at, content_type, content_encoding } = message;
  return { source, receivedAt: received_at, contentType: content_type, contentEncoding: content_encoding };
}

/** Measures only what is neither surely small nor surely too large; `texts`: what varies in the message. */
function fits(message: QueueMessage, texts: readonly (string | null)[]): boolean {
  const characters = texts.reduce((sum, text) => sum + (text ?? "").length, 0);
  if (characters > LARGEST_MESSAGE_BYTES) return false;
  if (characters * MOST_BYTES_PER_CHARACTER + FIELDS_BYTES <= LARGEST_MESSAGE_BYTES) return true;
  return bytesOf(message) <= LARGEST_MESSAGE_BYTES;
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
