import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "../fault.ts";

const configFile = fileURLToPath(new URL("../../../wrangler.toml", import.meta.url));

/** What the Worker needs to be there before it is deployed. */
export interface Resources {
  /** Each once, whether it is written to, read from or both. */
  readonly queues: readonly string[];
  readonly database: {
    readonly binding: string;
    readonly name: string;
    /** File names, in their order. */
    readonly migrations: readonly string[];
  };
  /** Where the database and the queues keep their data: the configuration can say it of the database alone. */
  readonly jurisdiction: string;
}

export async function readResources(): Promise<Resources> {
  // Takes a second to load: not before it is needed.
  const { unstable_readConfig } = await import("wrangler");
  const { queues, d1_databases } = unstable_readConfig({ config: configFile }, { hideWarnings: true });
  const { binding, database_name: name, migrations_dir, jurisdiction } = d1_databases[0] ?? {};
  if (binding === undefined || name === undefined || migrations_dir === undefined || jurisdiction === undefined) {
    throw new Fault("wrangler.toml names no database with its migrations_dir and jurisdiction.");
  }
  const used = [...(queues.producers ?? []), ...(queues.consumers ?? [])].map(({ queue }) => queue);
  return {
    queues: [...new Set(used.filter((queue) => typeof queue === "string"))],
    database: { binding, name, migrations: migrationsIn(path.join(path.dirname(configFile), migrations_dir)) },
    jurisdiction,
  };
}

function migrationsIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".sql"))
    .toSorted();
}
