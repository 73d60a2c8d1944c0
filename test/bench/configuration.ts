import path from "node:path";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";
import { root } from "./bundle.ts";

/** What of wrangler.toml the runtime has to know. Every value of a consumer is set there. */
const configuration = z.object({
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()),
  queues: z.object({
    producers: z.array(z.object({ binding: z.string(), queue: z.string() })),
    consumers: z.array(
      z.object({
        queue: z.string(),
        max_batch_size: z.number(),
        max_batch_timeout: z.number(),
        max_retries: z.number(),
        retry_delay: z.number(),
        dead_letter_queue: z.string().optional(),
      }),
    ),
  }),
});

export function readConfiguration(): z.output<typeof configuration> {
  return configuration.parse(unstable_readConfig({ config: path.join(root, "wrangler.toml") }));
}

/** How long an event may wait for company before its batch goes to the consumer: the queue's own delay. */
export function batchingDelayMs(): number {
  const consumer = readConfiguration().queues.consumers.find(({ queue }) => queue === "qonto-relay-events");
  return (consumer?.max_batch_timeout ?? 0) * 1000;
}
