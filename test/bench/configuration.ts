import path from "node:path";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";
import { root } from "./bundle.ts";

const consumers = z.array(
  z.object({ queue: z.string(), max_batch_timeout: z.number(), max_concurrency: z.number().nullish() }),
);

function read() {
  return unstable_readConfig({ config: path.join(root, "wrangler.toml") });
}

/** The compatibility date and flags of this Worker. */
export function compatibility(): { readonly date: string; readonly flags: readonly string[] } {
  const { compatibility_date: date, compatibility_flags: flags } = read();
  return { date: date ?? "", flags };
}

function eventsConsumer() {
  const { queues } = read();
  return consumers.parse(queues.consumers).find(({ queue }) => queue === "qonto-relay-events");
}

/** The queue's batching delay. */
export function batchingDelayMs(): number {
  return (eventsConsumer()?.max_batch_timeout ?? 0) * 1000;
}

/** How many consumers of events Cloudflare may run at once; null without a limit. */
export function maxConcurrency(): number | null {
  return eventsConsumer()?.max_concurrency ?? null;
}
