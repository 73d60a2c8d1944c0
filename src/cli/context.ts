import { readFileSync } from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { readAccessHeaders } from "./cloudflare-access.ts";
import { type ExitCode, wrongUsage } from "./fault.ts";
import { Output } from "./output.ts";
import { type QontoAccess, QontoClient } from "./qonto-client.ts";
import { RelayClient } from "./relay-client.ts";
import { Settings, readUrl, refuseClearText } from "./settings.ts";
import { type Environment, Secrets, type Stream, Terminal } from "./terminal.ts";
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

/** One run of the command line. It shares nothing with any other. */
export class Invocation {
  readonly secrets = new Secrets();
  readonly terminal: Terminal;
  readonly settings: Settings;
  readonly stdin: Readable;
  /** Where file names begin. */
  readonly directory: string;
  readonly interrupt: AbortSignal;
  readonly world: World;
  /** What the run ends with, unless it is cut short. */
  exitCode: 0 | ExitCode = 0;

  /** `ending` aborts when the run ends, in whatever way. */
  constructor(
    { env, stdin, workingDirectory, directory, interrupt, world, ...streams }: Surroundings,
    ending: AbortSignal,
  ) {
    this.terminal = new Terminal({ env, ...streams }, this.secrets);
    this.settings = new Settings(env, directory, this.secrets, (line) => this.terminal.tell(line));
    this.stdin = stdin;
    // npm changes to the project's directory; INIT_CWD is the person's.
    this.directory = env["INIT_CWD"] ?? workingDirectory;
    this.interrupt = interrupt;
    this.world = endingWith(ending, { ...realWorld, ...world });
  }
}

/** Options that several commands have. */
export interface SharedOptions {
  readonly json?: boolean | undefined;
  readonly color?: boolean | undefined;
  readonly url?: string | undefined;
  readonly sandbox?: boolean | undefined;
}

const SANDBOX = "https://thirdparty-sandbox.staging.qonto.co";

/** Qonto's two systems: where each is, and which variable says that it is elsewhere. */
const systems = {
  business: { production: "https://thirdparty.qonto.com", override: "QONTO_API_URL" },
  onboarding: { production: "https://onboarding-partners.qonto.com", override: "QONTO_ONBOARDING_URL" },
} as const;

/** What a command works with. */
export class Context {
  readonly output: Output;
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly world: World;
  readonly interrupt: AbortSignal;
  /** The relay's address as `--url` gives it. */
  readonly givenUrl: string | undefined;
  readonly isSandbox: boolean;
  readonly #invocation: Invocation;

  constructor(invocation: Invocation, { url, sandbox = false, ...appearance }: SharedOptions) {
    this.output = new Output(invocation.terminal, appearance);
    this.settings = invocation.settings;
    this.secrets = invocation.secrets;
    this.world = invocation.world;
    this.interrupt = invocation.interrupt;
    this.givenUrl = url;
    this.isSandbox = sandbox;
    this.#invocation = invocation;
  }

  get relayUrl(): string {
    return this.settings.relayUrl(this.givenUrl);
  }

  /** The operator's API of the relay. */
  readonly openRelay = (): RelayClient => {
    const url = this.relayUrl;
    refuseClearText(url);
    const token = this.settings.sharedSecret("ADMIN_TOKEN", url);
    if (token === undefined) throw wrongUsage("ADMIN_TOKEN is not set.", "Put the relay's token into the environment.");
    refuseUnsendable(token.value, token.from);
    return new RelayClient(url, token.value, {
      accessHeaders: readAccessHeaders(this.settings),
      world: this.world,
    });
  };

  /** Qonto's API with the credentials of the environment. */
  readonly openQonto = ({
    system = "business",
    headers = {},
    ...manners
  }: Pick<QontoAccess, "patience" | "spacingMs"> & {
    readonly system?: keyof typeof systems;
    readonly headers?: Readonly<Record<string, string>>;
  } = {}): QontoClient => {
    const { settings, world, output, isSandbox } = this;
    const { production, override } = systems[system];
    const baseUrl = readUrl(settings.value(override) ?? (isSandbox ? SANDBOX : production), override);
    refuseClearText(baseUrl);
    const token = settings.credential("QONTO_ACCESS_TOKEN");
    if (token === undefined) {
      throw wrongUsage("QONTO_ACCESS_TOKEN is not set.", "Put an OAuth access token of Qonto's into the environment.");
    }
    const stagingToken = isSandbox ? settings.credential("QONTO_STAGING_TOKEN") : undefined;
    if (isSandbox && stagingToken === undefined) {
      throw wrongUsage(
        "QONTO_STAGING_TOKEN is not set.",
        "The sandbox asks for it; Qonto's developer portal shows it.",
      );
    }
    for (const value of [token, stagingToken ?? "ok", ...Object.values(headers)]) {
      if (!/^[\x20-\x7e]+$/.test(value)) throw wrongUsage("A credential holds characters that cannot be sent.");
    }
    return new QontoClient({
      baseUrl,
      headers: {
        ...headers,
        authorization: `Bearer ${token.replace(/^Bearer +/i, "")}`,
        ...(stagingToken === undefined ? {} : { "x-qonto-staging-token": stagingToken }),
      },
      progress: (text) => output.progress(text),
      world,
      ...manners,
    });
  };

  /** The bytes of a file; `-`: of standard input. */
  async readBytes(file: string): Promise<Uint8Array<ArrayBuffer>> {
    const { stdin, directory } = this.#invocation;
    if (file === "-") return Uint8Array.from(await buffer(stdin));
    try {
      return Uint8Array.from(readFileSync(path.resolve(directory, file)));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
      throw wrongUsage(`${file} cannot be read${code}.`);
    }
  }
}

/** A token goes into a header. */
export function refuseUnsendable(token: string, from: string): void {
  if (!/^[\x21-\x7e]+$/.test(token)) throw wrongUsage(`${from} holds characters that no token has.`);
}
