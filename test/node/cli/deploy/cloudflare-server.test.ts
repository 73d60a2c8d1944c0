import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ACCOUNT, CloudflareServer, TOKEN } from "../../support/cloudflare-server/cloudflare-server.ts";

/** What of the emulation of Cloudflare no deployment shows. */

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
  it("refuses a token that nobody made with 401", async () => {
    expect(await ask("GET /user/tokens/verify", undefined, { token: "?" })).toMatchObject({ status: 401, code: 1000 });
    expect(await ask(`GET ${here}/queues`, undefined, { token: "?" })).toMatchObject({ status: 401, code: 9109 });
  });

  it("asks read for a GET, and edit for all else, of the service in the path", async () => {
    cloudflare.addToken("reader", { accounts: [ACCOUNT], queues: "read", workers_scripts: "none" });
    const asked = (call: string) => ask(call, {}, { token: "reader" });
    expect((await ask(`GET ${here}/queues`, undefined, { token: "reader" })).status).toBe(200);
    for (const call of [`DELETE ${here}/queues/none`, `PATCH ${here}/workers/scripts/none/script-settings`]) {
      expect(await asked(call)).toMatchObject({ status: 403, code: 10_000, message: "Authentication error" });
    }
    expect(await asked(`PATCH ${here}/d1/database/none`)).toMatchObject({ status: 404, code: 7404 });
  });

  it("says of what is not there that it is not, to who may ask", async () => {
    const answers = [
      await ask(`PATCH ${here}/queues/none`, {}),
      await ask(`PATCH ${here}/d1/database/none`, {}),
      await ask(`PATCH ${here}/workers/scripts/none/script-settings`, {}),
      await ask(`DELETE ${here}/workers/scripts/none`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    expect(cloudflare.changes).toEqual([]);
  });

  it("lets a token that may only read query a database, but not write to it", async () => {
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
    cloudflare.addToken("without-settings", { accounts: [ACCOUNT], account_settings: "none", user: "none" });
    expect((await ask("GET /accounts", undefined, { token: "without-settings" })).result).toEqual([]);
    expect((await ask("GET /memberships", undefined, { token: "without-settings" })).status).toBe(403);
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

  it("have no consumer that is not there", async () => {
    const { queue_id } = cloudflare.addQueue("one");
    const consume = await ask(`POST ${here}/queues/${queue_id}/consumers`, { script_name: "none" });
    expect(consume).toMatchObject({ status: 400, message: expect.stringContaining("'none' does not exist") });
  });
});

describe("databases", () => {
  it("run all of a request or none, and name what is wrong as D1 does", async () => {
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

it("has no subdomain under workers.dev for an account until one is registered", async () => {
  cloudflare.account().subdomain = null;
  expect(await ask(`GET ${here}/workers/subdomain`)).toMatchObject({ status: 404, code: 10_007 });
  await ask(`PUT ${here}/workers/subdomain`, { subdomain: "mine" });
  expect((await ask(`GET ${here}/workers/subdomain`)).result).toEqual({ subdomain: "mine" });
});

describe("what goes wrong", () => {
  const create = (name: string) => ask(`POST ${here}/queues`, { queue_name: name });

  it("is done to the n-th call, before its effect or after it", async () => {
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

  it("is done to calls that look as it says, so often", async () => {
    cloudflare.fail({ method: "POST", path: /queues$/, times: 2 }, "rate_limited");
    cloudflare.fail({ path: /database$/ }, "garbage");
    expect((await ask(`GET ${here}/queues`)).status).toBe(200);
    expect([(await create("one")).status, (await create("one")).status, (await create("one")).status]).toEqual([
      429, 429, 200,
    ]);
    await expect(ask(`GET ${here}/d1/database`)).rejects.toThrow(SyntaxError);
  });

  it("hangs until who asks gives up, or until the server stops", async () => {
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
