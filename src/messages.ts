import { z } from "zod";
import type { RequestMetadata, RelayEvent } from "./domain/event.ts";

/** The queue messages: where the stages meet. */

const source = z.enum(["business", "onboarding"]);

/** An event as its receiver had it: D1 may lack it. */
const inlineEvent = z.object({
  source,
  received_at: z.number(),
  content_type: z.string().nullable(),
  content_encoding: z.string().nullable(),
  body: z.string(),
});

/** An accepted event. */
const sentEvent = z.object({
  id: z.string(),
  /** End of the lease with which it was recorded, Unix milliseconds; null: its consumer claims it. */
  lease_until: z.number().nullable(),
  /** Null: it is loaded from D1 by its id. */
  inline: inlineEvent.nullable(),
});

/** Events that were sent at the same moment. */
const eventsMessage = z.object({ kind: z.literal("events"), events: z.array(sentEvent) });

/** An unreadable event that D1 did not record in time. */
const quarantineMessage = z.object({
  kind: z.literal("quarantine"),
  source,
  received_at: z.number(),
  content_type: z.string().nullable(),
  content_encoding: z.string().nullable(),
  body_base64: z.string(),
});

/** Some delivery to a destination is due; D1 knows which. */
const drainMessage = z.object({
  kind: z.literal("drain"),
  destination_id: z.string(),
  /** Unix milliseconds; a message that arrives earlier is repeated. Absent: now. */
  due_at: z.number().optional(),
});

/** Shows that the queue is consumed. */
const canaryMessage = z.object({ kind: z.literal("canary"), sent_at: z.number() });

export type InlineEvent = z.infer<typeof inlineEvent>;
export type SentEvent = z.infer<typeof sentEvent>;
export type EventsMessage = z.infer<typeof eventsMessage>;
export type QuarantineMessage = z.infer<typeof quarantineMessage>;
export type DrainMessage = z.infer<typeof drainMessage>;
export type CanaryMessage = z.infer<typeof canaryMessage>;
export type QueueMessage = EventsMessage | QuarantineMessage | DrainMessage | CanaryMessage;

const queueMessage = z.discriminatedUnion("kind", [eventsMessage, quarantineMessage, drainMessage, canaryMessage]);

/** Null for a message that no version of the relay wrote. */
export function parseMessage(body: unknown): QueueMessage | null {
  return queueMessage.safeParse(body).data ?? null;
}

/** Cloudflare's limit is 128 KB of 1,000 bytes, some of it for the queue itself. */
const MAX_MESSAGE_BYTES = 126_000;

/** JSON writes a control character as `\u0000`; all others take less. */
const MAX_BYTES_PER_CHARACTER = 6;

/** More than the names and the short values of any message with one event take. */
const FIELDS_BYTES = 300;

/** Cloudflare bills a message for every 64 KB of 1,000 bytes or part of it. */
const BILLED_BYTES = 64_000;

/** Events that a consumer handles at once, and so the most that are attempted again when it dies. A message holds no more. */
export const EVENTS_AT_ONCE = 25;

/** An event with its body; null when no message can carry it. */
export function inline(event: RelayEvent, leaseUntil: number | null): SentEvent | null {
  if (event.isUnreadable) return null;
  const { id, source, receivedAt, contentType, contentEncoding, body } = event;
  const metadata = { source, received_at: receivedAt, content_type: contentType, content_encoding: contentEncoding };
  const sent = { id, lease_until: leaseUntil, inline: { ...metadata, body } };
  return fits(messageOf([sent]), [id, contentType, contentEncoding, body]) ? sent : null;
}

/** An event that D1 has. */
export function byId(id: string, leaseUntil: number | null): SentEvent {
  return { id, lease_until: leaseUntil, inline: null };
}

export function messageOf(events: SentEvent[]): EventsMessage {
  return { kind: "events", events };
}

/** An event and the bytes that it takes in a message. */
export interface Measured {
  readonly event: SentEvent;
  readonly bytes: number;
}

export function measure(event: SentEvent): Measured {
  return { event, bytes: bytesOf(event) };
}

const EMPTY_BYTES = bytesOf(messageOf([]));
const COMMA_BYTES = 1;

/** Packs events into few messages. An event that is too large to share one has a message of its own. */
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
export function quarantineMessageOf(
  unreadable: RequestMetadata & { readonly body: Uint8Array },
): QuarantineMessage | null {
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

/** What a message says about the body in it. */
export function metadataOf(message: InlineEvent | QuarantineMessage): RequestMetadata {
  const { source, received_at, content_type, content_encoding } = message;
  return { source, receivedAt: received_at, contentType: content_type, contentEncoding: content_encoding };
}

/** Measures a message only if its length leaves a doubt. `texts`: the parts of it that vary. */
function fits(message: QueueMessage, texts: readonly (string | null)[]): boolean {
  const characters = texts.reduce((sum, text) => sum + (text ?? "").length, 0);
  if (characters > MAX_MESSAGE_BYTES) return false;
  if (characters * MAX_BYTES_PER_CHARACTER + FIELDS_BYTES <= MAX_MESSAGE_BYTES) return true;
  return bytesOf(message) <= MAX_MESSAGE_BYTES;
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
