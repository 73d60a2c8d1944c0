import { isDeepStrictEqual } from "node:util";
import { type Context, Hono } from "hono";
import { Refusal, failure, notFound, success } from "./answers.ts";
import { type Emulation, type Variables, bodyOf, timestamp } from "./context.ts";
import { page } from "./paging.ts";
import { type Consumer, type Queue, describeQueue, newQueue, readConsumer } from "./queues.ts";

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
  // A Worker that is live keeps its binding to an id that no queue has any more.
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
