import { z } from "zod";
import { tryParseJson } from "../../platform/json.ts";
import { Fault, wrongUsage } from "../fault.ts";
import { printable } from "../output.ts";
import { Api, ApiError, type Credentials, NoAnswer, Refusal } from "./api.ts";
import { type Context, reasonOf, runWrangler, withNotes } from "./context.ts";

/** The account that is deployed to. */
export interface Account {
  readonly id: string;
  /** Of what it has, in the API. */
  readonly path: string;
  /** Null where it may not be read. */
  readonly name: string | null;
  readonly api: Api;
  /** What makes wrangler use this account and no other. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where somebody makes a temporary account their own, and until when; null for any other. */
  readonly claim: { readonly url: string; readonly expiresAt: string } | null;
}

const CLOUDFLARE = "https://api.cloudflare.com/client/v4";

const HOW_TO_LOG_IN =
  "Log in with `npx wrangler login`, or put an API token into CLOUDFLARE_API_TOKEN; then run this again.";

export type Asking = Pick<Context, "env" | "world" | "log" | "say" | "questions">;

export function openApi(credentials: Credentials, { env, world, log }: Asking): Api {
  return new Api(credentials, { baseUrl: env["CLOUDFLARE_API_BASE_URL"] || CLOUDFLARE, world, log });
}

/** `configured`: the id that wrangler.toml names. */
export async function openAccount(
  credentials: Credentials,
  configured: string | null,
  context: Asking,
): Promise<Account> {
  const api = openApi(credentials, context);
  const id = configured ?? valueOf("CLOUDFLARE_ACCOUNT_ID", context) ?? valueOf("CF_ACCOUNT_ID", context);
  const chosen = id === null ? await chooseAccount(api, context) : await findAccount(api, id, context);
  return {
    ...chosen,
    path: `/accounts/${chosen.id}`,
    api,
    environment: { CLOUDFLARE_ACCOUNT_ID: chosen.id },
    claim: null,
  };
}

function valueOf(name: string, { env }: Pick<Context, "env">): string | null {
  return env[name]?.trim() || null;
}

const wranglerCredentials = z.union([
  z.object({ token: z.string() }),
  z.object({ key: z.string(), email: z.string() }),
]);

/** It may have to renew a login first. */
const LOGIN_LIMIT_MS = 60_000;

/** wrangler's own way to them: the environment, a file, its login, whose token it renews. */
export async function findCredentials(context: Context): Promise<Credentials> {
  const token = valueOf("CLOUDFLARE_API_TOKEN", context);
  if (token !== null) {
    // wrangler would prefer the key, and deploy as somebody else than was checked.
    const key = ["CLOUDFLARE_API_KEY", "CF_API_KEY"].find((name) => valueOf(name, context) !== null);
    if (key === undefined) return { token };
    throw wrongUsage(`CLOUDFLARE_API_TOKEN and ${key} are both set.`, "Unset one of them.");
  }
  const command = ["auth", "token", "--json"];
  const run = await runWrangler("asking wrangler for its login", { command, limitMs: LOGIN_LIMIT_MS }, context);
  const credentials = wranglerCredentials.safeParse(tryParseJson(run.stdout)).data;
  if (run.succeeded && credentials !== undefined) return credentials;
  const isNobody = run.output.includes("Not logged in");
  throw new Fault(isNobody ? "Nobody is logged in to Cloudflare." : `wrangler gave no login${reasonOf(run.output)}.`, {
    remedy: HOW_TO_LOG_IN,
  });
}

const account = z.object({ id: z.string(), name: z.string() });

type NamedAccount = Pick<Account, "id" | "name">;

/** Its name is for the person alone: a token that may not read it may be allowed all the rest. */
async function findAccount(api: Api, id: string, context: Asking): Promise<NamedAccount> {
  try {
    return await withNotes("looking for the account", api.get(`/accounts/${id}`, account), context);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error instanceof NoAnswer) throw unreachable(error);
    if (error instanceof Refusal && error.status === 401) throw notAccepted(error);
    return { id, name: null };
  }
}

async function chooseAccount(api: Api, context: Asking): Promise<NamedAccount> {
  const { questions } = context;
  const looking = withNotes("looking for the accounts", api.list("/accounts", account), context);
  const accounts = await looking.catch((error: unknown) => {
    if (error instanceof NoAnswer) throw unreachable(error);
    if (!(error instanceof ApiError)) throw error;
    throw notAccepted(error);
  });
  const [first] = accounts;
  if (first === undefined) {
    throw new Fault("The token sees no account: it lacks Account Settings:Read.", {
      remedy: "Give it that permission, or say which account by CLOUDFLARE_ACCOUNT_ID.",
    });
  }
  if (accounts.length === 1) return first;
  const list = accounts.map(({ name, id }, index) => `  ${index + 1}  ${printable(name)} (${id})`).join("\n");
  if (questions === null) {
    throw new Fault(`There are ${accounts.length} accounts:\n${list}`, {
      remedy: "Set CLOUDFLARE_ACCOUNT_ID to one of them.",
    });
  }
  const answer = await questions.ask(`There are ${accounts.length} accounts:\n${list}\nWhich one? `);
  const chosen = /^\d+$/.test(answer) ? accounts[Number(answer) - 1] : accounts.find(({ id }) => id === answer);
  if (chosen === undefined) throw new Fault(`"${printable(answer)}" is none of these accounts.`);
  return chosen;
}

function notAccepted({ message }: ApiError): Fault {
  return new Fault(`Cloudflare does not accept the token: ${message}.`, { remedy: HOW_TO_LOG_IN });
}

function unreachable(error: NoAnswer): Fault {
  return new Fault(`Cloudflare's API cannot be reached: ${error.message}.`, {
    remedy: "Nothing was changed. Run it again.",
  });
}
