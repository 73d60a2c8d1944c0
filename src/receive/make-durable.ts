import { logFailure } from "../platform/log.ts";
import { type Timers, withTimeout } from "../platform/timeout.ts";
import { SchemaMissing } from "../store/schema.ts";

/** D1 answers in milliseconds or stalls for a minute; past this the queue is asked as well. */
const DATABASE_TIMEOUT_MS = 250;

/** Qonto hangs up after 1,000 ms. What is left is for the network between. */
const ANSWER_WITHIN_MS = 750;

/** Where something became durable first. `sent`: the queue has been given its message; should that fail, the cron finds it. */
export type Durable<Outcome> =
  | { readonly by: "database"; readonly outcome: Outcome; readonly sent: boolean }
  | { readonly by: "queue"; readonly sent: true };

/** `not_stored`: neither store was in time. `not_ready`: the database lacks tables, and a consumer of the queue would lack them too. */
export type NotDurable = "not_stored" | "not_ready";

/**
 * Writes to D1 and, should D1 be late or fail, to the queue as well; whichever is durable first answers. The queue is no way
 * around a missing schema. `send` answers null for what no message can carry.
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
  // The slower of the two still serves: it may yet arrive behind the answer.
  waitUntil(Promise.allSettled(ways));
  const durable = await withTimeout(Promise.any(ways), ANSWER_WITHIN_MS - DATABASE_TIMEOUT_MS, timers);
  return durable.state === "done" ? durable.value : "not_stored";
}

/** What D1 says late of its schema counts as well, unless the queue was sooner. */
function notReady(error: unknown): NotDurable {
  if (error instanceof SchemaMissing) return "not_ready";
  throw error;
}

/** The wire never says why a store failed. */
function logged<Value>(work: Promise<Value>, store: "database" | "queue"): Promise<Value> {
  work.catch((error: unknown) => logFailure("receive", error, { message: "event.store_failed", store }));
  return work;
}
