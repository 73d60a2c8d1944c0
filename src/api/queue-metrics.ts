import type { Env } from "../env.ts";
import { logFailure } from "../platform/log.ts";
import { type Timers, withTimeout } from "../platform/timeout.ts";

const TIMEOUT_MS = 1_000;

export type QueueName = "events" | "retries" | "dead_letters";

export interface QueueMetrics {
  readonly backlog: number;
  /** Unix milliseconds; null for an empty queue, or one that does not tell. */
  readonly oldestMessageAt: number | null;
}

/** The queues' own metrics; null for a queue that does not answer in time. */
export async function readQueues(env: Env, timers: Timers): Promise<Record<QueueName, QueueMetrics | null>> {
  const [events, retries, deadLetters] = await Promise.all([
    readQueue(env.EVENTS, timers),
    readQueue(env.RETRIES, timers),
    readQueue(env.DEAD_LETTERS, timers),
  ]);
  return { events, retries, dead_letters: deadLetters };
}

async function readQueue(queue: Pick<Queue, "metrics">, timers: Timers): Promise<QueueMetrics | null> {
  const read = await withTimeout((async () => queue.metrics())(), TIMEOUT_MS, timers);
  if (read.state === "done") {
    const { backlogCount, oldestMessageTimestamp } = read.value;
    const oldest = oldestMessageTimestamp?.getTime() ?? 0;
    return { backlog: backlogCount, oldestMessageAt: oldest > 0 ? oldest : null };
  }
  if (read.state === "failed") logFailure("api", read.error, { message: "queue_metrics.read_failed" });
  return null;
}
