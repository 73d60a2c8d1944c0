import { createHash, randomBytes } from "node:crypto";
import { Hono } from "hono";
import { type Emulation, type Variables, bodyOf, failure, page, success, timestamp } from "./context.ts";
import type { Database } from "./databases.ts";
import type { Queue } from "./queues.ts";
import type { Script } from "./scripts.ts";
import { everything, mayAtLeast } from "./tokens.ts";

/** An account and its resources, by name. */
export class Account {
  readonly id: string;
  readonly name: string;
  /** Under workers.dev; null until one is registered. */
  subdomain: string | null;
  readonly queues = new Map<string, Queue>();
  readonly databases = new Map<string, Database>();
  readonly scripts = new Map<string, Script>();
  /** The internet of the served Workers; undefined: this machine's. */
  internet: ((request: Request) => Promise<Response>) | undefined;

  constructor(id: string, name: string, subdomain: string | null) {
    this.id = id;
    this.name = name;
    this.subdomain = subdomain;
  }

  queueById(id: string): Queue | undefined {
    return [...this.queues.values()].find(({ queue_id }) => queue_id === id);
  }

  database(idOrName: string): Database | undefined {
    return [...this.databases.values()].find(({ uuid, name }) => uuid === idOrName || name === idOrName);
  }
}

const describe = ({ id, name }: Account) => ({ id, name, type: "standard", settings: {} });

/** The caller, and the accounts that its token sees. */
export function identityApi(emulation: Emulation): Hono<Variables> {
  const api = new Hono<Variables>();
  const paging = () => ({ perPage: 20, atMost: Math.min(50, emulation.pageSize) });
  const accountsOf = (ids: readonly string[]) => [...emulation.accounts.values()].filter(({ id }) => ids.includes(id));
  api.get("/user", () => success({ id: "user", email: "somebody@example.com" }));
  api.get("/user/tokens/verify", () => success({ id: "token", status: "active" }));
  // A token that may not read an account's settings does not see the account.
  api.get("/accounts", ({ req, var: { token } }) => {
    const mayList = mayAtLeast(token.permissions.account_settings, "read");
    return page(mayList ? accountsOf(token.accounts).map(describe) : [], req.url, paging());
  });
  api.get("/memberships", ({ req, var: { token } }) => {
    const memberships = accountsOf(token.accounts).map((account) => ({
      id: `membership-${account.id}`,
      status: "accepted",
      account: describe(account),
      roles: ["Administrator"],
    }));
    return page(memberships, req.url, paging());
  });
  return api;
}

/** The account itself, and its subdomain under workers.dev. */
export function accountApi({ accounts, changes }: Emulation): Hono<Variables> {
  const api = new Hono<Variables>();
  const isTaken = (name: string) => [...accounts.values()].some(({ subdomain }) => subdomain === name);
  api.get("/", ({ var: { account } }) => success(describe(account)));
  api.get("/tokens/verify", () => success({ id: "token", status: "active" }));
  api.get("/workers/subdomain", ({ var: { account } }) =>
    account.subdomain === null
      ? failure(404, 10007, "This account does not have a workers.dev subdomain.")
      : success({ subdomain: account.subdomain }),
  );
  api.put("/workers/subdomain", async (context) => {
    const { subdomain } = await bodyOf(context);
    if (isTaken(subdomain)) return failure(409, 10031, "Subdomain is unavailable.");
    context.var.account.subdomain = subdomain;
    changes.push(`register ${subdomain}.workers.dev`);
    return success({ subdomain });
  });
  api.get("/workers/subdomains/:name", ({ req }) =>
    isTaken(req.param("name"))
      ? failure(409, 10031, "Subdomain is unavailable.")
      : failure(404, 10032, "Subdomain is available."),
  );
  return api;
}

/** The proof of work: checkpoints, and hashes between two of them. The service asks for far more. */
const [CHECKPOINTS, HASHES] = [2, 3];
const LASTS_MS = 3_600_000;

const hash = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());

/** Temporary accounts, for a proof of work. They expire after an hour. */
export function temporaryAccountsApi(emulation: Emulation): Hono<Variables> {
  const { accounts, tokens, changes } = emulation;
  const api = new Hono<Variables>();
  const seeds = new Map<string, Buffer>();

  api.post("/challenge", () => {
    const [challengeToken, seed] = [crypto.randomUUID(), randomBytes(32)];
    seeds.set(challengeToken, seed);
    return success({ challengeToken, seed: seed.toString("base64url"), k: CHECKPOINTS, g: HASHES });
  });
  api.post("/", async (context) => {
    const { challengeToken, solution, acceptTermsOfService } = await bodyOf(context);
    const seed = seeds.get(challengeToken);
    if (seed === undefined || !isSolved(seed, String(solution?.checkpoints))) {
      return failure(400, 10_001, "The challenge is not solved.");
    }
    if (acceptTermsOfService !== "yes") return failure(400, 10_002, "The terms of service must be accepted.");
    seeds.delete(challengeToken);
    const id = randomBytes(16).toString("hex");
    const [apiToken, name] = [`token-of-${id}`, `Temporary account ${id.slice(0, 8)}`];
    accounts.set(id, new Account(id, name, `temporary-${id.slice(0, 8)}`));
    tokens.set(apiToken, { accounts: [id], hasUser: false, permissions: everything });
    changes.push(`create account ${name}`);
    const expiresAt = timestamp({ ...emulation, now: () => emulation.now() + LASTS_MS });
    const claim = { url: `https://dash.cloudflare.com/claim/${id}`, expiresAt };
    return success({ account: { id, name, apiToken, expiresAt }, claim });
  });
  return api;
}

function isSolved(seed: Uint8Array, checkpoints: string): boolean {
  let current = hash(seed);
  const expected = [current];
  for (let done = 0; done < CHECKPOINTS; done += 1) {
    for (let hashes = 0; hashes < HASHES; hashes += 1) current = hash(current);
    expected.push(current);
  }
  return Buffer.concat(expected).toString("base64") === checkpoints;
}
