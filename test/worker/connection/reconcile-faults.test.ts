import { beforeEach, describe, expect, it } from "vitest";
import { readLastRun, readRun } from "../../../src/connection/run.ts";
import { QontoRefusal, QontoUnavailable } from "../../../src/qonto/api-client.ts";
import { findResources } from "../../../src/store/resources.ts";
import { readData } from "../../../src/qonto/resource.ts";
import type { PathFault } from "../../support/qonto-server/faults.ts";
import { SimulatedQonto } from "../../support/qonto-server/simulated-qonto.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import { database } from "../support/store.ts";
import { liveThroughMinutes, lookAfter } from "./scene.ts";
import {
  DESTINATION,
  connected,
  connectionOf,
  countRows,
  deliveredIds,
  failedRun,
  filled,
  reconcile,
  reconcileWhole,
} from "./reconciling.ts";

beforeEach(emptyDatabase);

const CLIENTS = "/v2/clients";
const PRODUCTS = "/v2/products";
const BENEFICIARIES = "/v2/sepa/beneficiaries";

function makeMany({ qonto }: TestRelay, type: "v1/clients" | "v1/products" | "v1/transfers", many: number): void {
  for (let made = 0; made < many; made += 1) qonto.bank.make(type);
}

const lastRunOf = async (id: string) => readLastRun((await connectionOf(id)).lastReconciliation);

const resultOf = async (id: string, type: string) => (await lastRunOf(id))?.types.find((one) => one.type === type);

describe("while Qonto is not available", () => {
  const faults: readonly (PathFault & { readonly title: string })[] = [
    { title: "500", status: 500 },
    { title: "429", status: 429 },
    { title: "no answer", answer: "hangs" },
    { title: "a cut connection", answer: "cut" },
    { title: "a page of a proxy's", answer: "html" },
    { title: "a 200 that is no JSON", answer: "text" },
    { title: "a 200 that is cut off", answer: "cut json" },
  ];
  it.each(faults)("a run waits, and goes on with the same page: $title", async ({ title: _title, ...fault }) => {
    const scene = await connected((relay) => makeMany(relay, "v1/products", 150));
    const { relay, id } = scene;
    relay.qonto.afterPage(PRODUCTS, 1, () => relay.qonto.faults.paths.set(PRODUCTS, fault));
    expect(await failedRun(scene)).toBeInstanceOf(QontoUnavailable);
    expect(await connectionOf(id)).toMatchObject({ reconciledUntil: null, lastReconciliation: null });
    relay.qonto.faults.paths.clear();
    relay.qonto.calls.length = 0;
    await reconcileWhole(relay, id);
    expect(relay.qonto.calls[0]).toMatch(/products.*page=2/);
    expect(await resultOf(id, "v1/products")).toMatchObject({ listed: 150, missing: 150, fault: null });
    expect((await connectionOf(id)).reconciledUntil).not.toBeNull();
  });

  it("one list that is not available eight times in a row does not keep the others from being read", async () => {
    const { relay, id } = await connected((made) => makeMany(made, "v1/transfers", 3));
    relay.qonto.faults.paths.set(PRODUCTS, { status: 500 });
    for (let minute = 0; minute < 100 && (await lastRunOf(id)) === null; minute += 1)
      await liveThroughMinutes(relay, 1);
    // Eight times, and each is tried twice.
    expect(relay.qonto.calls.filter((call) => call.startsWith(`GET ${PRODUCTS}`))).toHaveLength(16);
    expect(await resultOf(id, "v1/products")).toMatchObject({
      fault: expect.stringContaining("500"),
      complete_until: null,
    });
    expect(await resultOf(id, "v1/transfers")).toMatchObject({ listed: 3, missing: 3, fault: null });
    expect((await connectionOf(id)).reconciledUntil).toBeNull();
    relay.qonto.faults.paths.clear();
    relay.passSeconds(900);
    await reconcileWhole(relay, id);
    expect((await connectionOf(id)).reconciledUntil).not.toBeNull();
  });
});

it("a list of which a page has been read is gone on with, however many failures there were before", async () => {
  const { relay, id } = await connected((made) => makeMany(made, "v1/products", 150));
  await database.prepare("UPDATE connections SET step_failures = 7, subscriptions_due_at = 9e15").run();
  relay.qonto.afterPage(PRODUCTS, 1, () => relay.qonto.faults.paths.set(PRODUCTS, { status: 500 }));
  await lookAfter(relay);
  const row = await connectionOf(id);
  expect(readRun(row, relay.now)?.types_left[0]).toBe("v1/products");
  expect(row.stepFailures).toBe(1);
});

describe("a list that cannot be read", () => {
  it("is a fault of its type alone, and the state is not said to be complete until it was read", async () => {
    const { relay, id } = await filled();
    const { reconciledUntil } = await connectionOf(id);
    const { fetch } = relay.qonto;
    answerWith(relay, CLIENTS, '{"items": []}');
    relay.qonto.bank.make("v1/clients");
    relay.qonto.bank.make("v1/transfers");
    relay.passSeconds(60);
    await reconcile(relay, id);
    expect((await connectionOf(id)).reconciledUntil).toBe(reconciledUntil);
    expect(await resultOf(id, "v1/clients")).toMatchObject({ listed: 0, fault: expect.stringContaining("documented") });
    expect(await resultOf(id, "v1/transfers")).toMatchObject({ missing: 1, fault: null });
    Object.assign(relay.qonto, { fetch });
    relay.passSeconds(900);
    await reconcile(relay, id);
    expect(await resultOf(id, "v1/clients")).toMatchObject({ missing: 1, fault: null });
    expect((await connectionOf(id)).reconciledUntil).toBe(relay.now - 60_000);
  });

  it("is not waited for where the token lacks the scope", async () => {
    const { relay, id } = await connected(({ qonto }) => qonto.bank.make("v1/clients"));
    relay.qonto.faults.forbidden = CLIENTS;
    await reconcileWhole(relay, id);
    expect(await resultOf(id, "v1/clients")).toMatchObject({
      is_covered: false,
      fault: expect.stringContaining("scope"),
    });
    expect((await connectionOf(id)).reconciledUntil).toBe(relay.now);
  });

  it("is history once the scope is there", async () => {
    const { relay, id } = await connected(({ qonto }) => qonto.bank.make("v1/clients"));
    relay.qonto.faults.forbidden = CLIENTS;
    await reconcileWhole(relay, id);
    delete relay.qonto.faults.forbidden;
    relay.passSeconds(3600);
    await reconcileWhole(relay, id);
    await relay.runQueues();
    expect(await resultOf(id, "v1/clients")).toMatchObject({ missing: 1, is_covered: true });
    expect(deliveredIds(relay)).toEqual([]);
  });

  it("was listed before, and is not expected to be gone: the state is not said to be complete", async () => {
    const { relay, id } = await filled();
    const { reconciledUntil } = await connectionOf(id);
    relay.qonto.faults.paths.set(CLIENTS, { status: 404 });
    await reconcile(relay, id);
    expect(await resultOf(id, "v1/clients")).toMatchObject({ is_covered: true, fault: expect.stringContaining("404") });
    expect((await connectionOf(id)).reconciledUntil).toBe(reconciledUntil);
  });

  it("is a fault when Qonto counts more than it shows, however often it is read", async () => {
    const { relay, id } = await connected((made) => makeMany(made, "v1/clients", 3));
    relay.qonto.faults.paths.set(CLIENTS, { totalCountBy: 1 });
    await reconcile(relay, id);
    const fault = "Qonto lists 3 of 4; it was read 3 times.";
    expect(await resultOf(id, "v1/clients")).toMatchObject({ listed: 3, missing: 3, fault, complete_until: null });
    expect((await connectionOf(id)).reconciledUntil).toBeNull();
  });

  it("has the whole organization wait when the token is of another one", async () => {
    const scene = await connected();
    const { relay, id } = scene;
    const other = relay.qonto.addBank();
    const { fetch } = relay.qonto;
    const headers = {
      authorization: `Bearer ${relay.qonto.grant({ organizationId: other.organizationId }).accessToken}`,
    };
    Object.assign(relay.qonto, { fetch: (url: string, init: RequestInit) => fetch(url, { ...init, headers }) });
    expect(await failedRun(scene)).toBeInstanceOf(QontoRefusal);
    expect(await countRows("events")).toBe(0);
    expect((await connectionOf(id)).reconciledUntil).toBeNull();
  });
});

describe("what is hard to list", () => {
  it("a list that shifts while it is read is read again, and nothing is missed", async () => {
    const { relay, id } = await connected((made) => makeMany(made, "v1/clients", 250));
    const { bank } = relay.qonto;
    const [first] = bank.all("v1/clients");
    relay.qonto.afterPage(CLIENTS, 1, () => bank.remove("v1/clients", String(first?.["id"])));
    await reconcileWhole(relay, id);
    expect(await resultOf(id, "v1/clients")).toMatchObject({ listed: 250, missing: 250, fault: null });
    const known = await findResources(database, bank.organizationId, "v1/clients", idsOf(bank.all("v1/clients")));
    expect(known).toHaveLength(249);
  });

  it("a day's results that are more than Qonto lists are read in shorter times", async () => {
    const scene = await filled();
    const { relay, id } = scene;
    limitResults(relay, 100);
    const days = 5;
    for (let day = 0; day < days; day += 1) {
      makeMany(relay, "v1/transfers", 60);
      relay.passSeconds(86_400);
    }
    await reconcileWhole(relay, id);
    expect(await resultOf(id, "v1/transfers")).toMatchObject({ listed: 60 * days, missing: 60 * days, fault: null });
  });

  it("more results than Qonto lists are a fault where no time can be asked for", async () => {
    const { relay, id } = await connected((made) => makeMany(made, "v1/clients", 150));
    limitResults(relay, 100);
    await reconcile(relay, id);
    expect(await resultOf(id, "v1/clients")).toMatchObject({
      listed: 100,
      fault: expect.stringContaining("no more than"),
    });
    expect((await connectionOf(id)).reconciledUntil).toBeNull();
  });

  it("transactions of every status and of each account are listed", async () => {
    const { relay, id } = await connected(({ qonto }) => {
      const accounts = [qonto.bank.all("v1/accounts")[0], qonto.bank.make("v1/accounts")];
      for (const account of accounts) {
        for (const status of ["pending", "declined", "completed"]) {
          qonto.bank.make("v1/transactions", { status, bank_account_id: account?.["id"] });
        }
      }
    });
    await reconcileWhole(relay, id);
    expect(await resultOf(id, "v1/transactions")).toMatchObject({ listed: 6, missing: 6 });
  });

  it.each([403, 404])(
    "an account whose transactions are refused is named, and the others are read: %i",
    async (status) => {
      const accounts: string[] = [];
      const { relay, id } = await filled(({ qonto: { bank } }) => {
        for (let made = 0; made < 2; made += 1) bank.make("v1/accounts");
        accounts.push(...idsOf(bank.all("v1/accounts")));
        for (const bank_account_id of accounts) bank.make("v1/transactions", { bank_account_id });
      });
      const { bank, fetch } = relay.qonto;
      const [, refused = ""] = accounts;
      const refusing = (url: string, init: RequestInit) =>
        new URL(url).searchParams.get("bank_account_id") === refused
          ? Promise.resolve(Response.json({ code: "refused", detail: "No such account" }, { status }))
          : fetch(url, init);
      Object.assign(relay.qonto, { fetch: refusing });
      for (const bank_account_id of accounts) bank.make("v1/transactions", { bank_account_id });
      relay.passSeconds(3600);
      await reconcile(relay, id);
      expect(await resultOf(id, "v1/transactions")).toMatchObject({
        missing: 2,
        is_covered: false,
        fault: expect.stringContaining(refused),
      });
      expect((await connectionOf(id)).reconciledUntil).toBe(relay.now - 60_000);

      relay.passSeconds(86_400);
      await reconcile(relay, id);
      Object.assign(relay.qonto, { fetch });
      relay.passSeconds(3600);
      await reconcile(relay, id);
      // The one of a day ago, and no other is read again.
      expect(await resultOf(id, "v1/transactions")).toMatchObject({ listed: 2, missing: 1, fault: null });
    },
  );

  it("an account whose transactions do not add up does not keep those of the others from being read", async () => {
    const accounts: string[] = [];
    const { relay, id } = await filled(({ qonto: { bank } }) => {
      for (let made = 0; made < 2; made += 1) bank.make("v1/accounts");
      accounts.push(...idsOf(bank.all("v1/accounts")));
    });
    const { reconciledUntil } = await connectionOf(id);
    const { bank, fetch } = relay.qonto;
    const miscounting = async (url: string, init: RequestInit) => {
      const response = await fetch(url, init);
      if (new URL(url).searchParams.get("bank_account_id") !== accounts[0]) return response;
      const { meta, ...list } = await response.json<any>();
      return Response.json({ ...list, meta: { ...meta, total_count: meta.total_count + 1 } });
    };
    Object.assign(relay.qonto, { fetch: miscounting });
    for (const bank_account_id of accounts) bank.make("v1/transactions", { bank_account_id });
    relay.passSeconds(3600);
    await reconcile(relay, id);
    expect(await resultOf(id, "v1/transactions")).toMatchObject({
      missing: 3,
      is_covered: true,
      fault: `Account ${accounts[0]}: Qonto lists 1 of 2; it was read 3 times.`,
      complete_until: reconciledUntil,
    });
    expect((await connectionOf(id)).reconciledUntil).toBe(reconciledUntil);
    Object.assign(relay.qonto, { fetch });
    relay.passSeconds(3600);
    await reconcile(relay, id);
    expect(await resultOf(id, "v1/transactions")).toMatchObject({ missing: 0, fault: null });
    expect((await connectionOf(id)).reconciledUntil).toBe(relay.now - 60_000);
  });

  it("transactions are not covered while those of each account are refused", async () => {
    const { relay, id } = await connected(({ qonto: { bank } }) => {
      bank.make("v1/accounts");
      bank.make("v1/transactions");
    });
    relay.qonto.faults.paths.set("/v2/transactions", { status: 404 });
    await reconcileWhole(relay, id);
    expect(await resultOf(id, "v1/transactions")).toMatchObject({ is_covered: false, complete_until: null });
    relay.qonto.faults.paths.clear();
    relay.passSeconds(3600);
    await reconcile(relay, id);
    expect(await resultOf(id, "v1/transactions")).toMatchObject({ missing: 1, fault: null });
    await relay.runQueues();
    expect(deliveredIds(relay)).toEqual([]);
  });

  it("an account that the token has not seen before brings its own transactions, those of before as history", async () => {
    const { relay, id } = await filled(({ qonto }) => qonto.bank.make("v1/transactions"));
    await reconcile(relay, id);
    relay.passSeconds(86_400);
    const { bank } = relay.qonto;
    const { id: bank_account_id } = bank.make("v1/accounts");
    for (const daysAgo of [0.5, 60, 92]) {
      const updated_at = new Date(relay.now - daysAgo * 86_400_000).toISOString();
      bank.make("v1/transactions", { bank_account_id, updated_at });
    }
    await reconcile(relay, id);
    expect(await resultOf(id, "v1/transactions")).toMatchObject({ listed: 2, missing: 2 });
    await relay.runQueues();
    const types = relay.destinations.at(DESTINATION).map(({ text }) => JSON.parse(text).type);
    expect(types.filter((type) => type === "v1/transactions")).toHaveLength(1);
    relay.passSeconds(3600);
    await reconcile(relay, id);
    expect(await resultOf(id, "v1/transactions")).toMatchObject({ listed: 0 });
  });

  it("an id or an amount beyond 2^53 keeps its digits", async () => {
    const { relay, id } = await connected();
    const json = `{"clients": [{"id": 900719925474099312345, "balance": 100.00, "updated_at": "2026-01-01T00:00:00Z"}]}`;
    answerWith(relay, CLIENTS, json);
    await reconcileWhole(relay, id);
    const { organizationId } = relay.qonto.bank;
    const [known] = await findResources(database, organizationId, "v1/clients", ["900719925474099312345"]);
    expect(JSON.stringify(readData(known?.body ?? ""))).toContain('"balance":100.00');
    relay.passSeconds(3600);
    await reconcileWhole(relay, id);
    expect(await resultOf(id, "v1/clients")).toMatchObject({ listed: 1, missing: 0, drifted: 0 });
  });

  it("what the relay knows as deleted is not revived by what the bank listed before", async () => {
    const { relay, id } = await filled(({ qonto }) => qonto.bank.make("v1/beneficiaries"));
    const { bank } = relay.qonto;
    const [beneficiary = {}] = bank.all("v1/beneficiaries");
    const deleted = { ...beneficiary, updated_at: new Date(relay.now).toISOString() };
    await relay.send(relay.qonto.eventOf("v1/beneficiaries", deleted, "deleted"));
    await relay.runQueues();
    relay.passSeconds(3600);
    expect(await reconcile(relay, id)).toEqual({});
    expect(relay.qonto.calls.some((call) => call.includes(BENEFICIARIES))).toBe(true);
    bank.change("v1/beneficiaries", String(beneficiary["id"]), { status: "validated" });
    relay.passSeconds(3600);
    expect(Object.values(await reconcile(relay, id))).toEqual([1]);
  });
});

const idsOf = (items: readonly { readonly [field: string]: unknown }[]) => items.map((item) => String(item["id"]));

/** Another Qonto, with the same banks, that lists so many results of a query. */
function limitResults({ clock, qonto }: TestRelay, mostResults: number): void {
  const limited = new SimulatedQonto({ now: clock.now, setTimer: clock.setTimer, mostResults });
  for (const [id, bank] of qonto.banks) limited.banks.set(id, bank);
  Object.assign(qonto, { fetch: limited.fetch });
}

/** Has a list answered with that text. */
function answerWith({ qonto }: TestRelay, path: string, text: string): void {
  const { fetch } = qonto;
  const answered = (url: string, init: RequestInit) =>
    new URL(url).pathname === path ? Promise.resolve(new Response(text)) : fetch(url, init);
  Object.assign(qonto, { fetch: answered });
}
