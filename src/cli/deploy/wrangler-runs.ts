import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { collect, endWrangler, killGroup, startWrangler } from "../wrangler.ts";

export interface Run {
  readonly succeeded: boolean;
  readonly stdout: string;
  /** Whatever it printed. */
  readonly output: string;
}

const ofEveryRun = {
  WRANGLER_HIDE_BANNER: "true",
  // It is started a dozen times, and is 15 MB of JavaScript.
  NODE_COMPILE_CACHE: fileURLToPath(new URL("../../../node_modules/.cache/compiled", import.meta.url)),
};

/** Commands of wrangler, each to its end. */
export class WranglerRuns {
  readonly #running = new Set<ChildProcess>();
  #stopped = false;

  async run(command: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Run> {
    const child = startWrangler(command, { ...ofEveryRun, ...environment });
    this.#running.add(child);
    const output = collect(child);
    const stdout: string[] = [];
    child.stdout?.on("data", (text) => stdout.push(String(text)));
    const [code] = await once(child, "close");
    this.#running.delete(child);
    // Nothing may follow upon a command that was cut short.
    if (this.#stopped) return new Promise(() => undefined);
    return { succeeded: code === 0, stdout: stdout.join(""), output: stripVTControlCharacters(output.join("")).trim() };
  }

  /** Ends what runs, with all that it has started. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const ends = [...this.#running].map(async (child) => {
      await endWrangler(child);
      if (child.pid !== undefined) killGroup(child.pid);
    });
    await Promise.all(ends);
  }
}
