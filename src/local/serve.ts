import { mkdirSync, readFileSync, watch } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Miniflare, MiniflareCoreError, convertV4MiniflareOptions } from "miniflare";
import { ConfigError, parseConfig } from "../config.ts";
import { expireLeases } from "../store/expire-leases.ts";
import { UnknownMigrations, applyMigrations, namesMissingTable } from "../store/migrations.ts";
import { bundleWorker, readWranglerToml, root, workerOptions } from "./local-worker.ts";
import { readVariables } from "./variables-file.ts";

interface ServeOptions {
  readonly port: number;
  /** Where D1 keeps its files; `.wrangler/state` unless given. */
  readonly stateDirectory?: string;
  /** Read instead of `.dev.vars`. */
  readonly variablesFile?: string;
  /** Gets each line of the Worker's log, and remarks on the variables. */
  readonly print: (line: string) => void;
}

interface Serving {
  readonly url: string;
  /** Runs the cron once more, to its end. */
  readonly runCron: () => Promise<void>;
  /** Ends every process that was started. */
  readonly stop: () => Promise<void>;
}

/** The server could not start. The message is for the person at the terminal. */
export class ServeError extends Error {}

/** Serves the Worker, reloads it after each change of its source, and runs its cron at once and every minute. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { port, print, stateDirectory = path.join(root, ".wrangler", "state") } = options;
  const variablesFile = options.variablesFile ?? path.join(root, ".dev.vars");
  const { vars } = await readWranglerToml();
  const variables = readVariablesOf(variablesFile, vars, print);
  await using started = new AsyncDisposableStack();
  started.use(lockState(stateDirectory));
  const runtimeOptions = async (script: string, port?: number) => {
    const worker = await workerOptions(script, port);
    return convertV4MiniflareOptions({
      ...worker,
      bindings: { ...worker.bindings, ...variables },
      // Where wrangler keeps it.
      resourcePersistencePath: path.join(stateDirectory, "v3"),
      handleStructuredLogs: ({ message }) => print(message),
    });
  };
  const closed = await runtimeOptions("");
  const runtime = new Miniflare(closed);
  started.defer(() => runtime.dispose());

  let served: string | null = null;
  const runCron = async () => void (await (await runtime.getWorker()).scheduled({ cron: "* * * * *" }));
  /** While no Worker runs, no lease is in use. */
  const open = async (script: string) => {
    const db = await runtime.getD1Database("DB");
    await applyMigrations(db, (name) => readFileSync(path.join(root, "migrations", name), "utf8"));
    await expireLeases(db);
    await runtime.setOptions(await runtimeOptions(script, port));
    served = script;
    await runCron();
  };
  await open(await bundleWorker("src/index.ts")).catch((error: unknown) => {
    if (error instanceof UnknownMigrations || namesMissingTable(error)) {
      const seen = error instanceof UnknownMigrations ? error.names.join(", ") : error.message;
      throw new ServeError(
        `The state in ${stateDirectory} was made by another version of the relay (${seen}), whose tables differ. Move it away or delete it, and start again.`,
      );
    }
    if (!(error instanceof MiniflareCoreError && error.code === "ERR_ADDRESS_IN_USE")) throw error;
    throw new ServeError(`Port ${port} is taken. Stop what listens there, or choose another: PORT=8788 npm start`);
  });

  const printError = (error: unknown) => print(String(error));
  const update = async () => {
    isUpdatePending = false;
    const script = await bundleWorker("src/index.ts");
    if (script === served) return;
    served = null;
    await runtime.setOptions(closed);
    await open(script);
  };
  // A save is several changes, a checkout hundreds. All changes before an update begins share it.
  let isUpdatePending = false;
  let updates = Promise.resolve();
  const onChange = () => {
    if (!isUpdatePending) updates = updates.then(update).catch(printError);
    isUpdatePending = true;
  };
  started.defer(() => updates);
  for (const directory of ["src", "migrations"]) {
    const watcher = watch(path.join(root, directory), { recursive: true }, onChange).on("error", printError);
    started.defer(() => watcher.close());
  }
  started.use(setInterval(() => void runCron().catch(printError), 60_000));
  const all = started.move();
  return { url: `http://localhost:${port}`, runCron, stop: () => all.disposeAsync() };
}

/** Prints a remark for each variable that is not read as it is written. Throws for one that the relay cannot use. */
function readVariablesOf(
  file: string,
  vars: Readonly<Record<string, string>>,
  print: (line: string) => void,
): Readonly<Record<string, string>> {
  const name = path.basename(file);
  const { variables, remarks } = readVariables(readFileSync(file, "utf8"));
  for (const { variable, says } of remarks) print(`${variable} in ${name} ${says}`);
  const fileOf = (variable: string) => (variable in variables || !(variable in vars) ? name : "wrangler.toml");
  try {
    const { faults } = parseConfig({ ...vars, ...variables });
    for (const { variable, message } of faults) print(`In ${fileOf(variable)}: ${message}.`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const faults = error.faults.map(({ variable, message }) => `In ${fileOf(variable)}: ${message}.`);
    throw new ServeError(`${faults.join(" ")} Nothing was started.`);
  }
  return variables;
}

/** Allows one server for a state. The lock is an open transaction: it ends with the process, however that ends. */
function lockState(stateDirectory: string): DatabaseSync {
  mkdirSync(stateDirectory, { recursive: true });
  // A server that was killed a moment ago may not have ended yet.
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
