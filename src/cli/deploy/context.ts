import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Fault } from "../fault.ts";
import { printableLines } from "../output.ts";
import type { Environment } from "../terminal.ts";
import type { World } from "../world.ts";

/** What the steps of one run share. */
export interface Context {
  readonly env: Environment;
  readonly world: World;
  readonly wrangler: Wrangler;
  /** The project. Its folder `.wrangler` holds what outlives a run. */
  readonly directory: string;
  readonly log: Log;
  readonly say: (line: string) => void;
  /** Null where nobody can be asked. */
  readonly questions: Questions | null;
}

/** Runs commands of the pinned wrangler. */
export interface Wrangler {
  /** A run that `limit` aborts has not succeeded. */
  run(command: readonly string[], environment?: Readonly<Record<string, string>>, limit?: AbortSignal): Promise<Run>;
}

export interface Run {
  readonly succeeded: boolean;
  readonly stdout: string;
  /** Both streams. */
  readonly output: string;
}

/** Questions to the person at the terminal. An answer has no blanks around it. */
export interface Questions {
  ask(question: string): Promise<string>;
  /** The answer is not shown while it is typed. */
  askSecret(question: string): Promise<string>;
}

export const RUN_AGAIN = "Run it again: it goes on where it stopped.";

/** A failure that another run may cure. */
export function unfinished(message: string): Fault {
  return new Fault(message, { remedy: RUN_AGAIN });
}

const NOTE_EVERY_MS = 20_000;

/** Says every 20 s what is being waited for, as "creating the queue". */
export async function withNotes<Value>(
  what: string,
  work: Promise<Value>,
  { say, world }: Pick<Context, "say" | "world">,
): Promise<Value> {
  const end = new AbortController();
  const note = async () => {
    for (let seconds = NOTE_EVERY_MS / 1000; ; seconds += NOTE_EVERY_MS / 1000) {
      await world.wait(NOTE_EVERY_MS, end.signal);
      say(`Still waiting after ${seconds} s: ${what} …`);
    }
  };
  // Ends when the work does.
  note().catch(() => undefined);
  try {
    return await work;
  } finally {
    end.abort();
  }
}

/** Ends the output of a run that hit its time limit. */
export const TOOK_TOO_LONG = "[ERROR] It took too long, and was ended.";

interface WranglerCommand {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
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
  { command, environment, timeoutMs }: WranglerCommand,
  context: Context,
): Promise<WranglerRun> {
  const { wrangler, world, log } = context;
  const run = await withNotes(what, wrangler.run(command, environment, world.timeout(timeoutMs)), context);
  // JSON for programs can hold a secret.
  const shown = command.includes("--json") ? run.output.replace(run.stdout.trim(), "") : run.output;
  log.add(`wrangler ${command.join(" ")}\n${shown}`);
  return { ...run, tookTooLong: run.output.includes(TOOK_TOO_LONG), reason: reasonOf(run.output) };
}

function reasonOf(output: string): string {
  const lines = Array.from(output.matchAll(/\[ERROR\] (.+)/g), ([, line = ""]) => line.trim().replace(/[.:]$/, ""));
  return lines.length === 0 ? "" : `: ${[...new Set(lines)].slice(0, 2).join(": ")}`;
}

/** What Cloudflare and wrangler say, word for word: shown at once with `--verbose`, else kept for a file. */
export class Log {
  readonly #entries: string[] = [];
  readonly #show: ((text: string) => void) | null;

  constructor(show: ((text: string) => void) | null) {
    this.#show = show;
  }

  add(entry: string): void {
    const text = printableLines(entry);
    this.#entries.push(text);
    this.#show?.(`${text}\n`);
  }

  /** Writes the file, and returns a sentence that names it. */
  keep(directory: string): string {
    if (this.#show !== null || this.#entries.length === 0) return "";
    const file = path.join(directory, ".wrangler", "deploy.log");
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      // The mode counts for a new file only.
      rmSync(file, { force: true });
      writeFileSync(file, `${this.#entries.join("\n\n")}\n`, { mode: 0o600 });
    } catch {
      return "--verbose shows what Cloudflare and wrangler say.";
    }
    return "What Cloudflare and wrangler said is in .wrangler/deploy.log; --verbose shows it.";
  }
}
