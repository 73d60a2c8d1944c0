import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { Fault } from "../fault.ts";

export const projectDirectory = fileURLToPath(new URL("../../../", import.meta.url));

/** What `wrangler.toml` says that a deployment of the relay consists of. */
export type Configuration = Readonly<z.output<typeof configuration>>;

export type QueueConfiguration = Configuration["queues"][number];

const database = z.object({
  binding: z.string(),
  database_name: z.string(),
  database_id: z.string().nullish(),
  migrations_dir: z.string(),
  jurisdiction: z.string(),
});

const configuration = z
  .object({
    name: z.string(),
    account_id: z.string().nullish(),
    d1_databases: z.tuple([database], z.unknown()),
    queues: z.object({
      producers: z.array(z.object({ queue: z.string() })).default([]),
      consumers: z.array(z.object({ queue: z.string(), dead_letter_queue: z.string().nullish() })).default([]),
    }),
    triggers: z.object({ crons: z.array(z.string()).nullish() }),
    route: z.unknown(),
    routes: z.array(z.unknown()).nullish(),
    workers_dev: z.boolean().nullish(),
  })
  .transform(({ name, account_id, d1_databases, queues, triggers, route, routes, workers_dev }) => {
    const [{ binding, database_name, database_id, migrations_dir, jurisdiction }] = d1_databases;
    const producers = queues.producers.map(({ queue }) => queue);
    const names = new Set([...producers, ...queues.consumers.map(({ queue }) => queue)]);
    const hasRoutes = (route ?? routes?.[0] ?? null) !== null;
    return {
      worker: name,
      /** Null: it is chosen at each deployment. */
      accountId: account_id ?? null,
      queues: Array.from(names, (queue) => {
        const consumer = queues.consumers.find((one) => one.queue === queue);
        return {
          name: queue,
          isProduced: producers.includes(queue),
          isConsumed: consumer !== undefined,
          /** Null where what consumes it names none. */
          deadLetterQueue: consumer?.dead_letter_queue ?? null,
        };
      }),
      database: {
        binding,
        name: database_name,
        /** Null: the one of this name. */
        databaseId: database_id ?? null,
        /** File names, in their order. */
        migrations: readdirSync(path.join(projectDirectory, migrations_dir))
          .filter((file) => file.endsWith(".sql"))
          .toSorted(),
      },
      /** Where the database and the queues keep their data. The file can say it of the database alone. */
      jurisdiction,
      crons: triggers.crons ?? [],
      /** Whether it is reached under the account's own part of workers.dev. */
      isOnWorkersDev: workers_dev ?? !hasRoutes,
    };
  });

/** Throws `Fault` for a file that lacks something. */
export async function readConfiguration(): Promise<Configuration> {
  // Takes a second to load: not before it is needed.
  const { unstable_readConfig } = await import("wrangler");
  let content: unknown;
  try {
    content = unstable_readConfig({ config: path.join(projectDirectory, "wrangler.toml") }, { hideWarnings: true });
  } catch (error) {
    throw new Fault(`wrangler.toml cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = configuration.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new Fault(`wrangler.toml lacks something:\n${z.prettifyError(parsed.error)}`);
}
