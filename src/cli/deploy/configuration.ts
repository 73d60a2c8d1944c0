import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { Fault } from "../fault.ts";

export const projectDirectory = fileURLToPath(new URL("../../../", import.meta.url));

export interface QueueConfiguration {
  readonly name: string;
  readonly isProduced: boolean;
  readonly isConsumed: boolean;
  /** Null where what consumes it names none. */
  readonly deadLetterQueue: string | null;
}

/** What `wrangler.toml` says that a deployment of the relay consists of. */
export interface Configuration {
  readonly worker: string;
  /** Null: it is chosen at each deployment. */
  readonly accountId: string | null;
  readonly queues: readonly QueueConfiguration[];
  readonly database: {
    readonly binding: string;
    readonly name: string;
    /** Null: the one of this name. */
    readonly databaseId: string | null;
    /** File names, in their order. */
    readonly migrations: readonly string[];
  };
  /** Where the database and the queues keep their data. The file can say it of the database alone. */
  readonly jurisdiction: string;
  readonly crons: readonly string[];
  /** Whether it is reached under the account's own part of workers.dev. */
  readonly isOnWorkersDev: boolean;
}

const database = z.object({
  binding: z.string(),
  database_name: z.string(),
  database_id: z.string().nullish(),
  migrations_dir: z.string(),
  jurisdiction: z.string(),
});

const fileContent = z.object({
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
});

/** Throws `Fault` for a file that lacks something. */
export async function readConfiguration(): Promise<Configuration> {
  // Takes a second to load: not before it is needed.
  const { unstable_readConfig } = await import("wrangler");
  const file = path.join(projectDirectory, "wrangler.toml");
  const parsed = fileContent.safeParse(orFault(() => unstable_readConfig({ config: file }, { hideWarnings: true })));
  if (!parsed.success) throw new Fault(`wrangler.toml lacks something:\n${z.prettifyError(parsed.error)}`);
  const { name, account_id, d1_databases, queues, triggers, route, routes, workers_dev } = parsed.data;
  const [{ binding, database_name, database_id, migrations_dir, jurisdiction }] = d1_databases;
  const producers = queues.producers.map(({ queue }) => queue);
  const names = new Set([...producers, ...queues.consumers.map(({ queue }) => queue)]);
  const hasRoutes = (route !== undefined && route !== null) || (routes ?? []).length > 0;
  return {
    worker: name,
    accountId: account_id ?? null,
    queues: Array.from(names, (queue) => {
      const consumer = queues.consumers.find((one) => one.queue === queue);
      return {
        name: queue,
        isProduced: producers.includes(queue),
        isConsumed: consumer !== undefined,
        deadLetterQueue: consumer?.dead_letter_queue ?? null,
      };
    }),
    database: {
      binding,
      name: database_name,
      databaseId: database_id ?? null,
      migrations: migrationsIn(path.join(projectDirectory, migrations_dir)),
    },
    jurisdiction,
    crons: triggers.crons ?? [],
    isOnWorkersDev: workers_dev ?? !hasRoutes,
  };
}

function orFault<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw new Fault(`wrangler.toml cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function migrationsIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".sql"))
    .toSorted();
}
