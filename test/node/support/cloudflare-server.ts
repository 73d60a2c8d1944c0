import { DatabaseSync } from "node:sqlite";
import { Hono } from "hono";
import { HttpServer } from "./qonto-server/http-server.ts";

const ACCOUNT = "account-of-test";

interface Queue {
  readonly queue_id: string;
  readonly queue_name: string;
  readonly jurisdiction: string | undefined;
  readonly consumers: { readonly type: string; readonly consumer_id: string; readonly script: string }[];
}

interface Database {
  readonly uuid: string;
  readonly name: string;
  readonly jurisdiction: string | undefined;
  readonly sqlite: DatabaseSync;
}

/** An account at Cloudflare for wrangler to deploy to: its queues, its databases, which really run SQL, its Workers. */
export class CloudflareServer {
  readonly queues = new Map<string, Queue>();
  readonly databases = new Map<string, Database>();
  /** Secrets of each Worker that was uploaded. */
  readonly workers = new Map<string, Set<string>>();
  /** What changed something, in order. */
  readonly changes: string[] = [];
  /** What nobody here can answer. */
  readonly unknown: string[] = [];
  #onAsked: (() => void) | undefined;
  #http: HttpServer | undefined;

  static async start(): Promise<CloudflareServer> {
    const server = new CloudflareServer();
    const app = server.#createApp();
    server.#http = await HttpServer.start((request) => app.fetch(request));
    return server;
  }

  async stop(): Promise<void> {
    await this.#http?.stop();
    for (const { sqlite } of this.databases.values()) sqlite.close();
  }

  /** What makes wrangler take this for Cloudflare. */
  get environment(): Record<string, string> {
    return {
      CLOUDFLARE_API_BASE_URL: this.#http?.url ?? "",
      CLOUDFLARE_API_TOKEN: "token-of-test",
      CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
    };
  }

  addQueue(queue_name: string, jurisdiction: string | undefined): Queue {
    const queue = { queue_id: `id-of-${queue_name}`, queue_name, jurisdiction, consumers: [] };
    this.queues.set(queue_name, queue);
    return queue;
  }

  /** Answers nothing from now on; resolves when somebody waits for an answer. */
  hang(): Promise<void> {
    return new Promise((resolve) => (this.#onAsked = resolve));
  }

  #createApp(): Hono {
    const app = new Hono();
    app.use(async (_, next) => {
      if (this.#onAsked === undefined) return next();
      this.#onAsked();
      await new Promise(() => undefined);
    });
    const account = new Hono();
    this.#addQueues(account);
    this.#addDatabases(account);
    this.#addWorkers(account);
    app.route(`/accounts/${ACCOUNT}`, account);
    app.notFound(({ req }) => {
      this.unknown.push(`${req.method} ${req.path}`);
      return failure(404, 7003, `No route for ${req.method} ${req.path}`);
    });
    return app;
  }

  #addQueues(account: Hono): void {
    account.get("/queues", ({ req }) => {
      const names = req.queries("name") ?? [...this.queues.keys()];
      return success([...this.queues.values()].filter(({ queue_name }) => names.includes(queue_name)).map(describe));
    });
    account.post("/queues", async ({ req }) => {
      const { queue_name, jurisdiction } = await req.json();
      if (this.queues.has(queue_name)) return failure(409, 11009, `Queue name '${queue_name}' is already taken`);
      const queue = this.addQueue(queue_name, jurisdiction);
      this.changes.push(`create queue ${queue_name} in ${jurisdiction}`);
      return success(describe(queue));
    });
    account.post("/queues/:id/consumers", async ({ req }) => {
      const { script_name } = await req.json();
      const queue = [...this.queues.values()].find(({ queue_id }) => queue_id === req.param("id"));
      queue?.consumers.push({ type: "worker", consumer_id: "consumer", script: script_name });
      return success({});
    });
    account.put("/queues/:id/consumers/:consumer", () => success({}));
  }

  #addDatabases(account: Hono): void {
    const find = (idOrName: string) =>
      [...this.databases.values()].find(({ uuid, name }) => uuid === idOrName || name === idOrName);
    const describe = ({ uuid, name, jurisdiction }: Database) => ({ uuid, name, jurisdiction, version: "production" });
    account.get("/d1/database", () => success([...this.databases.values()].map(describe)));
    account.get("/d1/database/:id", ({ req }) => {
      const database = find(req.param("id"));
      return database === undefined
        ? failure(404, 7404, "The database could not be found")
        : success(describe(database));
    });
    account.post("/d1/database", async ({ req }) => {
      const { name, jurisdiction } = await req.json();
      const database = { uuid: crypto.randomUUID(), name, jurisdiction, sqlite: new DatabaseSync(":memory:") };
      this.databases.set(name, database);
      this.changes.push(`create database ${name} in ${jurisdiction}`);
      return success(describe(database));
    });
    account.post("/d1/database/:id/query", async ({ req }) => {
      const database = find(req.param("id"));
      if (database === undefined) return failure(404, 7404, "The database could not be found");
      const { sql } = await req.json();
      return this.#query(database, sql);
    });
  }

  #query({ sqlite }: Database, sql: string): Response {
    if (/^\s*SELECT/i.test(sql)) return success([queryResult(sqlite.prepare(sql).all())]);
    const migration = /\d{4}_\w+\.sql/.exec(sql)?.[0];
    sqlite.exec(`BEGIN; ${sql}; COMMIT;`);
    if (migration !== undefined) this.changes.push(`migrate ${migration}`);
    return success([queryResult([])]);
  }

  #addWorkers(account: Hono): void {
    const missing = () => failure(404, 10007, "This Worker does not exist on your account.");
    account.get("/workers/services/:name", ({ req }) => {
      if (!this.workers.has(req.param("name"))) return failure(404, 10090, "The service does not exist");
      return success({ id: req.param("name"), default_environment: { environment: "production", script: {} } });
    });
    account.get("/workers/scripts/:name/settings", ({ req }) =>
      this.workers.has(req.param("name")) ? success({ bindings: [] }) : missing(),
    );
    account.get("/workers/scripts/:name/secrets", ({ req }) => {
      const secrets = this.workers.get(req.param("name"));
      return secrets === undefined ? missing() : success([...secrets].map((name) => ({ name, type: "secret_text" })));
    });
    const upload = (name: string) => {
      this.workers.set(name, this.workers.get(name) ?? new Set());
      this.changes.push(`upload ${name}`);
    };
    account.put("/workers/scripts/:name", ({ req }) => {
      upload(req.param("name"));
      return success({ id: req.param("name"), etag: "etag", deployment_id: "deployment", startup_time_ms: 5 });
    });
    account.get("/workers/workers/:name", ({ req }) =>
      success({ id: "worker", name: req.param("name"), subdomain: {} }),
    );
    // A Worker that exists gets a version, which then is deployed.
    account.post("/workers/scripts/:name/versions", ({ req }) => {
      upload(req.param("name"));
      return success({ id: "version", startup_time_ms: 5, resources: { script: { etag: "etag" } } });
    });
    account.get("/workers/scripts/:name/deployments", () => success({ deployments: [] }));
    account.post("/workers/scripts/:name/deployments", () => success({ id: "deployment" }));
    account.patch("/workers/scripts/:name/script-settings", () => success({}));
    account.get("/workers/subdomain", () => success({ subdomain: "test" }));
    account.get("/workers/scripts/:name/subdomain", () => success({ enabled: true, previews_enabled: false }));
    account.post("/workers/scripts/:name/subdomain", () => success({ enabled: true, previews_enabled: false }));
    account.put("/workers/scripts/:name/schedules", () => success({ schedules: [] }));
  }
}

function describe(queue: Queue) {
  const counts = { producers: [], producers_total_count: 0, consumers_total_count: queue.consumers.length };
  return { ...queue, ...counts, created_on: "2026-11-01T00:00:00Z", modified_on: "2026-11-01T00:00:00Z" };
}

const queryResult = (results: unknown[]) => ({ success: true, results, meta: { duration: 1 } });

function success(result: unknown): Response {
  const result_info = { page: 1, per_page: 100, count: 1, total_count: 1, total_pages: 1 };
  return Response.json({ success: true, errors: [], messages: [], result, result_info });
}

function failure(status: number, code: number, message: string): Response {
  return Response.json({ success: false, errors: [{ code, message }], messages: [], result: null }, { status });
}
