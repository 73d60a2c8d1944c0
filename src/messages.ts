import { z } from "zod";
import type { RawEvent, RelayEvent, RequestMetadata } from "./domain/event.ts";

/** The queue messages: where the stages meet. */

/** What a message says about the body in it. */
const metadata = z.object({
  source: z.enum(["business", "onboarding"]),
  received_at: z.number(),
  content_type: z.string().nullable(),
  content_encoding: z.string().nullable(),
});

/** An event as its receiver had it: D1 may lack it. */
const inlineEvent = metadata.extend({ body: z.string() });

/** An accepted event in a queue message. */
const queuedEvent = z.object({
  id: z.string(),
  /** End of the lease with which it was recorded, Unix milliseconds; null: its consumer claims it. */
  lease_until: z.number().nullable(),
  /** Null: it is loaded from D1 by its id. */
  inline: inlineEvent.nullable(),
});

/** Events that were sent at the same moment. */
const eventsMessage = z.object({ kind: z.literal("events"), events: z.array(queuedEvent) });

/** An unreadable event that D1 did not record in time. */
const quarantineMessage = metadata.extend({ kind: z.literal("quarantine"), body_base64: z.string() });

/** Some delivery to a destination is due; D1 knows which. */
const drainMessage = z.object({
  kind: z.literal("drain"),
  destination_id: z.string(),
  /** Unix milliseconds; a message that arrives earlier is repeated. Absent: now. */
  due_at: z.number().optional(),
});

/** The tokens of a connection to Qonto were being refreshed; D1 knows whether that came to its end. */
const refreshMessage = z.object({ kind: z.literal("refresh"), connection_id: z.string() });

/** Shows that the queue is consumed. */
const canaryMessage = z.object({ kind: z.literal("canary"), sent_at: z.number() });

export type InlineEvent = z.infer<typeof inlineEvent>;
export type QueuedEvent = z.infer<typeof queuedEvent>;
export type EventsMessage = z.infer<typeof eventsMessage>;
export type QuarantineMessage = z.infer<typeof quarantineMessage>;
export type DrainMessage = z.infer<typeof drainMessage>;
export type CanaryMessage = z.infer<typeof canaryMessage>;
type RefreshMessage = z.infer<typeof refreshMessage>;
export type QueueMessage = EventsMessage | QuarantineMessage | DrainMessage | RefreshMessage | CanaryMessage;

const queueMessage = z.discriminatedUnion("kind", [
  eventsMessage,
  quarantineMessage,
  drainMessage,
  refreshMessage,
  canaryMessage,
]);

/** Null for a message that no version of the relay wrote. */
export function parseMessage(body: unknown): QueueMessage | null {
  return queueMessage.safeParse(body).data ?? null;
}

/** Cloudflare's limit is 128 KB of 1,000 bytes, some of it for the queue itself. */
const MAX_MESSAGE_BYTES = 126_000;

/** Cloudflare bills a message for every 64 KB of 1,000 bytes or part of it. */
const BILLED_BYTES = 64_000;

/** Events of a chunk, which a consumer dispatches at once: the most that are attempted again when it dies. A message has no more. */
export const EVENTS_AT_ONCE = 25;

/** An event and the bytes that it takes in a message. */
export interface Measured {
  readonly event: QueuedEvent;
  readonly bytes: number;
}

/** An event with its body; null when no message can carry it. */
export function inline(event: RelayEvent, leaseUntil: number | null): Measured | null {
  const { id, isUnreadable, body } = event;
  // JSON takes a byte or more for each unit: a text that is too long need not be measured.
  if (isUnreadable || body.length > MAX_MESSAGE_BYTES) return null;
  const measured = measure({ id, lease_until: leaseUntil, inline: { ...toMetadata(event), body } });
  return EMPTY_BYTES + measured.bytes <= MAX_MESSAGE_BYTES ? measured : null;
}

/** An event that D1 has. */
export function byId(id: string, leaseUntil: number | null): QueuedEvent {
  return { id, lease_until: leaseUntil, inline: null };
}

export function measure(event: QueuedEvent): Measured {
  return { event, bytes: bytesOf(event) };
}

export function messageOf(events: QueuedEvent[]): EventsMessage {
  return { kind: "events", events };
}

const EMPTY_BYTES = bytesOf(messageOf([]));
const COMMA_BYTES = 1;

/** Packs events into few messages. An event that is too large to share one has a message of its own. */
export function pack(events: readonly Measured[]): EventsMessage[] {
  const packed: { readonly events: QueuedEvent[]; bytes: number }[] = [];
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

/** The message of an unreadable event; null when it is too large for one. */
export function quarantineMessageOf(event: RawEvent): QuarantineMessage | null {
  if (event.body.length > MAX_MESSAGE_BYTES) return null;
  const message: QuarantineMessage = {
    kind: "quarantine",
    ...toMetadata(event),
    body_base64: event.body.toBase64(),
  };
  return bytesOf(message) <= MAX_MESSAGE_BYTES ? message : null;
}

export function unreadableOf(message: QuarantineMessage): RawEvent {
  return { ...metadataOf(message), body: Uint8Array.fromBase64(message.body_base64) };
}

export function metadataOf(message: z.infer<typeof metadata>): RequestMetadata {
  const { source, received_at, content_type, content_encoding } = message;
  return { source, receivedAt: received_at, contentType: content_type, contentEncoding: content_encoding };
}

function toMetadata({ source, receivedAt, contentType, contentEncoding }: RequestMetadata): z.infer<typeof metadata> {
  return { source, received_at: receivedAt, content_type: contentType, content_encoding: contentEncoding };
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
