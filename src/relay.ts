import { createApp } from "./app.ts";
import { consumeDeadLetters } from "./dead-letters/consumer.ts";
import { type Env, readConfig } from "./env.ts";
import { consumeEvents } from "./fan-out/consumer.ts";
import type { World } from "./platform/world.ts";
import { consumeRetries } from "./retry/consumer.ts";
import { runUpkeep } from "./upkeep/upkeep.ts";

/** The Worker: requests come in, queues are consumed, the cron runs. */
export function createRelay(world: World) {
  const app = createApp(world);
  return {
    fetch: (request, env, context) => app.fetch(request, env, context),

    async queue(batch, env, context) {
      const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
      switch (batch.queue) {
        case "qonto-relay-events":
          return consumeEvents(batch, { env, config: readConfig(env), world, waitUntil });
        case "qonto-relay-retries":
          return consumeRetries(batch, { env, config: readConfig(env), world, waitUntil });
        case "qonto-relay-dead-letters":
          return consumeDeadLetters(batch, { env, world });
        default:
          throw new Error(`No stage consumes the queue ${batch.queue}`);
      }
    },

    scheduled: (_controller, env) => runUpkeep({ env, world }),
  } satisfies ExportedHandler<Env>;
}
