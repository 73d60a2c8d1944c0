import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { decrypt } from "../../../src/platform/encryption.ts";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { makePayload } from "../../support/qonto.ts";
import { type Intercept, Meter, failing, interceptDatabase, never } from "../support/database.ts";
import { ENCRYPTION_KEY, TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";
const KEY = "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11";

interface Post {
  readonly path: string;
  readonly body?: object;
  readonly key?: string;
  readonly token?: string;
  readonly method?: string;
}

async function post(relay: TestRelay, { path, body, key = KEY, token = ADMIN_TOKEN, method = "POST" }: Post) {
  const response = await relay.fetch(path, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
}

const creation = { path: "/api/destinations", body: { url } };

const rowsOf = async (table: string) => (await env.DB.prepare(`SELECT * FROM ${table}`).all<any>()).results;

describe("a request that is repeated under its key", () => {
  it("creates one destination, and gets the same answer byte for byte, with its secret", async () => {
    const relay = new TestRelay();
    const first = await post(relay, creation);
    expect(first.status).toBe(201);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    relay.passSeconds(3_600);
    const second = await post(relay, creation);
    expect(second.status).toBe(201);
    expect(second.text).toBe(first.text);
    expect(second.headers.get("content-type")).toBe(first.headers.get("content-type"));
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await rowsOf("destinations")).toHaveLength(1);
    expect(JSON.stringify(await rowsOf("idempotency_keys"))).not.toContain(first.body.secret.slice(6));
  });

  it("is done once, for every operation", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    await relay.runQueues();
    const since = new Date(relay.now - 60_000).toISOString();
    const requests = [
      { path: "/api/tokens", body: { name: "ci", access: "read" } },
      { path: `/api/destinations/${id}/rotate-secret`, body: {} },
      { path: `/api/destinations/${id}/replay`, body: { since, which: "all" } },
      { path: `/api/destinations/${id}/test` },
      { path: `/api/events/${payload.id}/replay`, body: { destination_id: id } },
    ];
    for (const [index, request] of requests.entries()) {
      const made = async () => [
        (await rowsOf("tokens")).length,
        (await rowsOf("replays")).length,
        (await rowsOf("audit")).length,
        (await rowsOf("destinations"))[0].secret,
        relay.destinations.at(url).length,
      ];
      const first = await post(relay, { ...request, key: `key-${index}` });
      expect(first.status).toBeLessThan(300);
      const before = await made();
      const second = await post(relay, { ...request, key: `key-${index}` });
      expect([second.status, second.text]).toEqual([first.status, first.text]);
      expect(second.headers.get("idempotency-replayed")).toBe("true");
      expect(await made()).toEqual(before);
    }
  });

  it("is refused with 422 when its body, path or query differs", async () => {
    const relay = new TestRelay();
    await post(relay, creation);
    for (const other of [
      { ...creation, body: { url, enabled: false } },
      { ...creation, path: "/api/tokens" },
      { ...creation, path: "/api/destinations?x=1" },
    ]) {
      expect(await post(relay, other)).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } });
    }
    expect(await rowsOf("destinations")).toHaveLength(1);
  });

  it("belongs to its token: another token's request under the same key is done as well", async () => {
    const relay = new TestRelay();
    const { body } = await relay.api("POST", "/api/tokens", { name: "ci", access: "full" });
    await post(relay, creation);
    const other = await post(relay, { ...creation, token: body.token });
    expect([other.status, other.headers.get("idempotency-replayed")]).toEqual([201, null]);
    expect(await rowsOf("destinations")).toHaveLength(2);
  });

  it("is done again after a day, once the cron has deleted the key", async () => {
    const relay = new TestRelay();
    await post(relay, creation);
    relay.passSeconds(86_400 - 1);
    await relay.runCron();
    expect((await post(relay, creation)).headers.get("idempotency-replayed")).toBe("true");
    relay.passSeconds(1);
    expect((await post(relay, creation)).headers.get("idempotency-replayed")).toBeNull();
    expect(await rowsOf("destinations")).toHaveLength(2);
    relay.passSeconds(86_401);
    await relay.runCron();
    expect(await rowsOf("idempotency_keys")).toEqual([]);
  });

  it("is refused, and makes nothing, once the encryption key of its answer is gone", async () => {
    const relay = new TestRelay({ ENCRYPTION_KEYS: "old" });
    await post(relay, creation);
    relay.env = { ...relay.env, ENCRYPTION_KEYS: "new" };
    expect(await post(relay, creation)).toMatchObject({
      status: 422,
      body: { code: "idempotency_key_reused", detail: expect.stringContaining("can no longer be decrypted") },
    });
    expect(await rowsOf("destinations")).toHaveLength(1);
  });
});

describe("a request under a key", () => {
  it("that is refused frees the key", async () => {
    const relay = new TestRelay();
    expect((await post(relay, { ...creation, body: { url: "http://10.0.0.1/" } })).status).toBe(400);
    expect(await rowsOf("idempotency_keys")).toEqual([]);
    expect((await post(relay, creation)).status).toBe(201);
  });

  it("that failed with a 5xx may be repeated at once", async () => {
    const relay = new TestRelay();
    const { DB } = relay.env;
    const isInsertion = (statements: readonly string[]) => statements[0]?.includes("INSERT INTO destinations") === true;
    const intercept: Intercept = (call, proceed) => (isInsertion(call.statements) ? failing(call, proceed) : proceed());
    relay.env = { ...relay.env, DB: interceptDatabase(DB, intercept) };
    expect((await post(relay, creation)).status).toBe(500);
    relay.env = { ...relay.env, DB };
    expect((await post(relay, creation)).status).toBe(201);
    expect(await rowsOf("destinations")).toHaveLength(1);
  });

  it("that is in progress is refused with 409 until its lease expires", async () => {
    const relay = new TestRelay();
    let isSecond = false;
    const second = Promise.withResolvers<Awaited<ReturnType<typeof post>>>();
    const intercept: Intercept = async ({ statements }, proceed) => {
      if (!isSecond && statements[0]?.includes("INSERT INTO destinations") === true) {
        isSecond = true;
        relay.passSeconds(20);
        second.resolve(await post(relay, creation));
      }
      return proceed();
    };
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, intercept) };
    const first = await post(relay, creation);
    const { status, headers, body } = await second.promise;
    expect([status, body.code, headers.get("retry-after")]).toEqual([409, "idempotency_in_progress", "40"]);
    expect(first.status).toBe(201);
    expect(await rowsOf("destinations")).toHaveLength(1);
  });

  it.each(["", "a b", "é", "a,b\tc", "x".repeat(256)])("is refused with the invalid key %j", async (key) => {
    const answer = await post(new TestRelay(), { ...creation, key });
    expect(answer).toMatchObject({
      status: 400,
      body: { code: "invalid_request", errors: [{ path: "idempotency-key" }] },
    });
    expect(await rowsOf("destinations")).toEqual([]);
  });

  it.each(["!", "~".repeat(255)])("accepts the key %j", async (key) => {
    expect((await post(new TestRelay(), { ...creation, key })).status).toBe(201);
  });

  it("costs two more D1 calls with a key, and none without", async () => {
    const relay = new TestRelay();
    const costOf = async (work: () => Promise<unknown>) => {
      const meter = new Meter();
      relay.env = { ...relay.env, DB: interceptDatabase(env.DB, meter.intercept) };
      await work();
      return meter.calls;
    };
    const without = await costOf(() => relay.api("POST", creation.path, creation.body));
    expect(await costOf(() => post(relay, creation))).toBe(without + 2);
    expect(await costOf(() => post(relay, { path: "/api/destinations", method: "GET" }))).toBe(1);
  });
});

/** More than any of these requests makes. */
const MOST_CALLS = 30;

/** D1 whose caller dies with its call of that number, before it is done or behind it. */
function dyingAt(call: number, isDone: boolean) {
  let calls = 0;
  const intercept: Intercept = async (_call, proceed) => {
    calls += 1;
    if (calls < call) return proceed();
    if (calls === call && isDone) await proceed();
    return never;
  };
  return { intercept, reached: () => calls >= call };
}

describe("a request whose isolate dies, anywhere, and that is repeated under its key", () => {
  /** Repeats a request that is cut short at each of its D1 calls; `check` looks at what has been made. */
  async function cutShort(
    prepare: (relay: TestRelay) => Promise<Post>,
    check: (answer: any, relay: TestRelay) => Promise<void>,
  ): Promise<number> {
    let deaths = 0;
    for (let call = 1, goesOn = true; goesOn && call <= MOST_CALLS; call += 1) {
      for (const isDone of [false, true]) {
        await emptyDatabase();
        const relay = new TestRelay();
        const request = await prepare(relay);
        const { DB } = relay.env;
        const { intercept, reached } = dyingAt(call, isDone);
        relay.env = { ...relay.env, DB: interceptDatabase(DB, intercept) };
        const died = await post(relay, request).then(
          () => false,
          () => true,
        );
        goesOn = died && reached();
        relay.env = { ...relay.env, DB };
        relay.passSeconds(1);
        await relay.runQueues();
        relay.passSeconds(60);
        const { status, body } = await post(relay, request);
        expect(status).toBeLessThan(300);
        await check(body, relay);
        if (died) deaths += 1;
      }
    }
    return deaths;
  }

  it("creates one destination, with the secret that it shows", async () => {
    const deaths = await cutShort(
      async () => creation,
      async ({ id, secret }) => {
        const rows = await rowsOf("destinations");
        expect(rows.map((row) => row.id)).toEqual([id]);
        expect(await decrypt([ENCRYPTION_KEY], rows[0].secret, id)).toBe(secret);
        expect((await rowsOf("audit")).map(({ subject, outcome }) => [subject, outcome])).toEqual([[id, "done"]]);
      },
    );
    expect(deaths).toBeGreaterThanOrEqual(8);
  });

  it("creates one token, which works", async () => {
    const deaths = await cutShort(
      async () => ({ path: "/api/tokens", body: { name: "ci", access: "read" } }),
      async ({ id, token }, relay) => {
        expect((await rowsOf("tokens")).map((row) => row.id)).toEqual([id]);
        const headers = { authorization: `Bearer ${token}` };
        expect((await relay.fetch("/api/events", { headers })).status).toBe(200);
      },
    );
    expect(deaths).toBeGreaterThanOrEqual(8);
  });

  it("rotates a secret once", async () => {
    const deaths = await cutShort(
      async (relay) => ({ path: `/api/destinations/${(await relay.addDestination(url)).id}/rotate-secret`, body: {} }),
      async ({ secret }) => {
        const [row] = await rowsOf("destinations");
        expect(await decrypt([ENCRYPTION_KEY], row.secret, row.id)).toBe(secret);
        expect(JSON.parse(row.previous_secrets)).toHaveLength(1);
      },
    );
    expect(deaths).toBeGreaterThanOrEqual(8);
  });

  it.each([200, 500])("replays an event once to a destination that answers %i", async (answer) => {
    const deaths = await cutShort(
      async (relay) => {
        const { id } = await relay.addDestination(url, { retry_schedule_seconds: [86_400] });
        relay.destinations.answer(url, statuses(200, answer));
        const payload = makePayload("v1/cards");
        await relay.send(payload);
        await relay.runQueues();
        return { path: `/api/events/${payload.id}/replay`, body: { destination_id: id } };
      },
      async (_answer, relay) => {
        await relay.runQueues();
        expect(relay.destinations.at(url)).toHaveLength(2);
      },
    );
    expect(deaths).toBeGreaterThanOrEqual(8);
  });

  it("starts one replay", async () => {
    const deaths = await cutShort(
      async (relay) => {
        const { id } = await relay.addDestination(url);
        const body = { since: new Date(relay.now - 60_000).toISOString(), which: "missing" };
        return { path: `/api/destinations/${id}/replay`, body };
      },
      async ({ replay_id }) => expect((await rowsOf("replays")).map((row) => row.id)).toEqual([replay_id]),
    );
    expect(deaths).toBeGreaterThanOrEqual(8);
  });
});

it("an overlap begins when the secret is stored, however long ago the first try was", async () => {
  const relay = new TestRelay();
  const { id } = await relay.addDestination(url);
  const request = { path: `/api/destinations/${id}/rotate-secret`, body: { overlap_seconds: 30 } };
  const { DB } = relay.env;
  const intercept: Intercept = (call, proceed) =>
    call.statements.some((sql) => sql.includes("previous_secrets = iif")) ? failing(call, proceed) : proceed();
  relay.env = { ...relay.env, DB: interceptDatabase(DB, intercept) };
  expect((await post(relay, request)).status).toBe(500);
  relay.env = { ...relay.env, DB };
  relay.passSeconds(7_200);
  expect((await post(relay, request)).status).toBe(200);
  const [{ previous_secrets }] = await rowsOf("destinations");
  expect(JSON.parse(previous_secrets)).toMatchObject([{ until: relay.now + 30_000 }]);
});

it("the document describes the key and its refusals for every POST", async () => {
  const { paths } = await (await new TestRelay().fetch("/openapi.json")).json<{ paths: Record<string, any> }>();
  const posts = Object.values(paths).flatMap((path) => (path.post === undefined ? [] : [path.post]));
  expect(posts.length).toBeGreaterThanOrEqual(9);
  for (const { operationId, parameters, responses } of posts) {
    expect(parameters, operationId).toContainEqual(
      expect.objectContaining({
        name: "Idempotency-Key",
        in: "header",
        schema: expect.objectContaining({ maxLength: 255 }),
      }),
    );
    expect(responses[409].description, operationId).toContain("idempotency_in_progress");
    expect(responses[422].description, operationId).toContain("idempotency_key_reused");
  }
});
