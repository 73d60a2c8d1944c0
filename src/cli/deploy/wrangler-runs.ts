import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { type Run, TOOK_TOO_LONG, type Wrangler } from "./context.ts";
import { collect, endWrangler, killGroup, startWrangler } from "../wrangler.ts";

const ofEveryRun = {
  WRANGLER_HIDE_BANNER: "true",
  // It is 15 MB of JavaScript.
  NODE_COMPILE_CACHE: fileURLToPath(new URL("../../../node_modules/.cache/compiled", import.meta.url)),
};

/** Each to its end, as processes. */
export class WranglerRuns implements Wrangler {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #running = new Set<ChildProcess>();
  #stopped = false;

  /** `environment`: what holds for every run, besides this process's own. */
  constructor(environment: Readonly<Record<string, string>> = {}) {
    this.#environment = environment;
  }

  async run(
    command: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    limit?: AbortSignal,
  ): Promise<Run> {
    const child = startWrangler(command, { ...ofEveryRun, ...this.#environment, ...environment });
    this.#running.add(child);
    const output = collect(child);
    const stdout: string[] = [];
    child.stdout?.on("data", (text) => stdout.push(String(text)));
    const cut = () => {
      output.push(`\n${TOOK_TOO_LONG}`);
      void end(child);
    };
    limit?.addEventListener("abort", cut);
    const [code] = await once(child, "close");
    limit?.removeEventListener("abort", cut);
    this.#running.delete(child);
    // Nothing may follow upon a command that was cut short with the whole deployment.
    if (this.#stopped) return new Promise(() => undefined);
    const succeeded = code === 0 && limit?.aborted !== true;
    return { succeeded, stdout: stdout.join(""), output: stripVTControlCharacters(output.join("")).trim() };
  }

  /** Ends what runs, with all that it has started. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#running].map(end));
  }
}

async function end(child: ChildProcess): Promise<void> {
  await endWrangler(child);
  if (child.pid !== undefined) killGroup(child.pid);
}
