import type { Cloud } from "./cloud.ts";
import { SimulatedQueue } from "./queue.ts";

export type SimulatedQueues = Readonly<Record<"events" | "retries" | "dead_letters", SimulatedQueue>>;

/** The queues as `wrangler.toml` sets them up. */
export function makeQueues(cloud: Cloud): SimulatedQueues {
  // Some allow few retries, so that there are dead letters.
  const maxRetries = cloud.chance.happens(0.2) ? cloud.chance.pick([0, 1, 2]) : 100;
  const shared = { maxRetries, retryDelaySeconds: 10 };
  const events = new SimulatedQueue(cloud, {
    ...shared,
    door: "events",
    name: "qonto-relay-events",
    stage: "fan-out",
    maxBatchSize: 10,
    maxBatchTimeoutMs: 1_000,
  });
  const retries = new SimulatedQueue(cloud, {
    ...shared,
    door: "retries",
    name: "qonto-relay-retries",
    stage: "retry",
    maxBatchSize: 1,
    maxBatchTimeoutMs: 0,
  });
  const deadLetters = new SimulatedQueue(cloud, {
    maxRetries: 100,
    retryDelaySeconds: 600,
    door: "dead_letters",
    name: "qonto-relay-dead-letters",
    stage: "dead-letter",
    maxBatchSize: 10,
    maxBatchTimeoutMs: 5_000,
  });
  events.deadLetters = deadLetters;
  retries.deadLetters = deadLetters;
  return { events, retries, dead_letters: deadLetters };
}
