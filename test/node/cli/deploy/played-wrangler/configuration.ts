import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const root = fileURLToPath(new URL("../../../../../", import.meta.url));

const configuration = z.object({
  name: z.string(),
  main: z.string(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()),
  vars: z.record(z.string(), z.unknown()),
  d1_databases: z.array(
    z.object({
      binding: z.string(),
      database_name: z.string(),
      migrations_dir: z.string(),
      jurisdiction: z.string().optional(),
    }),
  ),
  queues: z.object({
    producers: z.array(z.object({ binding: z.string(), queue: z.string(), delivery_delay: z.number().optional() })),
    consumers: z.array(
      z.object({
        queue: z.string(),
        dead_letter_queue: z.string().optional(),
        max_batch_size: z.number().optional(),
        max_batch_timeout: z.number().optional(),
        max_concurrency: z.number().optional(),
        max_retries: z.number().optional(),
        retry_delay: z.number().optional(),
      }),
    ),
  }),
  ratelimits: z.array(z.object({ name: z.string(), namespace_id: z.string(), simple: z.looseObject({}) })),
  triggers: z.object({ crons: z.array(z.string()).optional() }),
  observability: z.looseObject({}).optional(),
  workers_dev: z.boolean().optional(),
  preview_urls: z.boolean().optional(),
  secrets: z.object({ required: z.array(z.string()).default([]) }).optional(),
});

export type Configuration = z.output<typeof configuration>;

/** What wrangler.toml says, as far as a deployment comes to speak of it. */
export async function readConfiguration(): Promise<Configuration> {
  const { unstable_readConfig } = await import("wrangler");
  return configuration.parse(unstable_readConfig({ config: path.join(root, "wrangler.toml") }, { hideWarnings: true }));
}

export const pathTo = (file: string) => path.join(root, file);
