import { readdirSync, writeFileSync } from "node:fs";
import type { Run, Wrangler } from "../../../../src/cli/deploy/wrangler-runs.ts";

export const migrations = readdirSync(new URL("../../../../migrations", import.meta.url)).toSorted();

interface Database {
  readonly jurisdiction: string;
  /** Migrations that it has. */
  readonly applied: string[];
}

type Environment = Readonly<Record<string, string>>;

/**
 * An account at Cloudflare as the pinned wrangler speaks of it: of each answer the lines that tell something. They are
 * the real one's, to which a test holds them.
 */
export class FakeWrangler implements Wrangler {
  isLoggedIn = true;
  /** Queues, and under which jurisdiction each is. */
  readonly queues = new Map<string, string | undefined>();
  readonly databases = new Map<string, Database>();
  /** Secrets of each Worker that was deployed. */
  readonly workers = new Map<string, readonly string[]>();
  /** What changed something, in order. */
  readonly changes: string[] = [];
  failingMigration: string | undefined;

  async run(words: readonly string[], environment: Environment = {}): Promise<Run> {
    const command = words.join(" ");
    for (const [form, answer] of this.#answers) {
      const match = form.exec(command);
      if (match !== null) return answer({ name: match[1] ?? "", jurisdiction: match[2] ?? "", environment });
    }
    throw new Error(`This wrangler does not know: ${command}`);
  }

  readonly #answers: readonly (readonly [RegExp, (asked: Asked) => Run])[] = [
    [/^whoami --json$/, () => this.#whoAmI()],
    [/^queues info (\S+)$/, ({ name }) => this.#showQueue(name)],
    [/^queues create (\S+) --jurisdiction (\S+)$/, (asked) => this.#createQueue(asked)],
    [/^d1 list --json$/, () => this.#listDatabases()],
    [/^d1 create (\S+) --jurisdiction (\S+)$/, (asked) => this.#createDatabase(asked)],
    [/^d1 migrations list DB --remote$/, () => this.#listMigrations()],
    [/^d1 migrations apply DB --remote$/, () => this.#migrate()],
    [/^deploy --dry-run$/, () => says("--dry-run: exiting now.")],
    [/^deploy$/, ({ environment }) => this.#deploy(environment)],
    [/^secret list$/, () => this.#listSecrets()],
  ];

  #whoAmI(): Run {
    return this.isLoggedIn ? says('{"loggedIn":true}') : { ...says('{"loggedIn":false}'), succeeded: false };
  }

  #showQueue(name: string): Run {
    if (!this.queues.has(name)) {
      return fails([], `Queue "${name}" does not exist. To create it, run: wrangler queues create ${name}`);
    }
    const jurisdiction = this.queues.get(name);
    return says(`Queue Name: ${name}`, ...(jurisdiction === undefined ? [] : [`Jurisdiction: ${jurisdiction}`]));
  }

  #createQueue({ name, jurisdiction }: Asked): Run {
    this.queues.set(name, jurisdiction);
    this.changes.push(`create queue ${name} in ${jurisdiction}`);
    return says(`✅ Created queue '${name}'`);
  }

  #listDatabases(): Run {
    return says(
      JSON.stringify(
        [...this.databases].map(([name, { jurisdiction }]) => ({ name, jurisdiction })),
        null,
        2,
      ),
    );
  }

  #createDatabase({ name, jurisdiction }: Asked): Run {
    this.databases.set(name, { jurisdiction, applied: [] });
    this.changes.push(`create database ${name} in ${jurisdiction}`);
    return says(`✅ Successfully created DB '${name}'`);
  }

  #listMigrations(): Run {
    const pending = this.#pendingMigrations();
    return says(...(pending.length === 0 ? [NO_MIGRATIONS] : ["Migrations to be applied:", ...table(pending)]));
  }

  #migrate(): Run {
    const pending = this.#pendingMigrations();
    if (pending.length === 0) return says(NO_MIGRATIONS);
    const lines = ["Migrations to be applied:", ...table(pending)];
    for (const migration of pending) {
      if (migration === this.failingMigration) return fails(lines, "A request to the Cloudflare API failed.");
      this.#database().applied.push(migration);
      this.changes.push(`migrate ${migration}`);
    }
    return says(...lines);
  }

  #deploy({ WRANGLER_OUTPUT_FILE_PATH: record }: Environment): Run {
    this.workers.set(WORKER, this.workers.get(WORKER) ?? []);
    this.changes.push(`upload ${WORKER}`);
    const targets = [`https://${WORKER}.test.workers.dev`, "schedule: * * * * *"];
    if (record !== undefined) {
      const lines = [
        { type: "wrangler-session", version: 1 },
        { type: "deploy", version: 1, worker_name: WORKER, targets },
      ];
      writeFileSync(record, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    }
    return says("Your Worker has access to the following bindings:", ...targets.map((target) => `  ${target}`));
  }

  #listSecrets(): Run {
    const secrets = this.workers.get(WORKER);
    if (secrets === undefined) return fails([], `Worker "${WORKER}" not found.`);
    return says(
      JSON.stringify(
        secrets.map((name) => ({ name, type: "secret_text" })),
        null,
        2,
      ),
    );
  }

  #pendingMigrations(): string[] {
    const { applied } = this.#database();
    return migrations.filter((migration) => !applied.includes(migration));
  }

  #database(): Database {
    const database = this.databases.get("qonto-relay");
    if (database === undefined) throw new Error("There is no database to migrate");
    return database;
  }
}

interface Asked {
  readonly name: string;
  readonly jurisdiction: string;
  readonly environment: Environment;
}

const WORKER = "qonto-relay";
const NO_MIGRATIONS = "✅ No migrations to apply!";

function table(names: readonly string[]): string[] {
  const width = Math.max(...names.map(({ length }) => length));
  return names.map((name) => `│ ${name.padEnd(width)} │`);
}

function says(...lines: readonly string[]): Run {
  const stdout = `${lines.join("\n")}\n`;
  return { succeeded: true, stdout, output: stdout.trim() };
}

/** Errors are no part of what is printed for programs. */
function fails(lines: readonly string[], error: string): Run {
  return { succeeded: false, stdout: lines.join("\n"), output: [...lines, `✘ [ERROR] ${error}`].join("\n") };
}
