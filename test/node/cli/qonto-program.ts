import { EventEmitter, once } from "node:events";
import { Readable, Writable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { run } from "../../../src/cli/command-line.ts";
import type { World } from "../../../src/cli/world.ts";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run has around it besides its environment. */
export interface Around {
  /** What it reads on standard input. */
  readonly input?: string;
  /** Where `.dev.vars` is looked for; else there is none. */
  readonly directory?: string;
  readonly world?: Partial<World>;
  /** What its streams are; else no terminal. */
  readonly terminal?: { readonly isTTY: true; readonly columns: number };
}

/** Nothing that a test looks at hangs on how long a run waits between two looks, or on how busy the machine is. */
const LONGEST_WAIT_MS = 20;
const SHORTEST_TIMEOUT_MS = 60_000;
const unhurriedWorld: Partial<World> = {
  wait: (ms, signal) => wait(Math.min(ms, LONGEST_WAIT_MS), undefined, signal ? { signal } : {}),
  timeout: (ms) => AbortSignal.timeout(Math.max(ms, SHORTEST_TIMEOUT_MS)),
};

/** `npm run qonto -- …` within this process, in an environment of its own; tests wait for what it says, and for its end. */
export class QontoProgram {
  readonly ended: Promise<Ended>;
  readonly #said = { stdout: "", stderr: "" };
  readonly #speaks = new EventEmitter();
  readonly #ctrlC = new AbortController();

  constructor(
    commandLine: readonly string[],
    env: Readonly<Record<string, string>> = {},
    { input = "", directory = "/nowhere", world = {}, terminal }: Around = {},
  ) {
    this.ended = run(commandLine, {
      env,
      stdin: Object.assign(Readable.from([Buffer.from(input)]), terminal),
      stdout: this.#listen("stdout", terminal),
      stderr: this.#listen("stderr", terminal),
      workingDirectory: "/nowhere",
      directory,
      interrupt: this.#ctrlC.signal,
      world: { ...unhurriedWorld, ...world },
    }).then((code) => ({ code, ...this.#said }));
  }

  get stdout(): string {
    return this.#said.stdout;
  }

  /** Waits until it has said something. */
  async says(text: string | RegExp, where: "stdout" | "stderr" = "stdout"): Promise<void> {
    const isSaid = () => (typeof text === "string" ? this.#said[where].includes(text) : text.test(this.#said[where]));
    while (!isSaid()) {
      const end = await Promise.race([once(this.#speaks, where).then(() => null), this.ended]);
      if (end !== null && !isSaid())
        throw new Error(`It ended without saying ${String(text)}:\n${end.stdout}${end.stderr}`);
    }
  }

  /** As Ctrl-C does. */
  interrupt(): void {
    this.#ctrlC.abort();
  }

  #listen(name: "stdout" | "stderr", terminal: Around["terminal"]): Writable {
    const stream = new Writable({
      decodeStrings: false,
      write: (text: string, _encoding, done) => {
        this.#said[name] += text;
        this.#speaks.emit(name);
        done();
      },
    });
    return Object.assign(stream, terminal);
  }
}

/** Runs a command to its end. */
export function qonto(
  commandLine: readonly string[],
  env: Readonly<Record<string, string>> = {},
  around: Around = {},
): Promise<Ended> {
  return new QontoProgram(commandLine, env, around).ended;
}
