import type { Env } from "../env.ts";
import { logFailure } from "../platform/log.ts";
import { type Timers, withTimeout } from "../platform/timeout.ts";

const TIMEOUT_MS = 1_000;

export type QueueName = "events" | "retries" | "dead_letters";

export interface QueueFigures {
  readonly backlog: number;
  /** Unix milliseconds; null when none waits, or the queue does not say. */
  readonly oldestMessageAt: number | null;
}

/** What the queues say of themselves; null for one that does not answer in time. */
export async function readQueues(env: Env, timers: Timers): Promise<Record<QueueName, QueueFigures | null>> {
  const [events, retries, deadLetters] = await Promise.all([
    readQueue(env.EVENTS, timers),
    readQueue(env.RETRIES, timers),
    readQueue(env.DEAD_LETTERS, timers),
  ]);
  return { events, retries, dead_letters: deadLetters };
}

async function readQueue(queue: Pick<Queue, "metrics">, timers: Timers): Promise<QueueFigures | null> {
  const read = await withTimeout((async () => queue.metrics())(), TIMEOUT_MS, timers);
  if (read.state === "done") {
    const { backlogCount, oldestMessageTimestamp } = read.value;
    const oldest = oldestMessageTimestamp?.getTime() ?? 0;
    return { backlog: backlogCount, oldestMessageAt: oldest > 0 ? oldest : null };
  }
  if (read.state === "failed") logFailure("read-queue", read.error);
  return null;
}
