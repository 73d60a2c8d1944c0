import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { endLeftovers, killGroup, noteGroup } from "./process-group.ts";
import { collect, endWrangler, startWrangler } from "./wrangler.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const READY_WITHIN_MS = 120_000;
const PORT_FREE_WITHIN_MS = 5_000;
const CRON_EVERY_MS = 60_000;

export interface ServeOptions {
  readonly port: number;
  /** Where D1 keeps its files; `.wrangler/state` unless given. */
  readonly stateDirectory?: string;
  /** Read instead of `.dev.vars`. */
  readonly variablesFile?: string;
  /** Gets each line that the server prints once it is ready. */
  readonly print: (line: string) => void;
}

export interface Serving {
  readonly url: string;
  /** Resolves with the exit code when the server ends by itself or is stopped. */
  readonly ended: Promise<number>;
  /** Ends every process that was started. */
  readonly stop: () => Promise<void>;
}

/** The server did not come up; the message says why, for the person at the terminal. */
export class ServeError extends Error {}

/** Applies the migrations, serves the Worker and runs its cron: at once, then every minute. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const stateDirectory = options.stateDirectory ?? path.join(root, ".wrangler", "state");
  endLeftovers(stateDirectory);
  await refuseTakenPort(options.port);
  const local = ["--local", "--persist-to", stateDirectory];
  await migrate(local);

  const variables = options.variablesFile === undefined ? [] : ["--env-file", options.variablesFile];
  const child = startWrangler(["dev", ...local, ...variables, "--port", String(options.port), "--inspector-port", "0"]);
  noteGroup(stateDirectory, child);
  const ended = once(child, "exit").then(([code]) => {
    if (child.pid !== undefined) killGroup(child.pid);
    return typeof code === "number" ? code : 1;
  });
  const stop = () => endWrangler(child);
  const url = `http://localhost:${options.port}`;
  try {
    await untilReady(child, options.print);
  } catch (error) {
    await stop();
    throw error;
  }
  // A run that fails is for the log and for /health: events can be received all the same.
  const cronRun = () => runCron(url).catch((error: unknown) => options.print(String(error)));
  await cronRun();
  const cron = setInterval(() => void cronRun(), CRON_EVERY_MS);
  void ended.then(() => clearInterval(cron));
  return { url, ended, stop };
}

async function migrate(local: readonly string[]): Promise<void> {
  const child = startWrangler(["d1", "migrations", "apply", "DB", ...local]);
  const output = collect(child);
  const [code] = await once(child, "exit");
  if (code !== 0) throw new ServeError(`The migrations could not be applied.\n${output.join("")}`);
}

/** Waits for the server. What it prints before is shown only should it fail: a newcomer need not read it. */
async function untilReady(child: ChildProcess, print: (line: string) => void): Promise<void> {
  const early = collect(child);
  const readyLine = new Promise<void>((resolve) => {
    const look = (text: unknown) => {
      if (!String(text).includes("Ready on http")) return;
      child.stdout?.off("data", look);
      resolve();
    };
    child.stdout?.on("data", look);
  });
  const failure = Promise.race([
    once(child, "exit").then(() => "The server ended before it was ready."),
    wait(READY_WITHIN_MS, "The server was not ready in time.", { ref: false }),
  ]);
  const fault = await Promise.race([readyLine.then(() => null), failure]);
  if (fault !== null) throw new ServeError(`${fault}\n${early.join("")}`);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.removeAllListeners("data");
    stream?.on("data", (text) => print(String(text).trimEnd()));
  }
}

/** The development server has no clock of its own for cron triggers. */
async function runCron(url: string): Promise<void> {
  const response = await fetch(`${url}/cdn-cgi/local/scheduled?cron=*+*+*+*+*`);
  await response.body?.cancel();
  if (!response.ok) throw new Error(`The cron run failed with status ${response.status}; its log line says more.`);
}

/** A server that was killed a moment ago may still be on its way out. */
async function refuseTakenPort(port: number): Promise<void> {
  for (let waitedMs = 0; await isTaken(port); waitedMs += 250) {
    if (waitedMs >= PORT_FREE_WITHIN_MS) {
      throw new ServeError(`Port ${port} is taken. Stop what listens there, or choose another: PORT=8788 npm start`);
    }
    await wait(250);
  }
}

async function isTaken(port: number): Promise<boolean> {
  for (const host of ["127.0.0.1", "::1"]) {
    const probe = net.createServer().listen(port, host);
    try {
      await once(probe, "listening");
    } catch (error) {
      // Other errors mean that this machine has no such address (IPv6 switched off): nothing can be listening there.
      if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return true;
    } finally {
      probe.close();
    }
  }
  return false;
}
