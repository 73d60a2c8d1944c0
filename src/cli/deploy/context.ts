import type { Environment } from "../terminal.ts";
import type { World } from "../world.ts";
import type { Log } from "./log.ts";

export interface Run {
  readonly succeeded: boolean;
  readonly stdout: string;
  /** Whatever it printed. */
  readonly output: string;
}

/** What stands at the end of the output of a run that was cut short. */
export const TOOK_TOO_LONG = "[ERROR] It took too long, and was ended.";

/** Runs commands of the pinned wrangler. */
export interface Wrangler {
  /** `limit`: ends the run when it aborts, which then has not succeeded. */
  run(command: readonly string[], environment?: Readonly<Record<string, string>>, limit?: AbortSignal): Promise<Run>;
}

/** What the steps of one deployment share. */
export interface Context {
  readonly env: Environment;
  readonly world: World;
  readonly wrangler: Wrangler;
  /** Where a run keeps what outlives it, in the folder `.wrangler`. */
  readonly directory: string;
  readonly log: Log;
  readonly say: (line: string) => void;
  /** Null where nobody can be asked. */
  readonly questions: Questions | null;
}

export interface Questions {
  /** What was answered, without blanks around it. */
  ask(question: string): Promise<string>;
  /** The same, not shown while it is typed. */
  askSecret(question: string): Promise<string>;
}

const NOTE_EVERY_MS = 20_000;

/** Says every 20 s what is being waited for, as "creating the queue". The work has limits of its own. */
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

/** Runs a command of wrangler for at most so long, says what it waits for, and keeps what it says. */
export async function runWrangler(
  what: string,
  {
    command,
    environment,
    limitMs,
  }: { command: readonly string[]; environment?: Readonly<Record<string, string>>; limitMs: number },
  context: Context,
): Promise<Run> {
  const { wrangler, world, log } = context;
  const running = wrangler.run(command, environment ?? {}, world.timeout(limitMs));
  const run = await withNotes(what, running, context);
  // What it prints for programs can be a secret.
  const shown = command.includes("--json") ? run.output.replace(run.stdout.trim(), "") : run.output;
  log.add(`wrangler ${command.join(" ")}\n${shown}`);
  return run;
}

/** In which lines wrangler says what went wrong, behind a colon; empty when there are none. */
export function reasonOf(output: string): string {
  const lines = Array.from(output.matchAll(/\[ERROR\] (.+)/g), ([, line = ""]) => line.trim().replace(/[.:]$/, ""));
  return lines.length === 0 ? "" : `: ${[...new Set(lines)].slice(0, 2).join(": ")}`;
}
