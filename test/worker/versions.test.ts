import { env } from "cloudflare:workers";
import { array, assert, constantFrom, property, shuffledSubarray } from "fast-check";
import { beforeEach, expect, it } from "vitest";
import { keepCopy } from "../support/keep-copy.ts";
import { permutations } from "./support/permutations.ts";
import { TestRelay, emptyDatabase } from "./support/relay.ts";
import { statuses } from "./support/destinations.ts";

const texts = import.meta.glob<string>(["../../src/retry/README.md", "../support/keep-copy.ts"], {
  eager: true,
  query: "?raw",
  import: "default",
});
const deliveriesReadme = texts["../../src/retry/README.md"] ?? "";
const keepCopySource = texts["../support/keep-copy.ts"] ?? "";

const URL_OF_RECEIVER = "https://receiver.example.com/";

const transaction = (id: string, resource: string, second: number, event = "updated") => ({
  id,
  type: "v1/transactions",
  organization_id: "org-1",
  created_at: `2026-11-24T10:00:0${second}Z`,
  data: { id: resource, event, updated_at: `2026-11-24T10:00:0${second}Z`, second },
});

const link = (id: string, second: number) => ({
  id,
  type: "v1/payment-links",
  organization_id: "org-1",
  created_at: `2026-11-24T10:00:0${second}Z`,
  data: { payment_link_id: "link", event: "updated", second },
});

const payloads = [
  transaction("e1", "a", 1, "created"),
  transaction("e2", "a", 2),
  // Of the same instant: the lifecycle decides.
  transaction("e3", "a", 2, "deleted"),
  transaction("e4", "b", 1, "created"),
  transaction("e5", "b", 3),
  link("e6", 1),
  link("e7", 2),
];

beforeEach(emptyDatabase);

async function startRelay() {
  const relay = new TestRelay();
  await relay.addDestination(URL_OF_RECEIVER);
  return relay;
}

const received = (relay: TestRelay) => relay.destinations.at(URL_OF_RECEIVER);

/** The state of the relay by type and resource, as far as a copy has it. */
async function stateOf() {
  const { results } = await env.DB.prepare(
    `SELECT resources.type, resources.resource_id AS id, resources.version, deleted, body -> 'data' AS data
     FROM resources JOIN events ON events.seq = event_seq ORDER BY 1, 2`,
  ).all<{ type: string; id: string; version: string; deleted: number; data: string }>();
  return results;
}

it("says nothing of a version where the event is about no resource", async () => {
  const relay = await startRelay();
  await relay.send({ id: "e1", type: "v1/transactions", created_at: "2026-11-24T10:00:00Z", data: {} });
  await relay.runQueues();
  expect(received(relay)[0]?.headers.has("x-relay-resource-version")).toBe(false);
});

it("sends the version of the state, also of a registration, and the same with a retry and a replay", async () => {
  const relay = await startRelay();
  relay.destinations.answer(URL_OF_RECEIVER, statuses(503, 200));
  await relay.send(transaction("e1", "a", 1));
  await relay.runQueues();
  relay.passSeconds(10);
  await relay.runQueues();
  await relay.api("POST", "/api/events/e1/replay", {});
  await relay.runQueues();
  const [state] = await stateOf();
  const versions = received(relay).map(({ headers }) => headers.get("x-relay-resource-version"));
  expect(versions.length).toBeGreaterThanOrEqual(2);
  expect(new Set(versions)).toEqual(new Set([state?.version]));
  expect(received(relay).some(({ headers }) => headers.has("x-relay-superseded"))).toBe(false);
});

it("marks an attempt as superseded when a newer version is known: the first one, and a retry", async () => {
  const relay = await startRelay();
  relay.destinations.answer(URL_OF_RECEIVER, statuses(503, 200));
  await relay.send(transaction("e2", "a", 2));
  await relay.runQueues();
  await relay.send(transaction("e3", "a", 3));
  await relay.runQueues();
  await relay.send(transaction("e1", "a", 1));
  await relay.runQueues();
  relay.passSeconds(10);
  await relay.runQueues();
  const marks = received(relay).map(({ headers }) => [
    headers.get("webhook-id"),
    headers.get("x-relay-attempt"),
    headers.get("x-relay-superseded"),
  ]);
  expect(marks).toEqual([
    ["e2", "1", null],
    ["e3", "1", null],
    ["e1", "1", "true"],
    ["e2", "2", "true"],
  ]);
});

/** The events e1 and e2 were sent; their consumer has to record them itself. */
async function expectOnlyNewestIsCurrent(relay: TestRelay) {
  await env.DB.exec("DELETE FROM events");
  await relay.runQueues();
  const marks = received(relay).map(({ headers }) => [headers.get("webhook-id"), headers.get("x-relay-superseded")]);
  expect(marks.toSorted()).toEqual([
    ["e1", "true"],
    ["e2", null],
  ]);
}

it("of events in one message only the newest is not superseded", async () => {
  const relay = await startRelay();
  await relay.sendTogether([transaction("e1", "a", 1), transaction("e2", "a", 2)]);
  await expectOnlyNewestIsCurrent(relay);
});

it("of the stages of a registration in one message only the newest is not superseded", async () => {
  const relay = await startRelay();
  const stage = (id: string, event_type: string, second: number) =>
    relay.sendOnboarding({ id, event_type, resource_id: "reg-1", created_at: `2026-11-24T10:00:0${second}Z` });
  await Promise.all([stage("e1", "registrations.user_started", 1), stage("e2", "registrations.completed", 2)]);
  await expectOnlyNewestIsCurrent(relay);
});

/** What a receiver got of all payloads, once. */
async function deliveriesOfAll() {
  const relay = await startRelay();
  for (const payload of payloads) await relay.send(payload);
  await relay.runQueues();
  const deliveries = received(relay).map(({ headers, text }) => ({ headers, body: JSON.parse(text) }));
  expect(deliveries).toHaveLength(payloads.length);
  return deliveries;
}

it("a receiver that keeps the greater version ends equal to the state, whatever order and repetition", async () => {
  const deliveries = await deliveriesOfAll();
  const state = await stateOf();
  expect(state).toHaveLength(3);
  const expected = new Map(
    state.map(({ type, id, version, deleted, data }) => [
      JSON.stringify(["org-1", type, id]),
      { version, isDeleted: deleted === 1, data: JSON.parse(data) },
    ]),
  );
  const shuffled = array(constantFrom(...deliveries), { maxLength: 20 }).chain((repeated) =>
    shuffledSubarray([...deliveries, ...repeated], { minLength: deliveries.length + repeated.length }),
  );
  assert(
    property(shuffled, (arrivals) => {
      const copies = new Map();
      for (const { headers, body } of arrivals) keepCopy(copies, headers, body);
      expect(copies).toEqual(expected);
    }),
  );
});

it("so does the statement in SQL", async () => {
  const deliveries = (await deliveriesOfAll()).filter(({ body }) => body.data.id === "a");
  const [, sql] = /```sql\n([^`]+)```/.exec(deliveriesReadme) ?? [];
  if (sql === undefined) throw new Error("The document has no statement");
  const [state] = (await stateOf()).filter(({ id }) => id === "a");
  await env.DB.prepare(
    `CREATE TABLE copies (organization_id TEXT, type TEXT, resource_id TEXT, version TEXT, deleted INTEGER, data TEXT,
     PRIMARY KEY (organization_id, type, resource_id))`,
  ).run();
  try {
    const statement = env.DB.prepare(sql.replaceAll("$", "?"));
    for (const order of permutations(deliveries)) {
      const writes = [...order, ...order].map(({ headers, body }) => {
        const isDeleted = body.data.event === "deleted" ? 1 : 0;
        const version = headers.get("x-relay-resource-version");
        return statement.bind("org-1", body.type, body.data.id, version, isDeleted, JSON.stringify(body.data));
      });
      await env.DB.batch([env.DB.prepare("DELETE FROM copies"), ...writes]);
      const { results } = await env.DB.prepare(
        "SELECT type, resource_id AS id, version, deleted, data FROM copies",
      ).all();
      expect(results).toEqual([state]);
    }
  } finally {
    await env.DB.prepare("DROP TABLE copies").run();
  }
});

it("the document shows the receiver that is tested here", () => {
  const [, shown] = /```ts\n(\/\/ The fields[^`]+)```/.exec(deliveriesReadme) ?? [];
  expect(keepCopySource.replace("export function", "function")).toContain(shown);
});
