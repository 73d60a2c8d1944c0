import { appendFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Run, Wrangler } from "../../../../src/cli/deploy/context.ts";
import { Api, ApiError, CommandFailed } from "./played-wrangler/api.ts";
import { type Credential, selectAccount, temporaryAccount } from "./played-wrangler/authentication.ts";
import { Printer, type Surroundings, readConfiguration } from "./played-wrangler/command.ts";
import { deploy } from "./played-wrangler/deploy.ts";
import { applyMigrations } from "./played-wrangler/migrations.ts";

type Environment = Readonly<Record<string, string | undefined>>;

interface Options {
  /** That of `CloudflareServer`. */
  readonly fetch: typeof fetch;
  /** What holds for every run. */
  readonly environment?: Environment;
  /** The token of `wrangler login`; it counts when the environment has none. */
  readonly login?: string;
  /** The Worker that is deployed, as one module; a small one without. */
  readonly bundle?: () => Promise<string>;
}

const options = {
  json: { type: "boolean" },
  remote: { type: "boolean" },
  temporary: { type: "boolean" },
  "dry-run": { type: "boolean" },
  tag: { type: "string" },
  message: { type: "string" },
  "secrets-file": { type: "string" },
} as const;

/**
 * The pinned wrangler's commands that a deployment runs: the same calls in the same order, and the printed lines that
 * matter. A test compares it with the real one. It retries without waiting.
 */
export class PlayedWrangler implements Wrangler {
  /** The commands, in order. */
  readonly commands: string[] = [];
  readonly #options: Options;
  readonly #ending = new AbortController();

  constructor(options: Options) {
    this.#options = options;
  }

  async run(command: readonly string[], more: Environment = {}): Promise<Run> {
    this.commands.push(command.join(" "));
    const environment = { ...this.#options.environment, ...more };
    const printer = new Printer();
    const record = (line: object) => write(environment["WRANGLER_OUTPUT_FILE_PATH"], line);
    record({ type: "wrangler-session", version: 1, command_line_args: command });
    try {
      await this.#run(command, environment, printer, record);
      return printer.ended(true);
    } catch (error) {
      // Nothing follows a command that was ended.
      if (this.#ending.signal.aborted) return new Promise(() => undefined);
      if (!(error instanceof CommandFailed || error instanceof TypeError)) throw error;
      const notes = error instanceof CommandFailed ? error.notes : [];
      printer.error(`✘ [ERROR] ${error.message}`, "", ...notes.map((note) => `  ${note}`));
      const code = error instanceof ApiError ? error.code : undefined;
      record({ type: "command-failed", version: 1, code, message: error.message });
      return printer.ended(false);
    }
  }

  /** Ends what runs. */
  stop(): void {
    this.#ending.abort();
  }

  async #run(
    command: readonly string[],
    environment: Environment,
    printer: Printer,
    record: (line: object) => void,
  ): Promise<void> {
    const { positionals, values } = parseArgs({ args: [...command], options, allowPositionals: true });
    const login = () => this.#logIn(environment, printer, values.temporary === true);
    const [first, ...others] = positionals;
    switch (first === "deploy" ? first : [first, ...others.slice(0, 2)].join(" ")) {
      case "auth token":
        return this.#sayToken(environment, printer);
      case "d1 list":
        return listDatabases(await login());
      case "d1 migrations apply":
        return applyMigrations(await login(), others[2] ?? "");
      case "deploy": {
        if (values["dry-run"] === true) {
          printer.log("Your Worker has access to the following bindings:", "--dry-run: exiting now.");
          return record({ type: "deploy", version: 1, worker_tag: null, version_id: null });
        }
        const surroundings = await login();
        const bundle = this.#options.bundle ?? (async () => "export default {};");
        const { workerTag, versionId, targets } = await deploy(surroundings, { ...values, bundle });
        const { name } = surroundings.configuration;
        const ids = { worker_name: name, worker_tag: workerTag, version_id: versionId };
        return record({ type: "deploy", version: 1, ...ids, targets, worker_name_overridden: false });
      }
      default:
        throw new Error(`This wrangler does not know: ${command.join(" ")}`);
    }
  }

  async #logIn(environment: Environment, printer: Printer, isTemporary: boolean): Promise<Surroundings> {
    const configuration = await readConfiguration();
    const url = environment["CLOUDFLARE_API_BASE_URL"] ?? "https://api.cloudflare.com/client/v4";
    const apiOf = (token: string | null) => new Api(this.#options.fetch, { url, token, ending: this.#ending.signal });
    const { account, token } = await this.#credential(environment, printer, isTemporary, apiOf);
    return { configuration, api: apiOf(token), account: `/accounts/${account}`, printer };
  }

  async #credential(
    environment: Environment,
    printer: Printer,
    isTemporary: boolean,
    apiOf: (token: string | null) => Api,
  ): Promise<Credential> {
    const token = environment["CLOUDFLARE_API_TOKEN"] || this.#options.login;
    if (isTemporary) {
      if (token)
        throw new CommandFailed("You're already authenticated with Cloudflare, so `--temporary` can't be used.");
      return temporaryAccount(apiOf(null), rememberedAccount(environment), printer);
    }
    if (!token) {
      throw new CommandFailed(
        "In a non-interactive environment, it's necessary to set a CLOUDFLARE_API_TOKEN environment variable for wrangler to work.",
      );
    }
    return { token, account: environment["CLOUDFLARE_ACCOUNT_ID"] || (await selectAccount(apiOf(token))) };
  }

  #sayToken(environment: Environment, printer: Printer): void {
    const token = environment["CLOUDFLARE_API_TOKEN"];
    const known = token ? { type: "api_token", token } : { type: "oauth", token: this.#options.login };
    if (!known.token) throw new CommandFailed("Not logged in. Please run `wrangler login` to authenticate.");
    printer.log(...JSON.stringify(known, null, 4).split("\n"));
  }
}

async function listDatabases({ api, account, printer }: Surroundings): Promise<void> {
  const databases: unknown[] = [];
  for (let page = 1, found = 10; found === 10; page += 1) {
    const query = { per_page: "10", page: String(page) };
    const more: unknown[] = await api.result(`${account}/d1/database`, { query });
    found = more.length;
    databases.push(...more);
  }
  printer.log(...JSON.stringify(databases, null, 2).split("\n"));
}

/** Where wrangler keeps the temporary account. */
function rememberedAccount({ XDG_CONFIG_HOME, HOME = "" }: Environment): string {
  const directory = XDG_CONFIG_HOME ?? path.join(HOME, ".config");
  return path.join(directory, ".wrangler", "wrangler-temporary-account.toml");
}

function write(file: string | undefined, line: object): void {
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ ...line, timestamp: new Date().toISOString() })}\n`);
}
