import path from "node:path";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";
import { root } from "./bundle.ts";

const consumers = z.array(z.object({ queue: z.string(), max_batch_timeout: z.number() }));

/** How long an event may wait for company before its batch goes to the consumer: the queue's own delay. */
export function batchingDelayMs(): number {
  const { queues } = unstable_readConfig({ config: path.join(root, "wrangler.toml") });
  const consumer = consumers.parse(queues.consumers).find(({ queue }) => queue === "qonto-relay-events");
  return (consumer?.max_batch_timeout ?? 0) * 1000;
}
