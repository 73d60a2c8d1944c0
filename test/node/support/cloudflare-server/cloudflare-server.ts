import { Hono } from "hono";
import { HttpServer } from "../../../support/qonto-server/node/http-server.ts";
import { Account, accountApi, identityApi, temporaryAccountsApi } from "./accounts.ts";
import { type Emulation, Refusal, type Variables, failure } from "./context.ts";
import { Database, databasesApi } from "./databases.ts";
import { type Call, type Failure, Failures, type When } from "./failures.ts";
import { type Queue, newQueue, queuesApi } from "./queues.ts";
import { ServedWorker } from "./served-worker.ts";
import { scriptsApi, workersApi } from "./scripts-api.ts";
import { type Token, credentialOf, everything, refuse } from "./tokens.ts";

export const ACCOUNT = "account0000000000000000000000000";
export const TOKEN = "token-of-test";

const BASE = "/client/v4";

/**
 * Cloudflare's API on this machine: accounts with their queues, databases that run SQL, and Workers. It answers in this
 * process by `fetch`, and over HTTP once it listens.
 */
export class CloudflareServer implements Emulation {
  readonly accounts = new Map<string, Account>();
  readonly tokens = new Map<string, Token>();
  /** All calls, in order. */
  readonly calls: Call[] = [];
  readonly changes: string[] = [];
  /** Calls that it does not know. */
  readonly unknown: string[] = [];
  pageSize = Infinity;
  readonly now: () => number;
  readonly #failures = new Failures();
  readonly #app: Hono<Variables>;
  readonly #served = new Map<string, ServedWorker>();
  #http: HttpServer | undefined;

  /** With one account, whose subdomain is `test.workers.dev`, and a token for all of it. */
  constructor({ now = Date.now }: { readonly now?: () => number } = {}) {
    this.now = now;
    this.addAccount(ACCOUNT, { subdomain: "test" });
    this.addToken(TOKEN, { accounts: [ACCOUNT] });
    this.#app = this.#createApp();
  }

  /** A server that listens on 127.0.0.1. */
  static async start(): Promise<CloudflareServer> {
    const server = new CloudflareServer();
    server.#http = await HttpServer.start((request) => server.#answer(request));
    return server;
  }

  async stop(): Promise<void> {
    this.#failures.stop();
    await this.#http?.stop();
    for (const worker of this.#served.values()) await worker.stop();
    for (const { databases } of this.accounts.values()) for (const database of databases.values()) database.close();
  }

  /** Makes wrangler use this server. */
  get environment(): Record<string, string> {
    return {
      CLOUDFLARE_API_BASE_URL: `${this.#http?.url ?? "http://cloudflare"}${BASE}`,
      CLOUDFLARE_API_TOKEN: TOKEN,
      CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
    };
  }

  /** In place of the global `fetch`. */
  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    return this.#answer(request);
  };

  addAccount(id: string, { name = `Account ${id}`, subdomain = null as string | null } = {}): Account {
    const account = new Account(id, name, subdomain);
    this.accounts.set(id, account);
    return account;
  }

  /** A token for these accounts, with all permissions except where given. */
  addToken(token: string, { accounts, hasUser = true, ...permissions }: TokenOptions): void {
    this.tokens.set(token, { accounts, hasUser, permissions: { ...everything, ...permissions } });
  }

  account(id = ACCOUNT): Account {
    const account = this.accounts.get(id);
    if (account === undefined) throw new Error(`There is no account ${id}`);
    return account;
  }

  /** A queue that exists already. */
  addQueue(name: string, jurisdiction?: string): Queue {
    const queue = newQueue(name, jurisdiction, new Date(this.now()).toISOString());
    this.account().queues.set(name, queue);
    return queue;
  }

  /** A database that exists already. */
  addDatabase(name: string, jurisdiction?: string): Database {
    const database = new Database(name, jurisdiction, new Date(this.now()).toISOString());
    this.account().databases.set(name, database);
    return database;
  }

  heal(): void {
    this.#failures.heal();
  }

  get hanging(): number {
    return this.#failures.hanging;
  }

  fail(when: When, failure: Failure): { readonly applied: Promise<Call> } {
    return this.#failures.plan(when, failure);
  }

  /** Serves an uploaded Worker, from now on each version of it. */
  async workerOf(account: string, name: string): Promise<ServedWorker> {
    const key = `${account}/${name}`;
    const served = this.#served.get(key);
    if (served !== undefined) return served;
    const worker = new ServedWorker(this.account(account), name);
    this.#served.set(key, worker);
    await worker.ready();
    return worker;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const path = pathname.replace(BASE, "");
    const token = credentialOf(request);
    const call: Call = { method: request.method, path, query: search, token, status: null };
    this.calls.push(call);
    const response = await this.#failures.answer(call, request.signal, async () => {
      const answered = await this.#app.fetch(request);
      for (const worker of this.#served.values()) worker.refresh();
      return answered;
    });
    call.status = response.status;
    return response;
  }

  #createApp(): Hono<Variables> {
    const app = new Hono<Variables>().basePath(BASE);
    app.route("/provisioning/previews", temporaryAccountsApi(this));
    app.use(async (context, next) => {
      const { raw, path } = context.req;
      const token = this.tokens.get(credentialOf(raw) ?? "");
      const refused = await refuse(raw, path.replace(BASE, ""), token);
      if (refused !== null || token === undefined) return refused ?? undefined;
      context.set("token", token);
      return next();
    });
    app.route("/", identityApi(this));
    app.route("/accounts/:account", this.#createAccountApi());
    app.notFound(({ req }) => {
      this.unknown.push(`${req.method} ${req.path}`);
      return failure(404, 7003, `No route for ${req.method} ${req.path}`);
    });
    app.onError((error) => {
      if (error instanceof Refusal) return error.response;
      throw error;
    });
    return app;
  }

  #createAccountApi(): Hono<Variables> {
    const api = new Hono<Variables>();
    api.use(async (context, next) => {
      const account = this.accounts.get(context.req.param("account") ?? "");
      if (account === undefined) return failure(404, 7003, "Could not route to the account, perhaps its id is wrong.");
      context.set("account", account);
      return next();
    });
    api.route("/", accountApi(this));
    api.route("/queues", queuesApi(this));
    api.route("/d1/database", databasesApi(this));
    api.route("/workers/scripts", scriptsApi(this));
    api.route("/workers", workersApi());
    return api;
  }
}

interface TokenOptions extends Partial<Token["permissions"]> {
  readonly accounts: readonly string[];
  readonly hasUser?: boolean;
}
