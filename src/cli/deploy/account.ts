import { readFile } from "node:fs/promises";
import path from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";
import { tryParseJson } from "../../platform/json.ts";
import { Fault, wrongUsage } from "../fault.ts";
import { printable } from "../output.ts";
import { type ApiError, CloudflareApi, type Credentials, credentials, onApiError } from "./cloudflare-api.ts";
import type { Configuration } from "./configuration.ts";
import { type Context, runWrangler, withNotes } from "./context.ts";

/** The account that is deployed to. */
export interface Account {
  readonly id: string;
  /** Null where the token may not read it. */
  readonly name: string | null;
  /** Paths begin behind the account's own. */
  readonly api: CloudflareApi;
  /** Makes wrangler use this account and no other. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where and until when a temporary account can be claimed; null for any other account. */
  readonly claim: { readonly url: string; readonly expiresAt: string } | null;
}

/** What the steps share once the account is known. */
export interface AccountContext extends Context {
  readonly account: Account;
  readonly configuration: Configuration;
}

const HOW_TO_LOG_IN =
  "Log in with `npx wrangler login`, or put an API token into CLOUDFLARE_API_TOKEN; then run this again.";

type Asking = Pick<Context, "env" | "world" | "log" | "say" | "questions">;

/** `configured`: the id in wrangler.toml. */
export async function openAccount(
  credentials: Credentials,
  configured: string | null,
  context: Asking,
): Promise<Account> {
  const api = new CloudflareApi(credentials, context);
  const { env } = context;
  const wanted = configured ?? valueOf("CLOUDFLARE_ACCOUNT_ID", env) ?? valueOf("CF_ACCOUNT_ID", env);
  const named = wanted === null ? await chooseAccount(api, context) : await findAccount(api, wanted, context);
  const { id } = named;
  return { ...named, api: api.ofAccount(id), environment: { CLOUDFLARE_ACCOUNT_ID: id }, claim: null };
}

function valueOf(name: string, env: Context["env"]): string | null {
  return env[name]?.trim() || null;
}

/** wrangler may have to renew its login first. */
const LOGIN_TIMEOUT_MS = 60_000;

/** The credentials that wrangler would use: from the environment, or from its login. */
export async function findCredentials(context: Context): Promise<Credentials> {
  const { env } = context;
  const token = valueOf("CLOUDFLARE_API_TOKEN", env);
  if (token !== null) {
    // wrangler would prefer the key, and deploy as somebody else than was checked.
    const key = ["CLOUDFLARE_API_KEY", "CF_API_KEY"].find((name) => valueOf(name, env) !== null);
    if (key === undefined) return { token };
    throw wrongUsage(`CLOUDFLARE_API_TOKEN and ${key} are both set.`, "Unset one of them.");
  }
  const command = ["auth", "token", "--json"];
  const run = await runWrangler("asking wrangler for its login", { command, timeoutMs: LOGIN_TIMEOUT_MS }, context);
  const login = credentials.safeParse(tryParseJson(run.stdout)).data;
  if (run.succeeded && login !== undefined) return login;
  const isLoggedOut = run.output.includes("Not logged in");
  throw new Fault(isLoggedOut ? "Nobody is logged in to Cloudflare." : `wrangler gave no login${run.reason}.`, {
    remedy: HOW_TO_LOG_IN,
  });
}

const account = z.object({ id: z.string(), name: z.string() });

type NamedAccount = Pick<Account, "id" | "name">;

/** A token that may not read the account's name may still be allowed to deploy. */
async function findAccount(api: CloudflareApi, id: string, context: Asking): Promise<NamedAccount> {
  const looking = withNotes("looking for the account", api.get(`/accounts/${id}`, account), context);
  return onApiError(looking, (error) => {
    if (error.status === null || error.status === 401 || error.isRedirect) throw notLetIn(error);
    return { id, name: null };
  });
}

async function chooseAccount(api: CloudflareApi, context: Asking): Promise<NamedAccount> {
  const { questions } = context;
  const looking = withNotes("looking for the accounts", api.list("/accounts", account), context);
  const accounts = await onApiError(looking, (error) => {
    throw notLetIn(error);
  });
  const [first] = accounts;
  if (first === undefined) {
    throw new Fault("The token sees no account: it lacks Account Settings:Read.", {
      remedy: "Give it that permission, or say which account by CLOUDFLARE_ACCOUNT_ID.",
    });
  }
  if (accounts.length === 1) return first;
  const list = accounts.map(({ name, id }, index) => `  ${index + 1}  ${printable(name)} (${id})`);
  const choice = [`There are ${accounts.length} accounts:`, ...list].join("\n");
  if (questions === null) throw new Fault(choice, { remedy: "Set CLOUDFLARE_ACCOUNT_ID to one of them." });
  const answer = await questions.ask(`${choice}\nWhich one? `);
  const chosen = /^\d+$/.test(answer) ? accounts[Number(answer) - 1] : accounts.find(({ id }) => id === answer);
  if (chosen === undefined) throw new Fault(`"${printable(answer)}" is none of these accounts.`);
  return chosen;
}

function notLetIn({ status, message, isRedirect }: ApiError): Fault {
  if (isRedirect) {
    const remedy = "Look at the connection, and at CLOUDFLARE_API_BASE_URL if it is set.";
    return new Fault(`Cloudflare's API cannot be used: ${message}.`, { remedy });
  }
  return status === null
    ? new Fault(`Cloudflare's API cannot be reached: ${message}.`, { remedy: "Nothing was changed. Run it again." })
    : new Fault(`Cloudflare does not accept the token: ${message}.`, { remedy: HOW_TO_LOG_IN });
}

const TERMS = "https://www.cloudflare.com/terms/ and https://www.cloudflare.com/privacypolicy/";

const temporaryAccount = z.object({
  account: z.object({ id: z.string(), name: z.string(), apiToken: z.string() }),
  claim: z.object({ url: z.string(), expiresAt: z.string() }),
});

/** An account that Cloudflare makes for a try, without a login. Until it expires, each run uses the same one. */
export async function openTemporaryAccount(context: Context): Promise<Account> {
  const { env, questions, say } = context;
  const set = ["CLOUDFLARE_API_TOKEN", "CF_API_TOKEN", "CLOUDFLARE_API_KEY", "CF_API_KEY"].find((name) => env[name]);
  if (set !== undefined) {
    throw wrongUsage(
      `--temporary is for people without an account; ${set} is set.`,
      "Unset it, or leave out --temporary.",
    );
  }
  const terms = `Anyone who uses a temporary account accepts Cloudflare's terms: ${TERMS}.`;
  if (questions === null) say(terms);
  else if ((await questions.ask(`${terms}\nDo you accept them? (yes) `)).toLowerCase() !== "yes")
    throw new Fault("Nothing was done.");
  // wrangler makes no temporary account for a home in which somebody is logged in.
  const home = path.join(context.directory, ".wrangler", "temporary");
  // Any command that needs an account makes it.
  const command = ["d1", "list", "--json", "--temporary"];
  const environment = { HOME: home, XDG_CONFIG_HOME: home };
  const run = await runWrangler("making a temporary account", { command, environment, timeoutMs: 60_000 }, context);
  const made = run.succeeded ? await readTemporaryAccount(home) : null;
  if (made === null) {
    throw new Fault(`Cloudflare made no temporary account${run.reason}.`, {
      remedy: "Run it again, or log in with `npx wrangler login`.",
    });
  }
  const { id, name, apiToken: token } = made.account;
  return {
    id,
    name,
    api: new CloudflareApi({ token }, context).ofAccount(id),
    environment: { CLOUDFLARE_ACCOUNT_ID: id, CLOUDFLARE_API_TOKEN: token },
    claim: made.claim,
  };
}

/** Null when wrangler has kept none, or in another form. */
async function readTemporaryAccount(home: string): Promise<z.output<typeof temporaryAccount> | null> {
  try {
    const file = path.join(home, ".wrangler", "wrangler-temporary-account.toml");
    return temporaryAccount.parse(parse(await readFile(file, "utf8")));
  } catch {
    return null;
  }
}
