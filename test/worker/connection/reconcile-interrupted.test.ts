import { beforeEach, describe, expect, it } from "vitest";
import { readRun } from "../../../src/connection/run.ts";
import { claimConnection } from "../../../src/store/connections.ts";
import { requestReconciliation } from "../../../src/store/reconciliation.ts";
import { listedTypes } from "../../support/qonto-server/bank.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import { database } from "../support/store.ts";
import {
  LEASE_MS,
  type OnCall,
  connected,
  connectionOf,
  countRows,
  deliveredIds,
  filled,
  isKilled,
  reconcile,
  reconcileWhole,
} from "./reconciling.ts";

beforeEach(emptyDatabase);

function makeSome({ qonto }: TestRelay, many: number): void {
  for (let made = 0; made < many; made += 1) qonto.bank.make("v1/transfers");
}

/** Two accounts whose transactions have two pages each, and more of one type than a page. */
function makePages(relay: TestRelay): void {
  const accounts = [relay.qonto.bank.all("v1/accounts")[0], relay.qonto.bank.make("v1/accounts")];
  for (let made = 0; made < 110; made += 1) {
    for (const account of accounts) relay.qonto.bank.make("v1/transactions", { bank_account_id: account?.["id"] });
    relay.qonto.bank.make("v1/products");
  }
}

describe("with few requests for each run of the cron", () => {
  it("the state is filled over many runs, page by page, each page read once", async () => {
    const { relay, id } = await connected(makePages);
    expect(await reconcileWhole(relay, id, { requests: 1 })).toBeGreaterThan(14);
    const items = listedTypes.reduce((sum, type) => sum + relay.qonto.bank.all(type).length, 0);
    expect(await countRows("resources")).toBe(items);
    const lists = relay.qonto.calls.filter((call) => !call.includes("/v2/organization"));
    expect(new Set(lists).size).toBe(lists.length);
    expect(deliveredIds(relay)).toEqual([]);
  });

  it("the run ends when the time for all connections is over", async () => {
    const { relay, id } = await connected(makePages);
    const slow: OnCall = async (call, proceed) => {
      if (call.startsWith("https:")) relay.passSeconds(9);
      return proceed();
    };
    await reconcile(relay, id, { onCall: slow });
    expect(relay.qonto.calls).toHaveLength(3);
    expect(readRun(await connectionOf(id), relay.now)?.types_left).toHaveLength(9);
  });

  it("a run that began a day ago begins again", async () => {
    const { relay, id } = await connected(makePages);
    await reconcile(relay, id, { requests: 5 });
    relay.passSeconds(86_400);
    await reconcile(relay, id, { requests: 1 });
    const run = readRun(await connectionOf(id), relay.now);
    expect(run).toMatchObject({ kind: "fill", as_of: relay.now, types: run?.types.map(() => ({ listed: 0 })) });
  });
});

describe.each(["before", "done"] as const)("killed at any of its calls (%s)", (when) => {
  it("a reconciliation ends with the bank's state, each difference recorded once and delivered", async () => {
    const types = ["v1/accounts", "v1/products", "v1/transfers"] as const;
    const scene = await filled((relay) => makeSome(relay, 2), { QONTO_TYPES: types.join(",") });
    const { relay, id } = scene;
    const lost: string[] = [];
    let index = 0;
    for (let goesOn = true; goesOn; index += 1) {
      expect(index).toBeLessThan(60);
      for (const type of ["v1/products", "v1/transfers"] as const) lost.push(String(relay.qonto.bank.make(type)["id"]));
      relay.passSeconds(60);
      await requestReconciliation(database, id, { now: relay.now, since: null });
      goesOn = await isKilled(scene, index, when);
      await reconcileWhole(relay, id);
      // The recovery scan finds what lost its message.
      relay.passSeconds(120);
      await relay.runCron();
      await relay.runQueues();
      expect(await countRows("resources")).toBe(4 + lost.length - 1);
      expect((await connectionOf(id)).lastError).toBeNull();
    }
    expect(index).toBeGreaterThan(12);
    const delivered = relay.destinations.received.map(({ text }) => JSON.parse(text).data.id);
    expect(new Set(delivered)).toEqual(new Set(lost));
    expect(await countRows("events")).toBe(await countRows("resources"));
  });
});

describe("when another run of the cron has taken over", () => {
  it("the one that was late writes nothing", async () => {
    const { relay, id } = await filled();
    makeSome(relay, 1);
    relay.passSeconds(60);
    const before = await countRows("events");
    let isLate = false;
    const late: OnCall = async (call, proceed) => {
      if (!call.includes("INSERT INTO events") || isLate) return proceed();
      isLate = true;
      relay.passSeconds(LEASE_MS / 1000 + 1);
      const claimed = await claimConnection(database, id, { now: relay.now, leaseUntil: relay.now + LEASE_MS });
      expect(claimed).not.toBeNull();
      return proceed();
    };
    await reconcile(relay, id, { onCall: late });
    expect(isLate).toBe(true);
    expect(await countRows("events")).toBe(before);
    expect(relay.events.sent).toEqual([]);
    relay.passSeconds(LEASE_MS / 1000 + 1);
    await reconcileWhole(relay, id);
    expect(await countRows("events")).toBe(before + 1);
  });
});
