import { logFailure } from "../platform/log.ts";
import { type Timers, withTimeout } from "../platform/timeout.ts";
import { SchemaMissing } from "../store/schema.ts";

/** D1 answers in milliseconds, or stalls for up to a minute. After this the queue is asked as well. */
const DATABASE_TIMEOUT_MS = 250;

/** Qonto closes the connection after 1,000 ms; the difference is for the network. */
const ANSWER_WITHIN_MS = 750;

/** Where something became durable first. `sent`: its message was given to the queue; else the recovery scan finds the event. */
export type Durable<Outcome> =
  | { readonly by: "database"; readonly outcome: Outcome; readonly sent: boolean }
  | { readonly by: "queue"; readonly sent: true };

/** `not_stored`: neither store was in time. `not_ready`: the database lacks tables, which a queue consumer would need too. */
export type NotDurable = "not_stored" | "not_ready";

/**
 * Writes to D1 and, if D1 is late or fails, to the queue as well; the first that succeeds answers. The queue is no way around a
 * missing schema. `send` returns null for what no message can carry.
 */
export async function makeDurable<Outcome>(
  { record, send }: { record: () => Promise<Outcome>; send: () => Promise<unknown> | null },
  { timers, waitUntil }: { readonly timers: Timers; readonly waitUntil: (work: Promise<unknown>) => void },
): Promise<Durable<Outcome> | NotDurable> {
  const recording = logged(record(), "database");
  const first = await withTimeout(recording, DATABASE_TIMEOUT_MS, timers);
  if (first.state === "done") return { by: "database", outcome: first.value, sent: false };
  if (first.state === "failed" && first.error instanceof SchemaMissing) return "not_ready";

  const sending = send();
  const ways: Promise<Durable<Outcome> | NotDurable>[] = [
    recording.then((outcome) => ({ by: "database", outcome, sent: sending !== null }), notReady),
  ];
  if (sending !== null) ways.push(logged(sending, "queue").then(() => ({ by: "queue", sent: true })));
  // The slower of the two continues after the answer.
  waitUntil(Promise.allSettled(ways));
  const durable = await withTimeout(Promise.any(ways), ANSWER_WITHIN_MS - DATABASE_TIMEOUT_MS, timers);
  return durable.state === "done" ? durable.value : "not_stored";
}

/** A missing schema counts also when D1 reports it late, unless the queue was sooner. */
function notReady(error: unknown): NotDurable {
  if (error instanceof SchemaMissing) return "not_ready";
  throw error;
}

/** The response never says why a store failed. */
function logged<Value>(work: Promise<Value>, store: "database" | "queue"): Promise<Value> {
  work.catch((error: unknown) => logFailure("receive", error, { message: "event.store_failed", store }));
  return work;
}
