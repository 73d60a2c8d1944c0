import { beforeEach, describe, expect, it } from "vitest";
import { readLastRun } from "../../../src/connection/run.ts";
import { type Item, idOf, listedTypes, makeableTypes } from "../../support/qonto-server/bank.ts";
import { requestReconciliation } from "../../../src/store/reconciliation.ts";
import { database } from "../support/store.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import {
  DESTINATION,
  type Scene,
  connected,
  connectionOf,
  countRows,
  deliveredIds,
  filled,
  reconcile,
  reconcileWhole,
} from "./reconciling.ts";

beforeEach(emptyDatabase);

const organizationOf = (relay: TestRelay) => relay.qonto.bank.organizationId;

/** Everything that the relay says of the organization, by type and id. */
async function stateOf(relay: TestRelay): Promise<Map<string, any>> {
  const path = `/api/organizations/${organizationOf(relay)}/resources?limit=100`;
  const { body } = await relay.api("GET", path);
  expect(body.next_cursor).toBeNull();
  return new Map(body.data.map((one: any) => [`${one.type} ${one.resource_id}`, one]));
}

/** Every item of the bank is in the state with all its fields, and nothing else is. */
async function expectStateOfBank(relay: TestRelay): Promise<void> {
  const state = await stateOf(relay);
  const items = listedTypes.flatMap((type) => relay.qonto.bank.all(type).map((item) => ({ type, item })));
  expect([...state.keys()].toSorted()).toEqual(items.map(({ type, item }) => `${type} ${idOf(type, item)}`).toSorted());
  for (const { type, item } of items) {
    expect(state.get(`${type} ${idOf(type, item)}`).data).toMatchObject(comparable(item));
  }
}

/** What is listed without a date is dated by its event. */
function comparable({ updated_at: _date, ...item }: Item): Item {
  return item;
}

function makeOneOfEach({ qonto }: TestRelay): void {
  for (const type of makeableTypes) qonto.bank.make(type);
}

describe("after connecting", () => {
  it("the state of every type is filled, and no destination gets anything", async () => {
    const { relay, id } = await connected(makeOneOfEach);
    expect(await reconcile(relay, id)).toEqual({
      'qonto_relay_reconciled_events_total{difference="missing",road="history"}': await countRows("resources"),
    });
    await relay.runQueues();
    await expectStateOfBank(relay);
    expect(deliveredIds(relay)).toEqual([]);
    expect(relay.events.sent).toEqual([]);
    const { reconciledUntil, lastReconciliation } = await connectionOf(id);
    expect(reconciledUntil).toBe(relay.now);
    expect(readLastRun(lastReconciliation)).toMatchObject({ kind: "fill", as_of: relay.now });
  });

  it("a destination gets what it lacks of it by a replay, marked and once", async () => {
    const { relay, id } = await connected(makeOneOfEach);
    await reconcileWhole(relay, id);
    const { body } = await relay.api("GET", "/api/destinations");
    const replay = { since: "2016-01-01T00:00:00Z", which: "missing" };
    for (const count of [await countRows("events"), 0]) {
      expect(await relay.api("POST", `/api/destinations/${body.data[0].id}/replay`, replay)).toMatchObject({
        status: 202,
        body: { count },
      });
      await relay.runCron();
      await relay.runQueues();
    }
    const requests = relay.destinations.at(DESTINATION);
    expect(requests).toHaveLength(await countRows("events"));
    expect(new Set(deliveredIds(relay)).size).toBe(requests.length);
    expect(new Set(requests.map(({ headers }) => headers.get("x-relay-reconciled")))).toEqual(new Set(["true"]));
  });

  it("what changed since goes to the destinations, and nobody is told of a loss", async () => {
    const { relay, id } = await connected(makeOneOfEach);
    const operations = "https://operations.example.com/hook";
    await relay.addDestination(operations, { types: ["relay.*"] });
    relay.passSeconds(60);
    const changed = relay.qonto.bank.make("v1/transfers");
    await reconcileWhole(relay, id);
    await relay.runQueues();
    const bodies = relay.destinations.at(DESTINATION).map(({ text }) => JSON.parse(text));
    expect(bodies.map(({ data }) => data.id)).toEqual([changed["id"]]);
    expect(relay.destinations.at(operations)).toEqual([]);
    await expectStateOfBank(relay);
  });

  it("nothing is missed of what the relay already has", async () => {
    const { relay, id } = await connected();
    const card = relay.qonto.bank.make("v1/cards");
    await relay.send(relay.qonto.eventOf("v1/cards", card, "created"));
    await relay.runQueues();
    await reconcileWhole(relay, id);
    expect((await connectionOf(id)).lastReconciliation).not.toBeNull();
    expect(typesOf(await connectionOf(id)).get("v1/cards")).toMatchObject({ listed: 1, missing: 0, drifted: 0 });
  });
});

const deliveredSeries = (difference: "missing" | "drifted") =>
  `qonto_relay_reconciled_events_total{difference="${difference}",road="delivery"}`;

const typesOf = ({ lastReconciliation }: { lastReconciliation: string | null }) =>
  new Map(readLastRun(lastReconciliation)?.types.map((one) => [one.type, one]));

/** A day on which no webhook came: something new and something changed of each type that has a date or not. */
function loseADay({ relay }: Scene): number {
  const { bank } = relay.qonto;
  const changed = ["v1/transactions", "v1/beneficiaries", "v1/client-invoices", "v1/cards"] as const;
  for (const type of changed) bank.change(type, idOf(type, bank.all(type)[0] ?? {}), { status: "declined" });
  for (const type of makeableTypes) bank.make(type);
  relay.passSeconds(3600);
  return changed.length + makeableTypes.length;
}

describe("a day of lost webhooks", () => {
  it("is found in one run of the cron, and goes to each destination that matches, once", async () => {
    const scene = await filled(makeOneOfEach);
    const { relay, id } = scene;
    const cards = "https://cards.example.com/hook";
    await relay.addDestination(cards, { types: ["v1/cards"] });
    const lost = loseADay(scene);
    const counts = await reconcile(relay, id);
    await relay.runQueues();
    await expectStateOfBank(relay);
    expect(deliveredIds(relay)).toHaveLength(lost);
    expect(new Set(deliveredIds(relay)).size).toBe(lost);
    expect(relay.destinations.at(cards)).toHaveLength(2);
    expect(counts).toEqual({
      [deliveredSeries("missing")]: lost - 4,
      [deliveredSeries("drifted")]: 4,
    });
    expect((await connectionOf(id)).reconciledUntil).toBe(relay.now - 60_000);
  });

  it("is told to those who ask for that, with the counts", async () => {
    const scene = await filled(makeOneOfEach);
    const { relay, id } = scene;
    const operations = "https://operations.example.com/hook";
    await relay.addDestination(operations, { types: ["relay.*"] });
    const lost = loseADay(scene);
    await reconcile(relay, id);
    await relay.runQueues();
    const told = relay.destinations.at(operations).map(({ text }) => JSON.parse(text));
    expect(told).toMatchObject([
      { type: "relay.reconciliation.recovered", data: { connection_id: id, missing: lost - 4, drifted: 4 } },
    ]);
    relay.passSeconds(3600);
    await reconcile(relay, id);
    await relay.runQueues();
    expect(relay.destinations.at(operations)).toHaveLength(1);
  });

  it("is found once, and not again while its events are pending", async () => {
    const scene = await filled(makeOneOfEach);
    const { relay, id } = scene;
    const lost = loseADay(scene);
    await reconcile(relay, id);
    const events = await countRows("events");
    relay.passSeconds(3600);
    const counts = await reconcile(relay, id);
    expect(counts).toEqual({});
    expect(await countRows("events")).toBe(events);
    await relay.runQueues();
    expect(deliveredIds(relay)).toHaveLength(lost);
  });

  it("ends with the webhooks' own word, should they still come", async () => {
    const scene = await filled();
    const { relay, id } = scene;
    const dated = relay.qonto.bank.make("v1/transfers");
    const undated = relay.qonto.bank.make("v1/memberships");
    relay.passSeconds(61);
    const webhooks = [
      relay.qonto.eventOf("v1/transfers", { ...dated, reference: "of the webhook" }, "created"),
      relay.qonto.eventOf("v1/memberships", { ...undated, role: "of the webhook" }, "updated"),
    ];
    await reconcile(relay, id);
    await relay.runQueues();
    for (const webhook of webhooks) await relay.send({ ...webhook, created_at: new Date(relay.now + 5).toISOString() });
    await relay.runQueues();
    const state = await stateOf(relay);
    expect(state.get(`v1/transfers ${String(dated["id"])}`).data.reference).toBe("of the webhook");
    expect(state.get(`v1/memberships ${String(undated["id"])}`).data.role).toBe("of the webhook");
    const before = await countRows("events");
    relay.passSeconds(3600);
    relay.qonto.bank.change("v1/memberships", String(undated["id"]), { role: "of the webhook" });
    relay.qonto.bank.change("v1/transfers", String(dated["id"]), {
      reference: "of the webhook",
      updated_at: dated["updated_at"],
    });
    await reconcile(relay, id);
    expect(await countRows("events")).toBe(before);
  });

  it("is nothing that has just changed: an hourly run leaves that to its webhook, and the next one finds it", async () => {
    const { relay, id } = await filled();
    relay.qonto.bank.make("v1/transfers");
    relay.passSeconds(5);
    expect(await reconcile(relay, id)).toEqual({});
    relay.passSeconds(3600);
    expect(await reconcile(relay, id)).toEqual({ [deliveredSeries("missing")]: 1 });
  });
});

describe("an account whose balance changes without its date", () => {
  async function filledWithAccount() {
    const scene = await filled();
    const { relay } = scene;
    const [account = {}] = relay.qonto.bank.all("v1/accounts");
    const { updated_at } = account;
    const accountId = idOf("v1/accounts", account);
    return {
      ...scene,
      /** As the API writes it. */
      change: (authorized_balance: number) =>
        relay.qonto.bank.change("v1/accounts", accountId, { updated_at, authorized_balance }),
      /** As webhooks write it. */
      send: async (amount: string) => {
        const changed = { ...account, authorized_balance: { amount, currency: "EUR" } };
        await relay.send(relay.qonto.eventOf("v1/accounts", changed, "updated"));
        await relay.runQueues();
      },
      balance: async () => (await stateOf(relay)).get(`v1/accounts ${accountId}`).data.authorized_balance,
    };
  }

  it("is found once for each change, and becomes the state", async () => {
    const { relay, id, change, balance } = await filledWithAccount();
    for (const changed of [1, 2, 1]) {
      change(changed);
      const found = [await reconcile(relay, id)];
      relay.passSeconds(3600);
      found.push(await reconcile(relay, id));
      await relay.runQueues();
      relay.passSeconds(3600);
      expect(await balance()).toBe(changed);
      found.push(await reconcile(relay, id));
      relay.passSeconds(3600);
      expect(found.map((counts) => Object.values(counts))).toEqual([[1], [], []]);
    }
    expect(deliveredIds(relay)).toHaveLength(3);
  });

  it("is no difference where a webhook has told it in its own form", async () => {
    const { relay, id, change, send } = await filledWithAccount();
    change(1);
    await send("1.00");
    relay.passSeconds(3600);
    expect(await reconcile(relay, id)).toEqual({});
  });

  it("is as a webhook says that was created later, with the same date", async () => {
    const { relay, id, change, send, balance } = await filledWithAccount();
    change(1);
    await reconcile(relay, id);
    await relay.runQueues();
    relay.passSeconds(600);
    await send("2.00");
    expect(await balance()).toEqual({ amount: "2.00", currency: "EUR" });
  });

  it("is left to the next run when a webhook was created since this one began", async () => {
    const { relay, id, change, send, balance } = await filledWithAccount();
    await reconcile(relay, id, { requests: 2 });
    await send("2.00");
    change(1);
    await reconcileWhole(relay, id);
    await relay.runQueues();
    expect(await balance()).toEqual({ amount: "2.00", currency: "EUR" });
    relay.passSeconds(3600);
    await reconcileWhole(relay, id);
    await relay.runQueues();
    expect(await balance()).toBe(1);
  });
});

it("what Qonto shows late, dated before the last reconciliation, is found by the next one", async () => {
  const { relay, id } = await filled();
  await reconcile(relay, id);
  relay.qonto.bank.make("v1/transfers", { updated_at: new Date(relay.now - 1_800_000).toISOString() });
  relay.passSeconds(3600);
  expect(await reconcile(relay, id)).toEqual({ [deliveredSeries("missing")]: 1 });
});

describe("a request of the operator's", () => {
  it("finds what has just changed", async () => {
    const { relay, id } = await filled();
    relay.qonto.bank.make("v1/transfers");
    expect(await requestReconciliation(database, id, { now: relay.now, since: null })).toBe(true);
    expect(await reconcile(relay, id)).toEqual({ [deliveredSeries("missing")]: 1 });
  });

  it("reads from the time that it names", async () => {
    const { relay, id } = await filled();
    const lostAt = relay.now;
    // Qonto dates it before it shows it.
    relay.passSeconds(36_000);
    await reconcile(relay, id);
    relay.qonto.bank.make("v1/transfers", { updated_at: new Date(lostAt).toISOString() });
    relay.passSeconds(3600);
    expect(await reconcile(relay, id)).toEqual({});
    await requestReconciliation(database, id, { now: relay.now, since: lostAt });
    await requestReconciliation(database, id, { now: relay.now, since: relay.now });
    expect(await reconcile(relay, id)).toEqual({ [deliveredSeries("missing")]: 1 });
    expect((await connectionOf(id)).reconciliationSince).toBeNull();
  });

  it("floods no destination with changes of before it was connected", async () => {
    const { relay, id } = await filled();
    const updated_at = new Date(relay.now - 200 * 86_400_000).toISOString();
    for (const type of ["v1/transactions", "v1/transfers"] as const) relay.qonto.bank.make(type, { updated_at });
    await requestReconciliation(database, id, { now: relay.now, since: 0 });
    await reconcile(relay, id);
    await relay.runQueues();
    expect(typesOf(await connectionOf(id)).get("v1/transactions")).toMatchObject({ missing: 1 });
    expect((await stateOf(relay)).size).toBe(await countRows("resources"));
    expect(deliveredIds(relay)).toEqual([]);
  });

  it("is kept while another run is in progress, which has begun before", async () => {
    const { relay, id } = await filled();
    await reconcile(relay, id, { requests: 2 });
    relay.passSeconds(1);
    await requestReconciliation(database, id, { now: relay.now, since: 1 });
    await reconcile(relay, id);
    expect(await connectionOf(id)).toMatchObject({
      reconciliation: null,
      reconciliationDueAt: relay.now,
      reconciliationSince: 1,
    });
    await reconcile(relay, id);
    expect((await connectionOf(id)).reconciliationSince).toBeNull();
  });

  it("is refused for a connection that is not there", async () => {
    expect(await requestReconciliation(database, "unknown", { now: 1, since: null })).toBe(false);
  });
});
