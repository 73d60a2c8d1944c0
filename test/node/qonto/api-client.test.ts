import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { realWorld } from "../../../src/platform/world.ts";
import { type QontoAccess, QontoClient, TooManyResults } from "../../../src/qonto/api-client.ts";
import { NOBODY, ScriptedServer } from "../cli/scripted-server.ts";

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
