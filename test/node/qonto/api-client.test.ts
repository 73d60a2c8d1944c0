import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { realWorld } from "../../../src/platform/world.ts";
import {
  type QontoAccess,
  QontoClient,
  QontoRefusal,
  QontoUnavailable,
  TooManyResults,
} from "../../../src/qonto/api-client.ts";
import { type Answer, NOBODY, ScriptedServer } from "../cli/scripted-server.ts";

const item = z.object({ id: z.string() });
const progress: string[] = [];
const waits: number[] = [];
const patience = { answersWithinMs: 30_000, mostRetries: 6, longestWaitMs: 120_000 };
const world = { ...realWorld, elapsedMs: () => 0, wait: async (ms: number) => waits.push(ms) };
let api: ScriptedServer;
let client: QontoClient;

const open = (baseUrl: string, access: Partial<QontoAccess> = {}) =>
  new QontoClient({ baseUrl, progress: (text) => progress.push(text), world, patience, ...access });

beforeEach(async () => {
  api = await new ScriptedServer().start();
  progress.length = 0;
  waits.length = 0;
  client = open(api.url);
});
afterEach(() => api.stop());

const list = (query: Parameters<QontoClient["list"]>[3]) =>
  Array.fromAsync(client.list("/v2/transactions", "transactions", item, query));

/** Seconds before each retry of a request that is not told how long to wait. */
const backOffs = [1, 2, 4, 8, 16, 32];

it("backs off from a rate limit without Retry-After, a bounded number of times", async () => {
  api.answer = () => ({ status: 429 });
  await expect(list({})).rejects.toThrow("Qonto refuses (429)");
  expect(api.received).toHaveLength(7);
  expect(waits).toEqual(backOffs.map((seconds) => seconds * 1_000));
  expect(progress).toEqual(
    backOffs.map(
      (seconds, retry) => `Qonto's rate limit is reached: waiting ${seconds} s, then try ${retry + 2} of 7 …`,
    ),
  );
});

it("says on each new try that nobody answers, and why", async () => {
  client = open(NOBODY);
  await expect(list({})).rejects.toThrow("Qonto's API does not answer: nothing listens there.");
  expect(progress).toEqual(
    backOffs.map(
      (seconds, retry) =>
        `Qonto does not answer (nothing listens there): waiting ${seconds} s, then try ${retry + 2} of 7 …`,
    ),
  );
});

it("throws TooManyResults for a query of more results than Qonto lists, and does not end the list", async () => {
  api.answer = ({ query }) => {
    const page = Number(query.get("page"));
    return page > 2
      ? { status: 422, body: {} }
      : { body: { transactions: [{ id: String(page) }], meta: { next_page: page + 1 } } };
  };
  await expect(list({ per_page: 5_000 })).rejects.toThrow("no more than 10000 results");
  expect(await list({ per_page: 3_000 })).toEqual([{ id: "1" }, { id: "2" }]);
});

it("sends each value of a filter", async () => {
  api.answer = () => ({ body: { transactions: [], meta: { next_page: null } } });
  await list({ "status[]": ["pending", "declined"], updated_at_from: undefined });
  expect(api.received[0]?.query.getAll("status[]")).toEqual(["pending", "declined"]);
  expect(api.received[0]?.query.has("updated_at_from")).toBe(false);
});

it("keeps numbers as Qonto wrote them", async () => {
  api.answer = () => ({ headers: { "content-type": "application/json" }, body: '{"amount":12.50}' });
  expect(JSON.stringify(await client.get("/v2/organization", z.unknown()))).toBe('{"amount":12.50}');
});

/** Promises a second page, and refuses it. */
const promising = (answerOf: (asked: number) => object | undefined) => {
  api.answer = ({ query }) => {
    if (query.get("page") === "2") return { status: 422, body: {} };
    return { body: { transactions: [{ id: "1" }], meta: answerOf(api.received.length) } };
  };
};

it("throws TooManyResults when a page is refused that the one before promises", async () => {
  promising(() => ({ next_page: 2, total_count: 2 }));
  await expect(list({})).rejects.toThrow(TooManyResults);
});

it("ends the list when a page is refused that the one before no longer promises", async () => {
  promising((asked) => (asked === 1 ? { next_page: 2, total_count: 2 } : { next_page: null, total_count: 1 }));
  expect(await list({})).toEqual([{ id: "1" }]);
});

it("reads of the page before only whether it still promises the one that is refused", async () => {
  api.answer = ({ query }) => {
    if (query.get("page") === "2") return { status: 422, body: {} };
    if (api.received.length > 1) return { body: { transactions: [{ id: 1 }], meta: { next_page: null } } };
    return { body: { transactions: [{ id: "1" }], meta: { next_page: 2, total_count: 2 } } };
  };
  expect(await list({})).toEqual([{ id: "1" }]);
});

it("reads the number of results from the pages, and Qonto's clock from the answers", async () => {
  api.answer = () => ({
    headers: { date: "Sun, 01 Mar 2026 12:00:00 GMT" },
    body: { transactions: [{ id: "1" }], meta: { next_page: null, total_count: 1 } },
  });
  expect(client.answeredAtMs).toBeNull();
  const page = await client.page("/v2/transactions", "transactions", item);
  expect(page).toEqual({ items: [{ id: "1" }], total: 1, nextPage: null });
  expect(client.answeredAtMs).toBe(Date.parse("2026-03-01T12:00:00Z"));
});

it("waits as long as it is told, in seconds or until a date", async () => {
  const answers = [
    { status: 429, headers: { "retry-after": "7" } },
    { status: 503, headers: { "retry-after": "Sun, 01 Mar 2026 12:00:30 GMT" } },
  ];
  api.answer = () => answers[api.received.length - 1] ?? { body: {} };
  const now = () => Date.parse("2026-03-01T12:00:00Z");
  const waiting = open(api.url, { world: { ...world, now } });
  await waiting.get("/v2/organization", z.unknown());
  expect(waits).toEqual([7_000, 30_000]);
});

it("keeps requests as far apart as it is told", async () => {
  const paced = open(api.url, { spacingMs: 200 });
  await Promise.all([1, 2, 3].map(() => paced.get("/v2/organization", z.unknown())));
  expect(waits).toEqual([200, 400]);
  expect(api.received).toHaveLength(3);
});

it("keeps a retry as far from the request before it", async () => {
  let nowMs = 0;
  const moving = { ...world, elapsedMs: () => nowMs, wait: async (ms: number) => waits.push((nowMs += ms)) };
  api.answer = () => (api.received.length === 1 ? { status: 429, headers: { "retry-after": "0" } } : { body: {} });
  await open(api.url, { spacingMs: 200, world: moving }).get("/v2/organization", z.unknown());
  expect(waits).toEqual([0, 200]);
});

it("does not take the time of a refusal for that of an answer", async () => {
  const date = (minute: number) => ({ date: `Sun, 01 Mar 2026 12:0${minute}:00 GMT` });
  const minuteAfter = Date.parse("2026-03-01T12:01:00Z");
  api.answer = () =>
    api.received.length === 1 ? { headers: date(0), body: {} } : { status: 403, headers: date(1), body: {} };
  await client.get("/v2/organization", z.unknown());
  const clockAheadMs = client.clockAheadMs ?? 0;
  await expect(client.get("/v2/organization", z.unknown())).rejects.toThrow("Qonto refuses (403)");
  expect(client.answeredAtMs).toBe(minuteAfter - 60_000);
  expect(client.clockAheadMs).toBeGreaterThan(clockAheadMs);
});

describe("an access token that can be renewed", () => {
  /** Qonto knows the token of this generation, and each renewal makes the next one. */
  function renewable(known: number) {
    let generation = 1;
    const asked = { header: 0, renewed: 0 };
    api.answer = ({ headers }) =>
      headers.authorization === `Bearer token-${known}` ? { body: { id: "here" } } : { status: 401 };
    const authorization = {
      header: async () => {
        asked.header += 1;
        return `Bearer token-${generation}`;
      },
      renewed: async () => {
        asked.renewed += 1;
        generation += 1;
        return true;
      },
    };
    return { asked, authorization };
  }

  it("is renewed once when Qonto does not know it, and the call repeated", async () => {
    const { asked, authorization } = renewable(2);
    await open(api.url, { authorization }).post("/v2/things", { a: 1 }, item);
    expect(asked).toEqual({ header: 2, renewed: 1 });
    expect(api.received.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}']);
  });

  it("is not renewed again when Qonto does not know the new one either", async () => {
    const { asked, authorization } = renewable(3);
    await expect(open(api.url, { authorization }).get("/v2/things", item)).rejects.toThrow("Qonto refuses (401)");
    expect(asked).toEqual({ header: 2, renewed: 1 });
  });

  it("that was not renewed is not shown again", async () => {
    const { authorization } = renewable(2);
    const lost = { ...authorization, renewed: async () => false };
    await expect(open(api.url, { authorization: lost }).get("/v2/things", item)).rejects.toThrow("(401)");
    expect(api.received).toHaveLength(1);
  });
});

describe("an error", () => {
  const failing = async (answer: Answer): Promise<unknown> => {
    api.answer = () => answer;
    const impatient = { answersWithinMs: 30_000, mostRetries: 0, longestWaitMs: 0 };
    return open(api.url, { patience: impatient })
      .get("/v2/things", item)
      .then(
        () => null,
        (error: unknown) => error,
      );
  };

  it.each([
    [429, { "retry-after": "90" }, 90],
    [429, {}, null],
    [503, { "retry-after": "5" }, 5],
    [500, {}, null],
  ])("of status %i says that the call may succeed later", async (status, headers, retryAfterSeconds) => {
    const error = await failing({ status, headers });
    expect(error).toBeInstanceOf(QontoUnavailable);
    expect(error).toMatchObject({ status, retryAfterSeconds });
  });

  it("without an answer says so", async () => {
    client = open(NOBODY, { patience: { answersWithinMs: 30_000, mostRetries: 0, longestWaitMs: 0 } });
    await expect(client.get("/", item)).rejects.toMatchObject({ name: "QontoUnavailable", status: null });
  });

  it("that Qonto explains has its code and its words, of which the first 200 characters are kept", async () => {
    const error = await failing({ status: 403, body: { errors: [{ code: "forbidden", detail: "x".repeat(500) }] } });
    expect(error).toBeInstanceOf(QontoRefusal);
    expect(error).toMatchObject({ status: 403, code: "forbidden", detail: `${"x".repeat(200)}….` });
  });

  it("is an answer that is not as documented", async () => {
    const error = await failing({ status: 200, body: { name: "no id" } });
    expect(error).toMatchObject({ name: "QontoRefusal", status: 200, detail: "its answer is not as documented (id)." });
  });

  it("is a redirect: the token is not for the host behind it", async () => {
    const error = await failing({ status: 302, headers: { location: `${api.url}/elsewhere` } });
    expect(error).toMatchObject({ name: "QontoRefusal", status: 302 });
    expect(api.received.map(({ path }) => path)).toEqual(["/v2/things"]);
  });
});

it.each([200, 500])("reads no more than 8 MB of an answer of status %i", async (status) => {
  api.answer = () => ({
    status,
    headers: { "content-type": "application/json" },
    body: `["${"x".repeat(8_000_000)}"]`,
  });
  await expect(client.post("/v2/things", {}, z.unknown())).rejects.toMatchObject({
    name: "QontoUnavailable",
    message: "Qonto's API does not answer: the answer is too large.",
  });
  api.answer = () => ({ headers: { "content-type": "application/json" }, body: `"${"x".repeat(7_999_998)}"` });
  expect(await client.get("/v2/things", z.string())).toHaveLength(7_999_998);
});

describe("a Worker, which goes on later,", () => {
  /** Waits end at once, and the timeouts of requests when a test says so. */
  function worker() {
    const timeouts: (() => void)[] = [];
    const setTimer = (ms: number, callback: () => void) => {
      if (ms < 10_000) queueMicrotask(callback);
      else timeouts.push(callback);
      return () => undefined;
    };
    return { timeouts, impatient: new QontoClient({ baseUrl: api.url, world: { ...realWorld, setTimer } }) };
  }

  it.each([
    ["a moment", {}, 2],
    ["two seconds", { "retry-after": "2" }, 2],
    ["three seconds, which it does not wait for", { "retry-after": "3" }, 1],
  ])("asks once more after %s", async (_title, headers, requests) => {
    const { impatient } = worker();
    api.answer = () => ({ status: 429, headers });
    await expect(impatient.get("/v2/things", item)).rejects.toThrow(QontoUnavailable);
    expect(api.received).toHaveLength(requests);
  });

  it("does not repeat what may have changed something", async () => {
    const { impatient } = worker();
    api.answer = () => ({ status: 502 });
    await expect(impatient.post("/v2/things", {}, item)).rejects.toThrow(QontoUnavailable);
    expect(api.received).toHaveLength(1);
  });

  it("hangs up after 10 s", async () => {
    const { impatient, timeouts } = worker();
    api.answer = () => ({ hangs: true });
    const ended = expect(impatient.get("/v2/things", item)).rejects.toThrow(
      "Qonto's API does not answer: no answer in time.",
    );
    for (const requests of [1, 2]) {
      await vi.waitUntil(() => api.received.length === requests, { timeout: 30_000, interval: 5 });
      timeouts.at(-1)?.();
    }
    await ended;
  });
});

it("says nothing of the credentials in its errors", async () => {
  const headers = { "x-qonto-staging-token": "very-secret-staging" };
  const authorization = { header: async () => "Bearer very-secret-token", renewed: async () => false };
  for (const status of [200, 302, 401, 403, 422, 429, 500]) {
    api.answer = () => ({ status, body: status === 200 ? "no JSON" : {} });
    const error = await open(api.url, { headers, authorization })
      .get("/v2/things", item)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain("very-secret");
  }
});

it("shows no credential and no secret that Qonto repeats in an error", async () => {
  const headers = { "x-qonto-staging-token": "very-secret-staging" };
  const authorization = { header: async () => "Bearer very-secret-token", renewed: async () => false };
  const repeating = open(api.url, { headers, authorization });
  api.answer = ({ headers: got, body }) => ({
    status: 422,
    body: {
      detail: `bad: ${body}, ${String(got.authorization)}, ${String(got["x-qonto-staging-token"])}${"x".repeat(200)}`,
    },
  });
  await expect(repeating.post("/v2/things", { secret: "whsec_very-secret", types: [] }, item)).rejects.toMatchObject({
    detail: expect.stringContaining('bad: {"secret":"[secret]","types":[]}, Bearer [secret], [secret]xx'),
  });
});
