import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { projectDirectory } from "./configuration.ts";
import { type Context, type Run, type Wrangler, withNotes } from "./context.ts";

type Environment = Readonly<Record<string, string>>;

/** Ends the output of a run that hit its time limit. */
export const TOOK_TOO_LONG = "[ERROR] It took too long, and was ended.";

interface WranglerCommand {
  readonly command: readonly string[];
  readonly environment?: Environment;
  readonly limitMs: number;
}

/** What came of a command. */
export interface WranglerRun extends Run {
  readonly tookTooLong: boolean;
  /** The errors that wrangler printed, behind a colon; empty when there are none. */
  readonly reason: string;
}

/** Runs a command, says what it waits for, and logs the output. */
export async function runWrangler(
  what: string,
  { command, environment, limitMs }: WranglerCommand,
  context: Context,
): Promise<WranglerRun> {
  const { wrangler, world, log } = context;
  const run = await withNotes(what, wrangler.run(command, environment, world.timeout(limitMs)), context);
  // JSON for programs can hold a secret.
  const shown = command.includes("--json") ? run.output.replace(run.stdout.trim(), "") : run.output;
  log.add(`wrangler ${command.join(" ")}\n${shown}`);
  return { ...run, tookTooLong: run.output.includes(TOOK_TOO_LONG), reason: reasonOf(run.output) };
}

function reasonOf(output: string): string {
  const lines = Array.from(output.matchAll(/\[ERROR\] (.+)/g), ([, line = ""]) => line.trim().replace(/[.:]$/, ""));
  return lines.length === 0 ? "" : `: ${[...new Set(lines)].slice(0, 2).join(": ")}`;
}

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
