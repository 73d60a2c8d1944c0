import { realWorld } from "../../../src/platform/world.ts";
import type { Bindings } from "../../../src/env.ts";
import type { QueueMessage } from "../../../src/messages.ts";
import { createRelay } from "../../../src/relay.ts";

/**
 * The relay up to the answer: its queue costs nothing and has no consumer. On Cloudflare the queue and its consumers have
 * machines of their own; here all share two cores.
 */
const relay = createRelay(realWorld);

const metrics = { backlogCount: 0, backlogBytes: 0 };

const nowhere: Queue<QueueMessage> = {
  send: async () => ({ metadata: { metrics } }),
  sendBatch: async () => ({ metadata: { metrics } }),
  metrics: async () => metrics,
};

/** A new environment for each request: the relay reads its variables once. */
const alone = new WeakMap<Bindings, Bindings>();

export default {
  fetch: (request, env, context) => {
    const made = alone.get(env) ?? { ...env, EVENTS: nowhere };
    alone.set(env, made);
    return relay.fetch(request, made, context);
  },
} satisfies ExportedHandler<Bindings>;
