import { readFileSync } from "node:fs";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { type Patience, type QontoAccess, QontoClient } from "../qonto/api-client.ts";
import { readAccessHeaders } from "./cloudflare-access.ts";
import { type Input, confirmAt } from "./confirm.ts";
import { type ExitCode, wrongUsage } from "./fault.ts";
import { Output, type OutputOptions } from "./output.ts";
import { RelayClient } from "./relay-client.ts";
import { Settings, readUrl, refuseClearText, refuseUnsendable } from "./settings.ts";
import { type Environment, Secrets, type Stream, Terminal } from "./terminal.ts";
import { type World, endingWith, realWorld, withTimers } from "./world.ts";

/** What the process, or a test, gives to a run of the command line. */
export interface Surroundings {
  readonly env: Environment;
  readonly stdin: Input;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly workingDirectory: string;
  /** The project's, with the `.dev.vars` of a relay on this machine. */
  readonly directory: string;
  /** Aborts with Ctrl-C. */
  readonly interrupt: AbortSignal;
  readonly world?: Partial<World>;
}

/** One run of the command line. It shares nothing with any other, and writes to its terminal alone. */
export interface Invocation {
  readonly stdin: Input;
  readonly interrupt: AbortSignal;
  /** Where relative file names begin. */
  readonly workingDirectory: string;
  readonly world: World;
  readonly secrets: Secrets;
  readonly terminal: Terminal;
  readonly settings: Settings;
  /** What the run ends with, unless it is cut short. */
  exitCode: 0 | ExitCode;
}

/** `ending` aborts when the run ends, in whatever way. */
export function beginInvocation(surroundings: Surroundings, ending: AbortSignal): Invocation {
  const { env, stdin, interrupt, directory, workingDirectory, world } = surroundings;
  const secrets = new Secrets();
  const terminal = new Terminal(surroundings, secrets);
  return {
    stdin,
    interrupt,
    // npm changes to the project's directory; INIT_CWD is the person's.
    workingDirectory: env["INIT_CWD"] ?? workingDirectory,
    world: endingWith(ending, { ...realWorld, ...world }),
    secrets,
    terminal,
    settings: new Settings(env, directory, secrets, (line) => terminal.tell(line)),
    exitCode: 0,
  };
}

/** Options that several commands have. */
export interface SharedOptions extends OutputOptions {
  readonly url?: string | undefined;
  readonly sandbox?: boolean | undefined;
}

const SANDBOX = "https://thirdparty-sandbox.staging.qonto.co";

/** Qonto's two systems: where each is, and which variable says that it is elsewhere. */
const systems = {
  business: { production: "https://thirdparty.qonto.com", override: "QONTO_API_URL" },
  onboarding: { production: "https://onboarding-partners.qonto.com", override: "QONTO_ONBOARDING_URL" },
} as const;

/** Qonto counts in windows of 10 s and 10 min. A longer wait ends the command with that said. */
const usualPatience: Patience = { answersWithinMs: 30_000, mostRetries: 6, longestWaitMs: 120_000 };

interface OpenQontoOptions extends Pick<QontoAccess, "patience" | "spacingMs"> {
  readonly system?: keyof typeof systems;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a command works with. */
export type Context = Readonly<ReturnType<typeof openContext>>;

export function openContext(
  { settings, secrets, world, interrupt, terminal, stdin, workingDirectory }: Invocation,
  { url: givenUrl, sandbox: isSandbox = false, ...appearance }: SharedOptions,
) {
  const output = new Output(terminal, appearance);
  return {
    output,
    settings,
    secrets,
    world,
    interrupt,
    /** The relay's address as `--url` gives it. */
    givenUrl,
    isSandbox,

    get relayUrl(): string {
      return settings.relayUrl(givenUrl);
    },

    /** The operator's API of the relay. */
    openRelay: (): RelayClient => {
      const url = settings.relayUrl(givenUrl);
      refuseClearText(url);
      const token = settings.sharedSecret("ADMIN_TOKEN", url);
      if (token === undefined) {
        throw wrongUsage("ADMIN_TOKEN is not set.", "Put the relay's token into the environment.");
      }
      refuseUnsendable(token.value, token.from);
      return new RelayClient(url, token.value, { accessHeaders: readAccessHeaders(settings), world });
    },

    /** Qonto's API with the credentials of the environment. */
    openQonto: ({
      system = "business",
      headers = {},
      patience = usualPatience,
      spacingMs = 0,
    }: OpenQontoOptions = {}): QontoClient => {
      const { production, override } = systems[system];
      const baseUrl = readUrl(settings.value(override) ?? (isSandbox ? SANDBOX : production), override);
      refuseClearText(baseUrl);
      const token = settings.requiredCredential(
        "QONTO_ACCESS_TOKEN",
        "Put an OAuth access token of Qonto's into the environment.",
      );
      const credentials: Record<string, string> = {
        ...headers,
        authorization: `Bearer ${token.replace(/^Bearer +/i, "")}`,
      };
      if (isSandbox) {
        credentials["x-qonto-staging-token"] = settings.requiredCredential(
          "QONTO_STAGING_TOKEN",
          "The sandbox asks for it; Qonto's developer portal shows it.",
        );
      }
      if (Object.values(credentials).some((value) => !/^[\x20-\x7e]+$/.test(value))) {
        throw wrongUsage("A credential holds characters that cannot be sent.");
      }
      const progress = (text: string) => output.progress(text);
      return new QontoClient({
        baseUrl,
        headers: credentials,
        progress,
        world: withTimers(world),
        patience,
        spacingMs,
      });
    },

    /** Asks for a yes at the terminal. */
    confirm: (question: string): Promise<boolean> => confirmAt(stdin, (text) => terminal.tell(text), question),

    /** The bytes of a file; `-`: of standard input. */
    readBytes: async (file: string): Promise<Uint8Array<ArrayBuffer>> => {
      if (file === "-") return Uint8Array.from(await buffer(stdin));
      try {
        return Uint8Array.from(readFileSync(path.resolve(workingDirectory, file)));
      } catch (error) {
        const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
        throw wrongUsage(`${file} cannot be read${code}.`);
      }
    },
  };
}
