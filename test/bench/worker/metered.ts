import { realWorld } from "../../../src/platform/world.ts";
import type { Bindings } from "../../../src/env.ts";
import { createRelay } from "../../../src/relay.ts";
import { type Intercept, interceptDatabase } from "../../worker/support/database.ts";

/**
 * The relay, with its usage of the platform: GET /bench/usage takes the counts, POST /bench/cron runs the cron. POST /bench/hold
 * keeps events in their queue, until POST /bench/release.
 */
const relay = createRelay(realWorld);

const nothing = {
  calls: 0,
  callsForStrangers: 0,
  rowsRead: 0,
  rowsWritten: 0,
  consumerInvocations: 0,
  /** A message is written, read and deleted. Each of these costs an operation for each 64 KB, rounded up. */
  queueOperations: 0,
};
let usage = { ...nothing };

const counting: Intercept = async (_call, proceed) => {
  const results = await proceed();
  usage.calls += 1;
  for (const { meta } of results) {
    usage.rowsRead += meta.rows_read;
    usage.rowsWritten += meta.rows_written;
  }
  return results;
};

const countingForStrangers: Intercept = (call, proceed) => {
  usage.callsForStrangers += 1;
  return counting(call, proceed);
};

const BILLED_BYTES = 64_000;
const OPERATIONS = 3;

function countMessage(body: unknown): void {
  const bytes = new TextEncoder().encode(JSON.stringify(body)).length;
  usage.queueOperations += OPERATIONS * Math.ceil(bytes / BILLED_BYTES);
}

function meterQueue(queue: Bindings["EVENTS"]): Bindings["EVENTS"] {
  return {
    send: (body, options) => {
      countMessage(body);
      return queue.send(body, options);
    },
    sendBatch: (messages, options) => {
      const all = [...messages];
      for (const { body } of all) countMessage(body);
      return queue.sendBatch(all, options);
    },
    metrics: () => queue.metrics(),
  };
}

/** A new environment for each request: the relay reads its variables once. */
const metered = new WeakMap<Bindings, Bindings>();
const meteredForStrangers = new WeakMap<Bindings, Bindings>();

function meter(env: Bindings): Bindings {
  return metered.getOrInsertComputed(env, () => ({
    ...env,
    DB: interceptDatabase(env.DB, counting),
    EVENTS: meterQueue(env.EVENTS),
    RETRIES: meterQueue(env.RETRIES),
  }));
}

function meterForStrangers(env: Bindings): Bindings {
  const make = () => ({ ...env, DB: interceptDatabase(env.DB, countingForStrangers) });
  return meteredForStrangers.getOrInsertComputed(env, make);
}

const eventsQueue = { isHeld: false };

/** Polls, because a request cannot wait for another request's promise. */
async function untilReleased(): Promise<void> {
  while (eventsQueue.isHeld) await new Promise((resolve) => setTimeout(resolve, 50));
}

export default {
  async fetch(request, env, context) {
    switch (new URL(request.url).pathname) {
      case "/bench/usage": {
        const taken = usage;
        usage = { ...nothing };
        return Response.json(taken);
      }
      case "/bench/cron":
        await relay.scheduled({ cron: "* * * * *", scheduledTime: Date.now(), noRetry: () => undefined }, meter(env));
        return new Response("done");
      case "/bench/hold":
      case "/bench/release":
        eventsQueue.isHeld = request.url.endsWith("hold");
        return new Response("done");
      default: {
        const isStranger = request.headers.has("x-bench-stranger");
        return relay.fetch(request, isStranger ? meterForStrangers(env) : meter(env), context);
      }
    }
  },
  async queue(batch, env, context) {
    usage.consumerInvocations += 1;
    if (batch.queue === "qonto-relay-events") await untilReleased();
    return relay.queue(batch, meter(env), context);
  },
} satisfies ExportedHandler<Bindings>;
