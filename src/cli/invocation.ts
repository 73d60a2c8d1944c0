import type { Readable } from "node:stream";
import type { ExitCode } from "./fault.ts";
import type { Input } from "./read-input.ts";
import { Secrets } from "./secrets.ts";
import { Settings } from "./settings.ts";
import { type Environment, type Stream, Terminal } from "./terminal.ts";
import { type World, endingWith, realWorld } from "./world.ts";

/** What a command line has around it: what the process has, or a test. */
export interface Surroundings {
  readonly env: Environment;
  readonly stdin: Readable;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly workingDirectory: string;
  /** The project's directory, with the `.dev.vars` of a relay on this machine. */
  readonly directory: string;
  /** Aborts with Ctrl-C. */
  readonly interrupt: AbortSignal;
  readonly world?: Partial<World>;
}

/** One run of the command line: what its commands share, and share with no other run. */
export class Invocation {
  readonly secrets = new Secrets();
  readonly terminal: Terminal;
  readonly settings: Settings;
  readonly input: Input;
  readonly interrupt: AbortSignal;
  readonly world: World;
  /** What the run ends with, unless it is cut short. */
  exitCode: 0 | ExitCode = 0;

  /** `ending` aborts when the run ends, however it does. */
  constructor(
    { env, stdin, workingDirectory, directory, interrupt, world, ...streams }: Surroundings,
    ending: AbortSignal,
  ) {
    this.terminal = new Terminal({ env, ...streams }, this.secrets);
    this.settings = new Settings(env, directory, this.secrets, (line) => this.terminal.tell(line));
    // npm goes to the project's directory, and says where the person stands.
    this.input = { stdin, directory: env["INIT_CWD"] ?? workingDirectory };
    this.interrupt = interrupt;
    this.world = endingWith(ending, { ...realWorld, ...world });
  }
}
