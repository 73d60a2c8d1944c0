import type { Account } from "./account.ts";
import { Refusal } from "./answers.ts";

interface ConsumerSettings {
  readonly batch_size: number;
  readonly max_retries: number;
  readonly max_wait_time_ms: number;
  readonly max_concurrency: number | null;
  readonly retry_delay: number;
}

export interface Consumer {
  readonly consumer_id: string;
  readonly type: "worker" | "http_pull";
  script: string;
  dead_letter_queue: string | undefined;
  settings: ConsumerSettings;
  readonly created_on: string;
}

export interface Queue {
  readonly queue_id: string;
  queue_name: string;
  readonly jurisdiction: string | undefined;
  settings: { delivery_delay: number; delivery_paused: boolean; message_retention_period: number };
  readonly consumers: Consumer[];
  /** How many messages it is said to hold. */
  backlog: number;
  readonly created_on: string;
  modified_on: string;
}

const defaults: ConsumerSettings = {
  batch_size: 10,
  max_retries: 3,
  max_wait_time_ms: 5_000,
  max_concurrency: null,
  retry_delay: 0,
};

export function newQueue(queue_name: string, jurisdiction: string | undefined, at: string): Queue {
  const settings = { delivery_delay: 0, delivery_paused: false, message_retention_period: 345_600 };
  const queue_id = crypto.randomUUID().replaceAll("-", "");
  return { queue_id, queue_name, jurisdiction, settings, consumers: [], backlog: 0, created_on: at, modified_on: at };
}

/** A queue as the API tells of it. */
export function describeQueue(queue: Queue, account: Account) {
  const producers = [...account.scripts.values()]
    .filter((script) => script.live.bindings.some((one) => one.type === "queue" && one.queue_id === queue.queue_id))
    .map(({ name }) => ({ type: "worker", script: name }));
  const { backlog: _, ...told } = queue;
  const { consumers } = queue;
  return { ...told, producers, producers_total_count: producers.length, consumers_total_count: consumers.length };
}

/** What a consumer is to be by a request's body; throws what the service would refuse it with. */
export function readConsumer(body: Record<string, any>, queue: Queue, account: Account) {
  const { type = "worker", script_name, dead_letter_queue, settings = {} } = body;
  if (!account.scripts.has(script_name)) {
    throw new Refusal(
      400,
      11001,
      `Worker '${script_name}' does not exist; a queue is consumed by a Worker that is there.`,
    );
  }
  if (dead_letter_queue !== undefined) {
    const target = account.queues.get(dead_letter_queue);
    if (target === undefined) throw new Refusal(400, 11002, `Dead letter queue '${dead_letter_queue}' does not exist.`);
    if (target.jurisdiction !== queue.jurisdiction) {
      throw new Refusal(400, 11016, "A dead letter queue must be in the same jurisdiction as the queue.");
    }
  }
  return {
    type: type === "http_pull" ? ("http_pull" as const) : ("worker" as const),
    script: String(script_name),
    dead_letter_queue: dead_letter_queue as string | undefined,
    settings: { ...defaults, ...settings } as ConsumerSettings,
  };
}
