import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ACCOUNT, CloudflareServer, TOKEN } from "../../support/cloudflare-server/cloudflare-server.ts";
import { PlayedWrangler } from "./played-wrangler.ts";

/** Parts of the emulated Cloudflare that no deployment shows. */

let cloudflare: CloudflareServer;

beforeEach(() => {
  cloudflare = new CloudflareServer({ now: () => 0 });
});

afterEach(() => cloudflare.stop());

const here = `/accounts/${ACCOUNT}`;

async function ask(call: string, body?: unknown, { token = TOKEN, signal }: Asking = {}) {
  const [method = "", path = ""] = call.split(" ");
  const response = await cloudflare.fetch(`https://api.cloudflare.com/client/v4${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  const { result, errors, result_info } = (await response.json()) as Answer;
  return { status: response.status, code: errors[0]?.code, message: errors[0]?.message, result, result_info };
}

interface Asking {
  readonly token?: string;
  readonly signal?: AbortSignal;
}

interface Answer {
  readonly result: any;
  readonly errors: readonly { readonly code: number; readonly message: string }[];
  readonly result_info: object;
}

describe("permissions", () => {
  it("refuses an unknown token with 401", async () => {
    expect(await ask("GET /user/tokens/verify", undefined, { token: "?" })).toMatchObject({ status: 401, code: 1000 });
    expect(await ask(`GET ${here}/queues`, undefined, { token: "?" })).toMatchObject({ status: 401, code: 9109 });
  });

  it("requires read for a GET, and edit for anything else, of the service in the path", async () => {
    cloudflare.addToken("reader", { accounts: [ACCOUNT], queues: "read", workers_scripts: "none" });
    const asked = (call: string) => ask(call, {}, { token: "reader" });
    expect((await ask(`GET ${here}/queues`, undefined, { token: "reader" })).status).toBe(200);
    for (const call of [`DELETE ${here}/queues/none`, `PATCH ${here}/workers/scripts/none/script-settings`]) {
      expect(await asked(call)).toMatchObject({ status: 403, code: 10_000, message: "Authentication error" });
    }
    expect(await asked(`PATCH ${here}/d1/database/none`)).toMatchObject({ status: 404, code: 7404 });
  });

  it("answers 404 for what does not exist, to a token that may read it", async () => {
    const answers = [
      await ask(`PATCH ${here}/queues/none`, {}),
      await ask(`PATCH ${here}/d1/database/none`, {}),
      await ask(`PATCH ${here}/workers/scripts/none/script-settings`, {}),
      await ask(`DELETE ${here}/workers/scripts/none`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    expect(cloudflare.changes).toEqual([]);
  });

  it("lets a read token query a database, but not write to it", async () => {
    const { uuid } = cloudflare.addDatabase("one");
    cloudflare.addToken("reader", { accounts: [ACCOUNT], d1: "read" });
    const query = (sql: string) => ask(`POST ${here}/d1/database/${uuid}/query`, { sql }, { token: "reader" });
    expect((await query("SELECT 1 AS one; SELECT 2")).result[0].results).toEqual([{ one: 1 }]);
    expect((await query("SELECT 1; CREATE TABLE t (a)")).status).toBe(403);
  });

  it("shows a token its own accounts, by pages", async () => {
    for (const id of ["two", "three", "four"]) cloudflare.addAccount(id);
    cloudflare.addToken("of-three", { accounts: [ACCOUNT, "two", "four"] });
    cloudflare.pageSize = 2;
    const second = await ask("GET /accounts?page=2", undefined, { token: "of-three" });
    expect(second.result.map(({ id }: { id: string }) => id)).toEqual(["four"]);
    expect(second.result_info).toEqual({ page: 2, per_page: 2, count: 1, total_count: 3, total_pages: 2 });
    expect((await ask("GET /accounts/three", undefined, { token: "of-three" })).status).toBe(403);
    cloudflare.addToken("without-settings", { accounts: [ACCOUNT], account_settings: "none", hasUser: false });
    expect((await ask("GET /accounts", undefined, { token: "without-settings" })).result).toEqual([]);
    const memberships = await ask("GET /memberships", undefined, { token: "without-settings" });
    expect(memberships).toMatchObject({ status: 400, code: 9106 });
    const verify = (path: string) => ask(`GET ${path}/tokens/verify`, undefined, { token: "without-settings" });
    expect([(await verify("/user")).status, (await verify(here)).status]).toEqual([401, 200]);
  });
});

describe("queues", () => {
  it("have each name once, and are found by it", async () => {
    const created = await ask(`POST ${here}/queues`, { queue_name: "one", jurisdiction: "eu" });
    expect(await ask(`POST ${here}/queues`, { queue_name: "one" })).toMatchObject({ status: 409, code: 11_009 });
    await ask(`POST ${here}/queues`, { queue_name: "two" });
    const { result } = await ask(`GET ${here}/queues?name=one`);
    expect(result).toEqual([created.result]);
    expect(result[0]).toMatchObject({ jurisdiction: "eu", producers_total_count: 0, consumers: [] });
    await ask(`DELETE ${here}/queues/${created.result.queue_id}`);
    expect(cloudflare.changes).toEqual(["create queue one in eu", "create queue two in undefined", "delete queue one"]);
  });
});

describe("databases", () => {
  it("run all statements of a request or none, and report errors as D1 does", async () => {
    const { uuid } = cloudflare.addDatabase("one");
    const query = (sql: string) => ask(`POST ${here}/d1/database/${uuid}/query`, { sql });
    const missing = { status: 400, code: 7500, message: "no such table: d1_migrations: SQLITE_ERROR" };
    expect(await query("SELECT * FROM d1_migrations")).toMatchObject(missing);
    expect((await query("CREATE TABLE t (a); INSERT INTO nowhere VALUES (1)")).status).toBe(400);
    expect((await query("SELECT name FROM sqlite_schema")).result[0].results).toEqual([]);
    const taken = await ask(`POST ${here}/d1/database`, { name: "one" });
    expect(taken).toMatchObject({ status: 400, code: 7502 });
  });

  it("are sent statements that end at any semicolon outside of quotes, also in a comment", async () => {
    const { uuid } = cloudflare.addDatabase("one");
    const query = (sql: string) => ask(`POST ${here}/d1/database/${uuid}/query`, { sql });
    expect((await query("SELECT ';' AS a; -- b\nSELECT 2")).result).toHaveLength(2);
    expect((await query("SELECT 1 -- one; two\n")).status).toBe(400);
  });
});

describe("Workers", () => {
  const queues = ["qonto-relay-events", "qonto-relay-retries", "qonto-relay-dead-letters"];
  const script = `${here}/workers/scripts/qonto-relay`;

  beforeEach(async () => {
    for (const queue of queues) cloudflare.addQueue(queue, "eu");
    cloudflare.addDatabase("qonto-relay", "eu");
    await deploy("--tag", "one");
    expect((await ask(`PUT ${script}/secrets`, { name: "ADMIN_TOKEN", text: "secret" })).status).toBe(200);
  });

  async function deploy(...more: readonly string[]): Promise<void> {
    const { environment, fetch } = cloudflare;
    const { succeeded, output } = await new PlayedWrangler({ environment, fetch }).run(["deploy", ...more]);
    expect(succeeded, output).toBe(true);
  }

  const queueNamed = async (name: string) => (await ask(`GET ${here}/queues?name=${name}`)).result[0];

  it("produce to the queue that had the name when they were bound to it", async () => {
    const [name = ""] = queues;
    const before = await queueNamed(name);
    expect(before).toMatchObject({ producers: [{ type: "worker", script: "qonto-relay" }], consumers_total_count: 1 });
    await ask(`DELETE ${here}/queues/${before.queue_id}`);
    await ask(`POST ${here}/queues`, { queue_name: name, jurisdiction: "eu" });
    expect(await queueNamed(name)).toMatchObject({ producers: [], consumers_total_count: 0 });
    await deploy();
    expect(await queueNamed(name)).toMatchObject({ producers: [{ script: "qonto-relay" }], consumers_total_count: 1 });
  });

  it("consume a queue alone, with dead letters in its jurisdiction", async () => {
    const { queue_id } = await queueNamed(queues[0] ?? "");
    const outside = cloudflare.addQueue("outside");
    const consume = (id: string, body: object) =>
      ask(`POST ${here}/queues/${id}/consumers`, { script_name: "qonto-relay", ...body });
    expect(await consume(queue_id, {})).toMatchObject({ status: 400, code: 11_004 });
    const refused = [{ script_name: "none" }, { dead_letter_queue: "none" }, { dead_letter_queue: queues[2] }];
    for (const body of refused) expect((await consume(outside.queue_id, body)).status).toBe(400);
    expect((await consume(outside.queue_id, {})).status).toBe(200);
    const [consumer] = outside.consumers;
    const path = `${here}/queues/${outside.queue_id}/consumers/${consumer?.consumer_id}`;
    await ask(`PUT ${path}`, { script_name: "qonto-relay", settings: { batch_size: 1 } });
    expect(consumer?.settings).toMatchObject({ batch_size: 1, max_retries: 3 });
    await ask(`DELETE ${path}`);
    expect(cloudflare.changes.slice(-3)).toEqual([
      "consume outside by qonto-relay",
      "update consumer of outside by qonto-relay",
      "delete consumer of outside",
    ]);
  });

  it("keep a secret that a new version does not name, and list versions newest first", async () => {
    await deploy("--tag", "two", "--message", "The second");
    expect((await ask(`GET ${script}/secrets`)).result).toEqual([{ name: "ADMIN_TOKEN", type: "secret_text" }]);
    const { deployments } = (await ask(`GET ${script}/deployments`)).result;
    const { items } = (await ask(`GET ${script}/versions`)).result;
    expect(deployments).toHaveLength(3);
    expect(deployments[0]).toMatchObject({
      annotations: { "workers/message": "The second" },
      versions: [{ version_id: items[0].id, percentage: 100 }],
    });
    expect(items.map(({ annotations }: any) => annotations["workers/tag"])).toEqual(["two", undefined, "one"]);
  });

  it("are not uploaded with a binding to a missing resource", async () => {
    const upload = (binding: object) => {
      const form = new FormData();
      const bindings = [{ name: "ONE", ...binding }];
      form.set("metadata", JSON.stringify({ main_module: "a.js", compatibility_date: "2026-11-01", bindings }));
      form.set("a.js", new File(["export default {};"], "a.js", { type: "application/javascript+module" }));
      const headers = { authorization: `Bearer ${TOKEN}` };
      return cloudflare.fetch(`https://api.cloudflare.com/client/v4${script}`, { method: "PUT", body: form, headers });
    };
    const id = crypto.randomUUID();
    const missing = [{ type: "d1", id }, { type: "queue", queue_name: "none" }, { type: "inherit" }];
    for (const binding of missing) expect((await upload(binding)).status).toBe(400);
    expect((await upload({ type: "plain_text", text: "one" })).status).toBe(200);
  });

  it("are not deleted while they consume a queue, unless forced", async () => {
    expect(await ask(`DELETE ${script}`)).toMatchObject({ status: 400, code: 10_064 });
    expect((await ask(`DELETE ${script}?force=true`)).status).toBe(200);
    expect(await queueNamed(queues[0] ?? "")).toMatchObject({ consumers: [], producers: [] });
  });
});

it("has no subdomain under workers.dev for an account until one is registered", async () => {
  cloudflare.account().subdomain = null;
  expect(await ask(`GET ${here}/workers/subdomain`)).toMatchObject({ status: 404, code: 10_007 });
  await ask(`PUT ${here}/workers/subdomain`, { subdomain: "mine" });
  expect((await ask(`GET ${here}/workers/subdomain`)).result).toEqual({ subdomain: "mine" });
});

describe("a planned failure", () => {
  const create = (name: string) => ask(`POST ${here}/queues`, { queue_name: name });

  it("hits the n-th call, before its effect or after it", async () => {
    cloudflare.fail(1, "refused_before");
    cloudflare.fail(2, "lost_after");
    cloudflare.fail(3, "reset");
    cloudflare.fail(4, "refused_after");
    expect((await create("one")).status).toBe(503);
    await expect(create("two")).rejects.toThrow(new TypeError("fetch failed"));
    await expect(create("three")).rejects.toThrow(new TypeError("fetch failed"));
    expect((await create("four")).status).toBe(503);
    expect((await create("five")).status).toBe(200);
    expect([...cloudflare.account().queues.keys()]).toEqual(["two", "four", "five"]);
    expect(cloudflare.calls.map(({ status }) => status)).toEqual([503, null, null, 503, 200]);
  });

  it("hits matching calls, a number of times", async () => {
    cloudflare.fail({ method: "POST", path: /queues$/, times: 2 }, "rate_limited");
    cloudflare.fail({ path: /database$/ }, "garbage");
    expect((await ask(`GET ${here}/queues`)).status).toBe(200);
    expect([(await create("one")).status, (await create("one")).status, (await create("one")).status]).toEqual([
      429, 429, 200,
    ]);
    await expect(ask(`GET ${here}/d1/database`)).rejects.toThrow(SyntaxError);
  });

  it("hangs until the caller stops waiting, or until the server stops", async () => {
    const { applied } = cloudflare.fail({ path: /queues/, times: 2 }, "hang");
    const ending = new AbortController();
    const asked = expect(ask(`GET ${here}/queues`, undefined, { signal: ending.signal })).rejects.toThrow("enough");
    expect(await applied).toMatchObject({ method: "GET", path: `${here}/queues`, status: null, token: TOKEN });
    ending.abort(new Error("enough"));
    await asked;
    const other = expect(ask(`GET ${here}/queues`)).rejects.toThrow("fetch failed");
    await cloudflare.stop();
    await other;
  });
});
