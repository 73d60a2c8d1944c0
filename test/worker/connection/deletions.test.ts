import { beforeEach, describe, expect, it } from "vitest";
import { type ComparedType, readLastRun } from "../../../src/connection/run.ts";
import { requestReconciliation } from "../../../src/store/reconciliation.ts";
import { type ResourceRow, findResources } from "../../../src/store/resources.ts";
import { type Item, type ListedType, idOf } from "../../support/qonto-server/bank.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import { database } from "../support/store.ts";
import { DESTINATION, connected, connectionOf, countRows, deliveredIds, filled, reconcile } from "./reconciling.ts";

beforeEach(emptyDatabase);

const deletableTypes = ["v1/beneficiaries", "v1/clients", "v1/products"] as const;

/** Resources of a type, of which the first is gone from the bank, and no webhook told it. */
async function withOneGone(type: ListedType, many = 2) {
  const scene = await filled(({ qonto }) => {
    for (let made = 0; made < many; made += 1) qonto.bank.make(type);
  });
  const { bank } = scene.relay.qonto;
  const [gone = {}] = bank.all(type);
  bank.remove(type, idOf(type, gone));
  return { ...scene, gone, goneId: idOf(type, gone) };
}

async function stateOf({ qonto }: TestRelay, type: string, id: string): Promise<ResourceRow | undefined> {
  const [found] = await findResources(database, qonto.bank.organizationId, type, [id]);
  return found;
}

async function resultOf(id: string, type: string): Promise<ComparedType | undefined> {
  return readLastRun((await connectionOf(id)).lastReconciliation)?.types.find((one) => one.type === type);
}

const bodiesAt = (relay: TestRelay) => relay.destinations.at(DESTINATION).map(({ text }) => JSON.parse(text));

/** Calls of resources by their ids. */
const lookUps = ({ qonto }: TestRelay) =>
  qonto.calls.filter((call) => /^GET \/v2\/(sepa\/)?\w+\/[^/?]{36}$/.test(call));

const runAnHourLater = async (relay: TestRelay, id: string) => {
  relay.passSeconds(3600);
  return reconcile(relay, id);
};

describe.each(deletableTypes)("a deletion whose webhook was lost: %s", (type) => {
  it("is found in one run of the cron, and delivered once, marked and with what the relay knew", async () => {
    const { relay, id, gone, goneId } = await withOneGone(type);
    expect(await reconcile(relay, id)).toEqual({
      'qonto_relay_reconciled_events_total{difference="drifted",road="delivery"}': 1,
    });
    await relay.runQueues();
    const asOf = readLastRun((await connectionOf(id)).lastReconciliation)?.as_of ?? 0;
    const { updated_at: _date, ...known } = gone;
    expect(bodiesAt(relay)).toEqual([
      {
        id: expect.stringMatching(/^reconciled_/),
        organization_id: relay.qonto.bank.organizationId,
        type,
        created_at: new Date(asOf).toISOString(),
        data: { ...known, event: "deleted" },
      },
    ]);
    expect(relay.destinations.at(DESTINATION)[0]?.headers.get("x-relay-reconciled")).toBe("true");
    expect(await stateOf(relay, type, goneId)).toMatchObject({ deleted: true, event: "deleted" });
    expect(await resultOf(id, type)).toMatchObject({
      listed: 1,
      missing: 0,
      drifted: 1,
      extra: 0,
      complete_until: asOf,
    });
    expect((await connectionOf(id)).reconciledUntil).toBe(asOf);
  });

  it("is not found again, whether its event has been dispatched or not", async () => {
    const { relay, id } = await withOneGone(type);
    await reconcile(relay, id);
    const events = await countRows("events");
    expect(await runAnHourLater(relay, id)).toEqual({});
    expect(await resultOf(id, type)).toMatchObject({ drifted: 0, extra: 0 });
    await relay.runQueues();
    relay.qonto.calls.length = 0;
    expect(await runAnHourLater(relay, id)).toEqual({});
    expect(lookUps(relay)).toEqual([]);
    expect(await countRows("events")).toBe(events);
    expect(deliveredIds(relay)).toHaveLength(1);
  });

  it("is found too where nothing of the type is left", async () => {
    const { relay, id, goneId } = await withOneGone(type, 1);
    await reconcile(relay, id);
    await relay.runQueues();
    expect(await stateOf(relay, type, goneId)).toMatchObject({ deleted: true });
  });

  it("is found too where the one that is left is not known yet", async () => {
    const { relay, id, goneId } = await withOneGone(type, 1);
    relay.qonto.bank.make(type);
    relay.passSeconds(61);
    await reconcile(relay, id);
    await relay.runQueues();
    expect(await stateOf(relay, type, goneId)).toMatchObject({ deleted: true });
    expect(await resultOf(id, type)).toMatchObject({ listed: 1, missing: 1, drifted: 1, extra: 0 });
  });

  it("is history the first time that the type is read whole", async () => {
    const { relay, id } = await connected();
    const { bank } = relay.qonto;
    const item = bank.make(type);
    await relay.send(relay.qonto.eventOf(type, item, "created"));
    await relay.runQueues();
    bank.remove(type, idOf(type, item));
    relay.passSeconds(61);
    await reconcile(relay, id);
    await relay.runQueues();
    expect(await stateOf(relay, type, idOf(type, item))).toMatchObject({ deleted: true });
    expect(bodiesAt(relay).map(({ data }) => data.event)).toEqual(["created"]);
    expect(await resultOf(id, type)).toMatchObject({ listed: 0, drifted: 1, extra: 0 });
  });
});

it("a deletion is told with the other things that were recovered", async () => {
  const { relay, id } = await withOneGone("v1/clients");
  const operations = "https://operations.example.com/hook";
  await relay.addDestination(operations, { types: ["relay.*"] });
  await reconcile(relay, id);
  await relay.runQueues();
  const told = relay.destinations.at(operations).map(({ text }) => JSON.parse(text));
  expect(told).toMatchObject([{ type: "relay.reconciliation.recovered", data: { missing: 0, drifted: 1 } }]);
});

describe("after a deletion was found", () => {
  it("its webhook may still come: the resource stays deleted, and both are delivered", async () => {
    const { relay, id, gone, goneId } = await withOneGone("v1/clients");
    const webhook = relay.qonto.eventOf("v1/clients", gone, "deleted");
    await reconcile(relay, id);
    await relay.runQueues();
    expect((await relay.send(webhook)).status).toBe(200);
    await relay.runQueues();
    expect(await stateOf(relay, "v1/clients", goneId)).toMatchObject({ deleted: true });
    expect(bodiesAt(relay).map(({ data }) => data.event)).toEqual(["deleted", "deleted"]);
    expect(await runAnHourLater(relay, id)).toEqual({});
  });

  it("a resource that is listed again exists again, and can be gone a second time", async () => {
    const { relay, id, gone, goneId } = await withOneGone("v1/products");
    const { bank } = relay.qonto;
    const states: (boolean | undefined)[] = [];
    const lookAt = async () => {
      await reconcile(relay, id);
      await relay.runQueues();
      states.push((await stateOf(relay, "v1/products", goneId))?.deleted);
      relay.passSeconds(3600);
    };
    await lookAt();
    bank.make("v1/products", gone);
    await lookAt();
    bank.remove("v1/products", goneId);
    await lookAt();
    expect(states).toEqual([true, false, true]);
    expect(bodiesAt(relay).map(({ data }) => data.event)).toEqual(["deleted", "updated", "deleted"]);
    expect(new Set(deliveredIds(relay)).size).toBe(3);
  });
});

describe("what is there, but not listed", () => {
  it.each([
    ["v1/clients", ["/v2/clients"]],
    ["v1/products", ["/v2/products"]],
    // The first shows SEPA beneficiaries alone.
    ["v1/beneficiaries", ["/v2/sepa/beneficiaries", "/v2/beneficiaries"]],
  ] as const)("is asked for by its id, and is extra: %s", async (type, paths) => {
    const { relay, id } = await filled(({ qonto }) => [1, 2].forEach(() => qonto.bank.make(type)));
    const { bank } = relay.qonto;
    const hidden = idOf(type, bank.all(type)[0] ?? {});
    bank.hide(type, hidden);
    relay.qonto.calls.length = 0;
    expect(await reconcile(relay, id)).toEqual({});
    expect(lookUps(relay)).toEqual(paths.map((path) => `GET ${path}/${hidden}`));
    expect(await stateOf(relay, type, hidden)).toMatchObject({ deleted: false });
    expect(await resultOf(id, type)).toMatchObject({ listed: 1, drifted: 0, extra: 1, fault: null });
    expect((await connectionOf(id)).reconciledUntil).toBe(relay.now - 60_000);
  });

  it.each(["v1/memberships", "v1/cards", "v1/payment-links"] as const)(
    "is extra without a question where Qonto cannot be asked for one: %s",
    async (type) => {
      const { relay, id, goneId } = await withOneGone(type);
      relay.qonto.calls.length = 0;
      expect(await reconcile(relay, id)).toEqual({});
      expect(lookUps(relay)).toEqual([]);
      expect(await resultOf(id, type)).toMatchObject({ listed: 1, drifted: 0, extra: 1 });
      expect(await stateOf(relay, type, goneId)).toMatchObject({ deleted: false });
    },
  );
});

describe("what a webhook has told since the run began", () => {
  /** Its list has been read, and its search has not begun. */
  const afterList = (relay: TestRelay, happen: () => void) => relay.qonto.afterPage("/v2/clients", 1, happen);

  const receive = async (relay: TestRelay, item: Item, event: string) => {
    await relay.send(relay.qonto.eventOf("v1/clients", item, event));
    await relay.runQueues();
  };

  it("is not asked for, though the list lacks it", async () => {
    const { relay, id } = await filled();
    await requestReconciliation(database, id, { now: relay.now, since: null });
    const made = relay.qonto.bank.make("v1/clients");
    relay.qonto.bank.hide("v1/clients", idOf("v1/clients", made));
    await receive(relay, made, "created");
    relay.qonto.calls.length = 0;
    await reconcile(relay, id);
    expect(lookUps(relay)).toEqual([]);
    expect(await resultOf(id, "v1/clients")).toMatchObject({ listed: 0, extra: 0 });
  });

  it("is found by the next run if it is gone then", async () => {
    const { relay, id, gone, goneId } = await withOneGone("v1/clients");
    let happened: Promise<void> | undefined;
    afterList(relay, () => {
      relay.passSeconds(1);
      happened = receive(relay, { ...gone, updated_at: new Date(relay.now).toISOString() }, "updated");
    });
    const withPause: NonNullable<Parameters<typeof reconcile>[2]>["onCall"] = async (_call, proceed) => {
      const answered = await proceed();
      await happened;
      return answered;
    };
    await reconcile(relay, id, { onCall: withPause });
    expect(happened).toBeDefined();
    expect(await stateOf(relay, "v1/clients", goneId)).toMatchObject({ deleted: false, event: "updated" });
    expect(Object.values(await runAnHourLater(relay, id))).toEqual([1]);
    await relay.runQueues();
    expect(await stateOf(relay, "v1/clients", goneId)).toMatchObject({ deleted: true });
  });
});
