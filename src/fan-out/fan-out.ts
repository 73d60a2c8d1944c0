import { type Delivery, countByStatus } from "../domain/delivery.ts";
import { type Destination, isLeftToDrains } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import { isRecipient } from "../domain/recipients.ts";
import { lazyJson } from "../platform/json.ts";
import { logLine } from "../platform/log.ts";
import { type Job, attemptAll, deferred } from "../deliver/attempt-all.ts";
import type { DeliverContext } from "../deliver/context.ts";
import { recordAttempts } from "../deliver/record-attempts.ts";
import type { BatchEvent } from "./batch-events.ts";
import { loadAndUpdateState } from "./load-and-update-state.ts";
import { takeEvents } from "./take-events.ts";
import type { MessageVerdict } from "./verdict.ts";

/** After this a chunk of events begins no further attempt. The drains take what is left. */
const BEGIN_WITHIN_MS = 15_000;

/**
 * Loads a chunk's events, updates the latest state, makes the first attempts of the events that are this consumer's, and leaves
 * what is still pending to the drains. Returns what becomes of each event's message.
 */
export async function fanOut(
  chunk: readonly BatchEvent[],
  context: DeliverContext,
): Promise<ReadonlyMap<string, MessageVerdict>> {
  const { env, world } = context;
  const startedAt = world.now();
  const loaded = await loadAndUpdateState(chunk, env.DB);
  const candidates = loaded.events.map((one) => ({
    ...one,
    recipients: recipientsOf(one.event, loaded.destinations),
  }));
  const { mine, leaseUntil, verdicts } = await takeEvents(candidates, { db: env.DB, world });
  const jobs = mine.flatMap(({ event, recipients, shown }) =>
    recipients.map((destination): Job => ({ event, destination, shown, delivery: firstDelivery(event, destination) })),
  );
  const { toAttempt = [], leftToDrains = [] } = Object.groupBy(jobs, ({ destination }) =>
    isLeftToDrains(destination, startedAt) ? "leftToDrains" : "toAttempt",
  );
  const { results, late } = await attemptAll(toAttempt, BEGIN_WITHIN_MS, context);
  const deliveries = await recordAttempts(
    { results: [...results, ...leftToDrains.map((job) => deferred(job))], late },
    leaseUntil,
    context,
  );

  logLine("fan_out", {
    message: "chunk.finished",
    events: chunk.length,
    taken: mine.length,
    event_ids: mine.map(({ event }) => event.id),
    ...countByStatus(deliveries),
    late: late.length,
    duration_ms: world.now() - startedAt,
  });
  return new Map([...loaded.verdicts, ...verdicts]);
}

/** The event is parsed once for all filters. */
function recipientsOf(event: RelayEvent, destinations: readonly Destination[]): Destination[] {
  const content = lazyJson(event.body);
  return destinations.filter((destination) => isRecipient(destination, event, content));
}

function firstDelivery(event: RelayEvent, destination: Destination): Delivery {
  return {
    destinationId: destination.id,
    eventId: event.id,
    receivedAt: event.receivedAt,
    status: "pending",
    attempts: [],
    step: 0,
    nextAttemptAt: null,
  };
}
