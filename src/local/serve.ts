import { mkdirSync, readFileSync, watch } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { Miniflare, MiniflareCoreError, convertV4MiniflareOptions } from "miniflare";
import { ConfigError, parseConfig } from "../config.ts";
import { expireLeases } from "../store/expire-leases.ts";
import { UnknownMigrations, applyMigrations } from "../store/migrations.ts";
import { bundleWorker, workerOptions, wranglerVariables } from "./local-worker.ts";
import { readVariables } from "./variables-file.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface ServeOptions {
  readonly port: number;
  /** Where D1 keeps its files; `.wrangler/state` unless given. */
  readonly stateDirectory?: string;
  /** Read instead of `.dev.vars`. */
  readonly variablesFile?: string;
  /** Gets each line that the Worker logs. */
  readonly print: (line: string) => void;
}

export interface Serving {
  readonly url: string;
  /** Ends every process that was started. */
  readonly stop: () => Promise<void>;
}

/** The server did not come up; the message says why, for the person at the terminal. */
export class ServeError extends Error {}

/** Serves the Worker, again after each change of its source, and runs its cron: at once, then every minute. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { port, print, stateDirectory = path.join(root, ".wrangler", "state") } = options;
  const variablesFile = options.variablesFile ?? path.join(root, ".dev.vars");
  const variables = readVariablesOf(variablesFile, print);
  await using started = new AsyncDisposableStack();
  started.use(lockState(stateDirectory));
  const optionsOf = (worker: ReturnType<typeof workerOptions>) =>
    convertV4MiniflareOptions({
      ...worker,
      bindings: { ...worker.bindings, ...variables },
      // Where wrangler keeps it.
      resourcePersistencePath: path.join(stateDirectory, "v3"),
      handleStructuredLogs: ({ message }) => print(message),
    });
  const closed = optionsOf(workerOptions(""));
  const runtime = new Miniflare(closed);
  started.defer(() => runtime.dispose());

  let served: string | null = null;
  const runCron = async () => void (await (await runtime.getWorker()).scheduled({ cron: "* * * * *" }));
  /** No Worker is served meanwhile: only then may leases expire. */
  const open = async (script: string) => {
    const db = await runtime.getD1Database("DB");
    await applyMigrations(db, (name) => readFileSync(path.join(root, "migrations", name), "utf8"));
    await expireLeases(db);
    await runtime.setOptions(optionsOf(workerOptions(script, port)));
    served = script;
    await runCron();
  };
  await open(await bundleWorker("src/index.ts")).catch((error: unknown) => {
    if (error instanceof UnknownMigrations) {
      throw new ServeError(
        `The state in ${stateDirectory} was made by another version of the relay (${error.names.join(", ")}), whose tables are others. Move it away or delete it, and start again.`,
      );
    }
    if (!(error instanceof MiniflareCoreError && error.code === "ERR_ADDRESS_IN_USE")) throw error;
    throw new ServeError(`Port ${port} is taken. Stop what listens there, or choose another: PORT=8788 npm start`);
  });

  const tell = (error: unknown) => print(String(error));
  // A save is several changes, a checkout hundreds: those that come meanwhile are one.
  let isOutdated = false;
  const update = async () => {
    isOutdated = false;
    const script = await bundleWorker("src/index.ts");
    if (script === served) return;
    served = null;
    await runtime.setOptions(closed);
    await open(script);
  };
  let updated = Promise.resolve();
  const onChange = () => {
    if (!isOutdated) updated = updated.then(update).catch(tell);
    isOutdated = true;
  };
  started.defer(() => updated);
  for (const directory of ["src", "migrations"]) {
    const watcher = watch(path.join(root, directory), { recursive: true }, onChange).on("error", tell);
    started.defer(() => watcher.close());
  }
  started.use(setInterval(() => void runCron().catch(tell), 60_000));
  const all = started.move();
  return { url: `http://localhost:${port}`, stop: () => all.disposeAsync() };
}

/**
 * Says what of the variables is not as it was meant. With one that cannot be read the relay would refuse whatever comes: it
 * is not begun.
 */
function readVariablesOf(file: string, print: (line: string) => void): Readonly<Record<string, string>> {
  const name = path.basename(file);
  const { variables, remarks } = readVariables(readFileSync(file, "utf8"));
  for (const { variable, says } of remarks) print(`${variable} in ${name} ${says}`);
  const configured = wranglerVariables();
  const fileOf = (variable: string) => (variable in variables || !(variable in configured) ? name : "wrangler.toml");
  try {
    const { faults } = parseConfig({ ...configured, ...variables });
    for (const { variable, message } of faults) print(`In ${fileOf(variable)}: ${message}.`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const faults = error.faults.map(({ variable, message }) => `In ${fileOf(variable)}: ${message}.`);
    throw new ServeError(`${faults.join(" ")} Nothing was started.`);
  }
  return variables;
}

/** An open transaction is a lock that ends with its process, however that ends. */
function lockState(stateDirectory: string): DatabaseSync {
  mkdirSync(stateDirectory, { recursive: true });
  // A server that was killed a moment ago may still be on its way out: it is waited for.
  const lock = new DatabaseSync(path.join(stateDirectory, "lock"), { timeout: 3_000 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (!(error instanceof Error && error.message.includes("locked"))) throw error;
    throw new ServeError(`Another relay is running on the state in ${stateDirectory}. Stop it first.`);
  }
}
