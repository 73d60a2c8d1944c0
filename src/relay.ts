import { createApp } from "./app.ts";
import { consumeDeadLetters } from "./dead-letters/consumer.ts";
import { type Bindings, type Env, openBindings, readConfig } from "./env.ts";
import { Counters } from "./domain/counters.ts";
import { consumeEvents } from "./fan-out/consumer.ts";
import { logFailure } from "./platform/log.ts";
import type { World } from "./platform/world.ts";
import { consumeRetries } from "./retry/consumer.ts";
import { explained, isSchemaFault } from "./store/schema.ts";
import { writeCounters } from "./store/counters.ts";
import { runCron } from "./cron/cron.ts";

/** Until the migrations are applied. The hundred tries of a message last 100 minutes, then it is a dead letter. */
const SCHEMA_MISSING_DELAY_SECONDS = 60;

const stages: Readonly<Record<string, string>> = {
  "qonto-relay-events": "fan_out",
  "qonto-relay-retries": "retry",
  "qonto-relay-dead-letters": "dead_letters",
};

/** The Worker: requests come in, queues are consumed, the cron runs. */
export function createRelay(world: World) {
  const counters = new Counters();
  const app = createApp(world, counters);
  const open = openBindings(world);
  const writeCountersInTime = ({ DB }: Env, context: Pick<ExecutionContext, "waitUntil">, unit: string) => {
    if (counters.isDue(world.now())) context.waitUntil(writeCounters(DB, counters, world.now(), unit));
  };
  const consume = (batch: MessageBatch, env: Env, context: Pick<ExecutionContext, "waitUntil">): Promise<void> => {
    const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
    switch (batch.queue) {
      case "qonto-relay-events":
        return consumeEvents(batch, { env, config: readConfig(env), world, counters, waitUntil });
      case "qonto-relay-retries":
        return consumeRetries(batch, { env, config: readConfig(env), world, counters, waitUntil });
      case "qonto-relay-dead-letters":
        return consumeDeadLetters(batch, { env, world });
      default:
        throw new Error(`No stage consumes the queue ${batch.queue}`);
    }
  };
  return {
    fetch: async (request, bindings, context) => {
      const env = open(bindings);
      const response = await app.fetch(request, env, context);
      writeCountersInTime(env, context, "api");
      return response;
    },

    async queue(batch, bindings, context) {
      const env = open(bindings);
      const unit = stages[batch.queue] ?? batch.queue;
      writeCountersInTime(env, context, unit);
      try {
        await consume(batch, env, context);
      } catch (error) {
        if (!isSchemaFault(error)) throw error;
        logFailure(unit, await explained(env.DB, error), {
          message: "batch.put_off",
          messages: batch.messages.length,
        });
        for (const message of batch.messages) message.retry({ delaySeconds: SCHEMA_MISSING_DELAY_SECONDS });
      }
    },

    scheduled: (_controller, bindings) => runCron({ env: open(bindings), world, counters }),
  } satisfies ExportedHandler<Bindings>;
}
