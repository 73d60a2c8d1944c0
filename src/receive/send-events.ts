import type { Env } from "../env.ts";
import { type Measured, messageOf, pack } from "../messages.ts";
import { type Timers, sleep } from "../platform/timeout.ts";

/**
 * Events of one isolate that wait to be sent. Requests may share data, but no promise: one of them sends what all have put
 * here, and each looks once whether its event was sent.
 */
interface Outbox {
  readonly waiting: Measured[];
  isSending: boolean;
}

/** Bindings do not change while an isolate lives. */
const outboxes = new WeakMap<Env["EVENTS"], Outbox>();

/** Time from one send to the next: under load messages are well filled, and an event that comes alone is sent at once. */
export const SEND_EVERY_MS = 25;

/** After this a request sends its own event: the queue hangs, or the request that was sending has ended. */
const LOOK_AFTER_MS = 100;

/** About five seconds: the platform ends work that continues after an answer when 30 s are over. */
const MAX_SENDS = 200;

/** A batch has at most 100 messages and 256 KB of 1,000 bytes, some of it for the queue itself. */
const MAX_EVENTS = 100;
const MAX_BYTES = 256_000;
const MESSAGE_BYTES = 200;

/** Sends an event together with others that wait. Throws when the queue refuses one of their messages. */
export async function sendTogether({ EVENTS }: Pick<Env, "EVENTS">, event: Measured, timers: Timers): Promise<void> {
  const outbox = outboxes.getOrInsertComputed(EVENTS, () => ({ waiting: [], isSending: false }));
  outbox.waiting.push(event);
  if (outbox.isSending) {
    await sleep(LOOK_AFTER_MS, timers);
    if (!outbox.waiting.includes(event)) return;
  }
  await sendWaiting(outbox, EVENTS, timers);
}

async function sendWaiting(outbox: Outbox, queue: Env["EVENTS"], timers: Timers): Promise<void> {
  outbox.isSending = true;
  try {
    for (let sends = 0; outbox.waiting.length > 0 && sends < MAX_SENDS; sends += 1) {
      await Promise.all([sendBatch(takeSome(outbox.waiting), queue), sleep(SEND_EVERY_MS, timers)]);
    }
  } finally {
    outbox.isSending = false;
  }
}

/** After a failure each message is sent again alone, without a lease: the queue may have taken the first one all the same. */
async function sendBatch(events: readonly Measured[], queue: Env["EVENTS"]): Promise<void> {
  const messages = pack(events);
  try {
    await queue.sendBatch(messages.map((body) => ({ body })));
  } catch {
    const repeated = messages.map((one) => messageOf(one.events.map((event) => ({ ...event, lease_until: null }))));
    const sent = await Promise.allSettled(repeated.map((body) => queue.sendBatch([{ body }])));
    for (const one of sent) if (one.status === "rejected") throw one.reason;
  }
}

/** Those that have waited longest, as many as fit into a batch however they are packed. */
function takeSome(waiting: Measured[]): Measured[] {
  let bytes = 0;
  const end = waiting.findIndex((one, index) => {
    bytes += one.bytes + MESSAGE_BYTES;
    return index > 0 && (bytes > MAX_BYTES || index >= MAX_EVENTS);
  });
  return waiting.splice(0, end === -1 ? waiting.length : end);
}
