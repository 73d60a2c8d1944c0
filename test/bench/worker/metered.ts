import { realWorld } from "../../../src/platform/world.ts";
import type { Bindings } from "../../../src/env.ts";
import { createRelay } from "../../../src/relay.ts";
import { type Intercept, interceptDatabase } from "../../worker/support/database.ts";

/** The relay, and what it has asked of D1: GET /bench/usage takes the counts, POST /bench/cron runs the cron. */
const relay = createRelay(realWorld);

let usage = { calls: 0, rowsRead: 0, rowsWritten: 0 };

const counting: Intercept = async (_call, proceed) => {
  const results = await proceed();
  usage.calls += 1;
  for (const { meta } of results) {
    usage.rowsRead += meta.rows_read;
    usage.rowsWritten += meta.rows_written;
  }
  return results;
};

/** One for each that comes in, as the relay reads its variables once. */
const metered = new WeakMap<Bindings, Bindings>();

function meter(env: Bindings): Bindings {
  const made = metered.get(env) ?? { ...env, DB: interceptDatabase(env.DB, counting) };
  metered.set(env, made);
  return made;
}

export default {
  async fetch(request, env, context) {
    switch (new URL(request.url).pathname) {
      case "/bench/usage": {
        const taken = usage;
        usage = { calls: 0, rowsRead: 0, rowsWritten: 0 };
        return Response.json(taken);
      }
      case "/bench/cron":
        await relay.scheduled({ cron: "* * * * *", scheduledTime: Date.now(), noRetry: () => undefined }, meter(env));
        return new Response("done");
      default:
        return relay.fetch(request, meter(env), context);
    }
  },
  queue: (batch, env, context) => relay.queue(batch, meter(env), context),
} satisfies ExportedHandler<Bindings>;
