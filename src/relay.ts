import { createApp } from "./app.ts";
import { consumeDeadLetters } from "./dead-letters/consumer.ts";
import { type Bindings, type Env, openBindings, readConfig } from "./env.ts";
import { Tally } from "./domain/tally.ts";
import { consumeEvents } from "./fan-out/consumer.ts";
import type { World } from "./platform/world.ts";
import { consumeRetries } from "./retry/consumer.ts";
import { writeTally } from "./write-tally.ts";
import { runUpkeep } from "./upkeep/upkeep.ts";

/** The Worker: requests come in, queues are consumed, the cron runs. */
export function createRelay(world: World) {
  const tally = new Tally();
  const app = createApp(world, tally);
  const open = openBindings(world);
  const writeTallyInTime = ({ DB }: Env, context: Pick<ExecutionContext, "waitUntil">) => {
    if (tally.isDue(world.now())) context.waitUntil(writeTally(DB, tally, world.now()));
  };
  return {
    fetch: async (request, bindings, context) => {
      const env = open(bindings);
      const response = await app.fetch(request, env, context);
      writeTallyInTime(env, context);
      return response;
    },

    async queue(batch, bindings, context) {
      const env = open(bindings);
      const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
      writeTallyInTime(env, context);
      switch (batch.queue) {
        case "qonto-relay-events":
          return consumeEvents(batch, { env, config: readConfig(env), world, tally, waitUntil });
        case "qonto-relay-retries":
          return consumeRetries(batch, { env, config: readConfig(env), world, tally, waitUntil });
        case "qonto-relay-dead-letters":
          return consumeDeadLetters(batch, { env, world });
        default:
          throw new Error(`No stage consumes the queue ${batch.queue}`);
      }
    },

    scheduled: (_controller, bindings) => runUpkeep({ env: open(bindings), world, tally }),
  } satisfies ExportedHandler<Bindings>;
}
