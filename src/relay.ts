import { createApp } from "./app.ts";
import { consumeDeadLetters } from "./dead-letters/consumer.ts";
import { type Bindings, type Env, openBindings, readConfig } from "./env.ts";
import { Counters } from "./domain/counters.ts";
import { consumeEvents } from "./fan-out/consumer.ts";
import { logFailure } from "./platform/log.ts";
import type { World } from "./platform/world.ts";
import { consumeRetries } from "./retry/consumer.ts";
import { describeSchemaFault, isSchemaFault } from "./store/schema.ts";
import { writeCounters } from "./store/counters.ts";
import { runCron } from "./cron/cron.ts";

/** While migrations are missing. 100 retries (`max_retries`) last 100 minutes, then the message goes to the dead-letter queue. */
const SCHEMA_MISSING_DELAY_SECONDS = 60;

/** What a queue's stage gets. Each reads the configuration itself, if it needs it. */
interface StageContext {
  readonly env: Env;
  readonly world: World;
  readonly counters: Counters;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

interface Stage {
  /** In the log. */
  readonly unit: string;
  readonly consume: (batch: MessageBatch, context: StageContext) => Promise<void>;
}

/** The stage of each queue. Dead letters are kept even if the configuration cannot be read. */
const stages: Readonly<Record<string, Stage>> = {
  "qonto-relay-events": {
    unit: "fan_out",
    consume: (batch, context) => consumeEvents(batch, { ...context, config: readConfig(context.env) }),
  },
  "qonto-relay-retries": {
    unit: "retry",
    consume: (batch, context) => consumeRetries(batch, { ...context, config: readConfig(context.env) }),
  },
  "qonto-relay-dead-letters": { unit: "dead_letters", consume: consumeDeadLetters },
};

/** The Worker: requests come in, queues are consumed, the cron runs. */
export function createRelay(world: World) {
  const counters = new Counters();
  const app = createApp(world, counters);
  const open = openBindings(world);
  const writeCountersIfDue = ({ DB }: Env, context: Pick<ExecutionContext, "waitUntil">, unit: string) => {
    if (counters.isDue(world.now())) context.waitUntil(writeCounters(DB, counters, world.now(), unit));
  };
  return {
    fetch: async (request, bindings, context) => {
      const env = open(bindings);
      const response = await app.fetch(request, env, context);
      writeCountersIfDue(env, context, app.unitOf(request));
      return response;
    },

    async queue(batch, bindings, context) {
      const stage = stages[batch.queue];
      if (stage === undefined) throw new Error(`No stage consumes the queue ${batch.queue}`);
      const env = open(bindings);
      writeCountersIfDue(env, context, stage.unit);
      try {
        await stage.consume(batch, { env, world, counters, waitUntil: (work) => context.waitUntil(work) });
      } catch (error) {
        if (!isSchemaFault(error)) throw error;
        logFailure(stage.unit, await describeSchemaFault(env.DB, error), {
          message: "batch.deferred",
          messages: batch.messages.length,
        });
        for (const message of batch.messages) message.retry({ delaySeconds: SCHEMA_MISSING_DELAY_SECONDS });
      }
    },

    scheduled: (_controller, bindings) => runCron({ env: open(bindings), world, counters }),
  } satisfies ExportedHandler<Bindings>;
}
