import { parseArgs } from "node:util";
import { Fault, wrongUsage } from "../fault.ts";
import { printable } from "../output.ts";
import type { Environment, Stream } from "../terminal.ts";
import { type World, realWorld } from "../world.ts";
import { type Account, findCredentials, openAccount, openTemporaryAccount } from "./account.ts";
import { type Configuration, projectDirectory, readConfiguration } from "./configuration.ts";
import { type Context, Log, type Questions, withNotes } from "./context.ts";
import { deploy, deployWorkerAlone, showPlan } from "./deploy.ts";
import { type Problems, findProblems, refuseLostKeys } from "./preconditions.ts";
import { readGivenSecrets } from "./secrets.ts";
import { showStatus } from "./status.ts";
import { survey } from "./survey.ts";

const usage = `npm run deploy [-- options]

Deploys the relay to Cloudflare: checks that all it needs is allowed and present, creates the queues and the database that
are missing, applies the migrations, deploys the Worker with its secrets, and checks that all are joined. It can be run again
at any time and goes on where it stopped: it replaces the Worker, and queues that are empty and elsewhere, and nothing else.

  --dry-run            says what would be done, and changes nothing
  --status             says what is deployed, and whether it is whole
  --secrets-file FILE  sets the secrets of this file (KEY=value lines, or JSON)
  --temporary          to an account that Cloudflare makes for a try, without a login
  --yes                asks nothing: secrets that are missing are made and shown
  --verbose            shows what Cloudflare and wrangler say

The account: CLOUDFLARE_ACCOUNT_ID, or account_id in wrangler.toml. Missing secrets are taken from the environment: ADMIN_TOKEN,
ENCRYPTION_KEYS, QONTO_WEBHOOK_SECRETS, QONTO_ONBOARDING_SECRETS, QONTO_CLIENT_ID, QONTO_CLIENT_SECRET,
QONTO_STAGING_TOKEN.`;

interface Surroundings extends Pick<Context, "env" | "wrangler"> {
  readonly stdout: Stream;
  readonly stderr: Stream;
  /** Null where nobody can be asked. */
  readonly questions?: Questions | null;
  readonly world?: World;
  readonly directory?: string;
  /** Instead of wrangler.toml. */
  readonly configuration?: Configuration;
}

/** `npm run deploy`. Resolves with the exit code. */
export async function runDeploy(
  programArguments: readonly string[],
  { stdout, stderr, configuration, questions = null, directory = projectDirectory, ...others }: Surroundings,
): Promise<number> {
  const say = (line: string) => stdout.write(`${line}\n`);
  let log = new Log(null);
  try {
    const options = readArguments(programArguments);
    if (options.help) {
      say(usage);
      return 0;
    }
    refuseWhatNpmKept(others.env);
    if (options.verbose) log = new Log((text) => stderr.write(text));
    const mayAsk = options.yes ? null : questions;
    const context = { world: realWorld, ...others, directory, log, say, questions: mayAsk };
    await run(options, configuration ?? (await readConfiguration()), context);
    return 0;
  } catch (error) {
    if (!(error instanceof Fault)) {
      log.keep(directory);
      throw error;
    }
    const lines = [error.message, error.remedy ?? "", error.exitCode === 2 ? "" : log.keep(directory)];
    stderr.write(`${lines.filter((line) => line !== "").join("\n")}\n`);
    return error.exitCode;
  }
}

type Options = ReturnType<typeof readArguments>;

function readArguments(programArguments: readonly string[]) {
  try {
    const flag = { type: "boolean", default: false } as const;
    const { values } = parseArgs({
      args: [...programArguments],
      options: {
        "dry-run": flag,
        status: flag,
        temporary: flag,
        yes: { ...flag, short: "y" },
        verbose: flag,
        "secrets-file": { type: "string" },
        help: { ...flag, short: "h" },
      },
    });
    return values;
  } catch (error) {
    throw wrongUsage(error instanceof Error ? error.message : String(error), usage);
  }
}

/** Without `--` npm takes an option for its own. */
function refuseWhatNpmKept(env: Environment): void {
  const kept = ["dry-run", "status", "temporary", "secrets-file"].find(
    (name) => env[`npm_config_${name.replace("-", "_")}`] !== undefined,
  );
  if (kept === undefined) return;
  throw wrongUsage(`npm has kept --${kept} for itself.`, `Write \`npm run deploy -- --${kept}\`, with -- before it.`);
}

/** Opens the account, looks at what is there, and refuses what must not be deployed, before it changes anything. */
async function run(options: Options, configuration: Configuration, context: Context): Promise<void> {
  if (options.temporary && (options["dry-run"] || options.status)) {
    throw wrongUsage("--temporary makes an account: it goes with neither --dry-run nor --status.");
  }
  const given = readGivenSecrets(options["secrets-file"], context);
  const account = options.temporary
    ? await openTemporaryAccount(context)
    : await openAccount(await findCredentials(context), configuration.accountId, context);
  const { say } = context;
  say(describe(account));
  const accountContext = { ...context, account, configuration };
  const found = await withNotes("looking at what is there", survey(account, configuration), context);
  if (options.status) return showStatus(found, accountContext);
  const checking = findProblems(account, configuration, found);
  const problems = await withNotes("checking what the token may do", checking, context);
  if (isBuildThatLacks(problems, configuration.database, context)) {
    return deployWorkerAlone(problems.lacking, given, options["dry-run"], accountContext);
  }
  if (problems.sentences.length > 0) {
    throw new Fault(problems.sentences.join("\n"), { remedy: "Nothing was changed." });
  }
  await refuseLostKeys(found, given, accountContext);
  const { migrations } = configuration.database;
  const unknown = (found.database?.appliedMigrations ?? []).filter((name) => !migrations.includes(name));
  if (unknown.length > 0) {
    say(
      `The database has migrations of a later version: ${unknown.join(", ")}. src/cli/deploy/README.md says under "Updates and rollback" what that means.`,
    );
  }
  await (options["dry-run"] ? showPlan : deploy)(found, given, accountContext);
}

/** The token of a Workers Build may deploy a Worker only. The Deploy button has made the database and the queues. */
function isBuildThatLacks(
  { lacking, sentences }: Problems,
  { databaseId }: Configuration["database"],
  { env }: Context,
): boolean {
  const lacksOnly = lacking.length > 0 && sentences.length === 1 && !lacking.includes("Workers Scripts");
  return env["WORKERS_CI"] === "1" && lacksOnly && databaseId !== null;
}

function describe({ id, name }: Account): string {
  return `Account: ${name === null ? id : `${printable(name)} (${id})`}`;
}
