import type { Env } from "../env.ts";
import { type Measured, type SentEvent, measure, messageOf, pack } from "../messages.ts";
import { type Timers, sleep } from "../platform/timeout.ts";

/**
 * Events whose messages wait to be sent, in one isolate. Requests share plain data and nothing else, not even a promise: one of
 * them sends what all have put here, and each looks once whether that has come to nothing.
 */
interface Outbox {
  readonly waiting: Measured[];
  isSending: boolean;
}

/** Bindings do not change while an isolate lives. */
const outboxes = new WeakMap<Env["EVENTS"], Outbox>();

/**
 * From one send to the next: an event that comes alone is sent at once, and under load messages are well filled. Fewer messages
 * are fewer operations, consumer invocations and D1 calls, at a delay that nobody notices.
 */
export const SEND_EVERY_MS = 25;

/** An event that still waits after this is sent by its own request: the queue hangs, or the request that sent is gone. */
const LOOK_AFTER_MS = 100;

/** The platform ends what goes on behind an answer after 30 s: one request sends for no more than some five. */
const MOST_SENDS = 200;

/** Of a batch: at most 100 messages and 256 KB of 1,000 bytes, some of it for what the queue writes to each. */
const MOST_EVENTS = 100;
const MOST_BYTES = 256_000;
const MESSAGE_BYTES = 200;

/** Sends an event with what else waits. Throws when the queue refuses some of it. */
export async function sendTogether({ EVENTS }: Pick<Env, "EVENTS">, event: SentEvent, timers: Timers): Promise<void> {
  const outbox = outboxOf(EVENTS);
  const measured = measure(event);
  outbox.waiting.push(measured);
  if (outbox.isSending) {
    await sleep(LOOK_AFTER_MS, timers);
    if (!outbox.waiting.includes(measured)) return;
  }
  await sendWhatWaits(outbox, EVENTS, timers);
}

async function sendWhatWaits(outbox: Outbox, queue: Env["EVENTS"], timers: Timers): Promise<void> {
  outbox.isSending = true;
  try {
    for (let sends = 0; outbox.waiting.length > 0 && sends < MOST_SENDS; sends += 1) {
      await Promise.all([sendBatch(takeSome(outbox.waiting), queue), sleep(SEND_EVERY_MS, timers)]);
    }
  } finally {
    outbox.isSending = false;
  }
}

/** After a failure each message is sent again by itself. The queue may have taken it all the same, so the second holds no lease. */
async function sendBatch(events: readonly Measured[], queue: Env["EVENTS"]): Promise<void> {
  const messages = pack(events);
  try {
    await queue.sendBatch(messages.map((body) => ({ body })));
  } catch {
    const again = messages.map((one) => messageOf(one.events.map((event) => ({ ...event, lease_until: null }))));
    const sent = await Promise.allSettled(again.map((body) => queue.sendBatch([{ body }])));
    for (const one of sent) if (one.status === "rejected") throw one.reason;
  }
}

/** Those that have waited longest, as many as surely fit into a batch, however they are packed. */
function takeSome(waiting: Measured[]): Measured[] {
  let bytes = 0;
  const end = waiting.findIndex((one, index) => {
    bytes += one.bytes + MESSAGE_BYTES;
    return index > 0 && (bytes > MOST_BYTES || index >= MOST_EVENTS);
  });
  return waiting.splice(0, end === -1 ? waiting.length : end);
}

function outboxOf(queue: Env["EVENTS"]): Outbox {
  return outboxes.getOrInsertComputed(queue, () => ({ waiting: [], isSending: false }));
}
