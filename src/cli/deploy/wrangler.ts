import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { projectDirectory } from "./configuration.ts";
import { type Run, TOOK_TOO_LONG, type Wrangler } from "./context.ts";

type Environment = Readonly<Record<string, string>>;

const script = path.join(projectDirectory, "node_modules", "wrangler", "bin", "wrangler.js");

const ofEveryRun = {
  // Without these, wrangler asks for telemetry, and shows a stack trace when there is no internet.
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  // wrangler is 15 MB of JavaScript.
  NODE_COMPILE_CACHE: path.join(projectDirectory, "node_modules/.cache/compiled"),
};

const END_TIMEOUT_MS = 8_000;

/** The pinned wrangler, a process for each run. */
export class RealWrangler implements Wrangler {
  readonly #environment: Environment;
  readonly #running = new Set<ChildProcess>();
  #isStopped = false;

  constructor(environment: Environment = {}) {
    this.#environment = environment;
  }

  async run(command: readonly string[], environment: Environment = {}, limit?: AbortSignal): Promise<Run> {
    const child = spawn(process.execPath, [script, ...command], {
      cwd: projectDirectory,
      // Without a terminal wrangler asks nothing.
      stdio: ["ignore", "pipe", "pipe"],
      // The leader of a process group of its own.
      detached: true,
      env: { ...process.env, ...ofEveryRun, ...this.#environment, ...environment },
    });
    this.#running.add(child);
    const stdout: string[] = [];
    const output: string[] = [];
    child.stdout.on("data", (text) => stdout.push(String(text)));
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => output.push(String(text)));
    const cut = () => {
      output.push(`\n${TOOK_TOO_LONG}`);
      void end(child);
    };
    limit?.addEventListener("abort", cut);
    const [code] = await once(child, "close");
    limit?.removeEventListener("abort", cut);
    this.#running.delete(child);
    // The deployment was interrupted: nothing may follow.
    if (this.#isStopped) return new Promise(() => undefined);
    const succeeded = code === 0 && limit?.aborted !== true;
    return { succeeded, stdout: stdout.join(""), output: stripVTControlCharacters(output.join("")).trim() };
  }

  /** Ends all runs with every process that they started. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#running].map(end));
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    const isLate = await Promise.race([exit.then(() => false), wait(END_TIMEOUT_MS, true, { ref: false })]);
    if (isLate) child.kill("SIGKILL");
    await exit;
  }
  try {
    // wrangler leaves behind what it has started.
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is empty.
  }
}
