import { isDeepStrictEqual } from "node:util";
import { type Context, Hono } from "hono";
import type { Account } from "./accounts.ts";
import {
  type Emulation,
  Refusal,
  type Variables,
  bodyOf,
  failure,
  notFound,
  page,
  success,
  timestamp,
} from "./context.ts";

interface ConsumerSettings {
  readonly batch_size: number;
  readonly max_retries: number;
  readonly max_wait_time_ms: number;
  readonly max_concurrency: number | null;
  readonly retry_delay: number;
}

interface Consumer {
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
  /** Messages in it, by its metrics. */
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

/** A queue as the API shows it. */
function describeQueue(queue: Queue, account: Account) {
  const producers = [...account.scripts.values()]
    .filter((script) => script.live.bindings.some((one) => one.type === "queue" && one.queue_id === queue.queue_id))
    .map(({ name }) => ({ type: "worker", script: name }));
  const { backlog: _, ...told } = queue;
  const { consumers } = queue;
  return { ...told, producers, producers_total_count: producers.length, consumers_total_count: consumers.length };
}

/** The consumer in a request's body. Throws the service's refusals. */
function readConsumer(body: Record<string, any>, queue: Queue, account: Account) {
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

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export function queuesApi(emulation: Emulation): Hono<Variables> {
  const { changes } = emulation;
  const api = new Hono<Variables>();
  const paging = () => ({ perPage: 100, atMost: emulation.pageSize });

  api.get("/", ({ req, var: { account } }) => {
    const names = req.queries("name");
    const found = [...account.queues.values()].filter((queue) => names?.includes(queue.queue_name) ?? true);
    return page(
      found.map((queue) => describeQueue(queue, account)),
      req.url,
      paging(),
    );
  });
  api.post("/", async (context) => {
    const { account } = context.var;
    const { queue_name, jurisdiction, settings } = await bodyOf(context);
    if (!NAME.test(queue_name)) return failure(400, 11005, `Queue name '${queue_name}' is invalid.`);
    if (account.queues.has(queue_name)) return failure(409, 11009, `Queue name '${queue_name}' is already taken`);
    const queue = newQueue(queue_name, jurisdiction, timestamp(emulation));
    queue.settings = { ...queue.settings, ...settings };
    account.queues.set(queue_name, queue);
    changes.push(`create queue ${queue_name} in ${jurisdiction}`);
    return success(describeQueue(queue, account));
  });
  api.get("/:queue", (context) => success(describeQueue(queueOf(context), context.var.account)));
  api.get("/:queue/metrics", (context) =>
    success({ backlog_count: queueOf(context).backlog, backlog_bytes: 0, oldest_message_timestamp_ms: 0 }),
  );
  const update = async (context: Context<Variables>) => {
    const queue = queueOf(context);
    const { account } = context.var;
    const { queue_name = queue.queue_name, settings } = await bodyOf(context);
    if (queue_name !== queue.queue_name && account.queues.has(queue_name)) {
      return failure(409, 11009, `Queue name '${queue_name}' is already taken`);
    }
    const updated = { name: queue_name, settings: { ...queue.settings, ...settings } };
    if (!isDeepStrictEqual(updated, { name: queue.queue_name, settings: queue.settings })) {
      changes.push(`update queue ${queue.queue_name}`);
    }
    account.queues.delete(queue.queue_name);
    Object.assign(queue, { queue_name, settings: updated.settings, modified_on: timestamp(emulation) });
    account.queues.set(queue_name, queue);
    return success(describeQueue(queue, account));
  };
  api.patch("/:queue", update);
  api.put("/:queue", update);
  // A live Worker keeps its binding to the deleted queue's id.
  api.delete("/:queue", (context) => {
    const { queue_name } = queueOf(context);
    context.var.account.queues.delete(queue_name);
    changes.push(`delete queue ${queue_name}`);
    return success(null);
  });
  api.route("/:queue/consumers", consumersApi(emulation));
  return api;
}

function consumersApi(emulation: Emulation): Hono<Variables> {
  const { changes } = emulation;
  const api = new Hono<Variables>();
  api.get("/", (context) => success(queueOf(context).consumers));
  api.post("/", async (context) => {
    const queue = queueOf(context);
    if (queue.consumers.length > 0) throw new Refusal(400, 11004, "workers.api.error.consumer_exists");
    const asked = readConsumer(await bodyOf(context), queue, context.var.account);
    const consumer: Consumer = {
      ...asked,
      consumer_id: crypto.randomUUID().replaceAll("-", ""),
      created_on: timestamp(emulation),
    };
    queue.consumers.push(consumer);
    changes.push(`consume ${queue.queue_name} by ${consumer.script}`);
    return success({ ...consumer, queue_name: queue.queue_name });
  });
  api.get("/:consumer", (context) => success(consumerOf(context, queueOf(context))));
  api.put("/:consumer", async (context) => {
    const queue = queueOf(context);
    const consumer = consumerOf(context, queue);
    const asked = readConsumer(await bodyOf(context), queue, context.var.account);
    if (!isDeepStrictEqual({ ...consumer, ...asked }, consumer)) {
      changes.push(`update consumer of ${queue.queue_name} by ${asked.script}`);
    }
    Object.assign(consumer, asked);
    return success({ ...consumer, queue_name: queue.queue_name });
  });
  api.delete("/:consumer", (context) => {
    const queue = queueOf(context);
    queue.consumers.splice(queue.consumers.indexOf(consumerOf(context, queue)), 1);
    changes.push(`delete consumer of ${queue.queue_name}`);
    return success(null);
  });
  return api;
}

function queueOf({ req, var: { account } }: Context<Variables>): Queue {
  const queue = account.queueById(req.param("queue") ?? "");
  if (queue === undefined) throw notFound.queue();
  return queue;
}

function consumerOf({ req }: Context<Variables>, { consumers }: Queue): Consumer {
  const consumer = consumers.find(({ consumer_id }) => consumer_id === req.param("consumer"));
  if (consumer === undefined) throw notFound.consumer();
  return consumer;
}
