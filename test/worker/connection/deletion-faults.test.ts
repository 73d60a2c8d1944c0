import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type Run, readLastRun, readRun } from "../../../src/connection/run.ts";
import { QontoRefusal, QontoUnavailable } from "../../../src/qonto/api-client.ts";
import { requestReconciliation } from "../../../src/store/reconciliation.ts";
import { findResources } from "../../../src/store/resources.ts";
import { type ListedType, idOf } from "../../support/qonto-server/bank.ts";
import type { PathFault } from "../../support/qonto-server/faults.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import { database } from "../support/store.ts";
import {
  type Scene,
  connectionOf,
  countRows,
  deliveredIds,
  failedRun,
  filled,
  isKilled,
  reconcile,
  reconcileWhole,
} from "./reconciling.ts";
import { liveThroughMinutes } from "./scene.ts";

beforeEach(emptyDatabase);

const CLIENTS = { type: "v1/clients", path: "/v2/clients" } as const;

/** Clients that the relay knows, of which some are gone from the bank. Their ids are in the order in which they are asked for. */
async function withGone(many: number, listed = 1) {
  const scene = await filled(
    ({ qonto }) => {
      for (let made = 0; made < many + listed; made += 1) qonto.bank.make(CLIENTS.type);
    },
    { QONTO_TYPES: CLIENTS.type },
  );
  const { bank } = scene.relay.qonto;
  const gone = idsOf(scene.relay).slice(0, many).toSorted();
  for (const id of gone) bank.remove(CLIENTS.type, id);
  scene.relay.qonto.calls.length = 0;
  return { ...scene, gone };
}

const idsOf = ({ qonto }: TestRelay, type: ListedType = CLIENTS.type) =>
  qonto.bank.all(type).map((item) => idOf(type, item));

async function deletedOf({ qonto }: TestRelay, ids: readonly string[]): Promise<string[]> {
  const found = await findResources(database, qonto.bank.organizationId, CLIENTS.type, ids);
  return found.flatMap(({ deleted, resourceId }) => (deleted && resourceId !== null ? [resourceId] : []));
}

async function resultOf(id: string) {
  const last = readLastRun((await connectionOf(id)).lastReconciliation);
  return last?.types.find(({ type }) => type === CLIENTS.type);
}

async function runOf({ relay, id }: Scene): Promise<Run | null> {
  return readRun(await connectionOf(id), relay.now);
}

const lookUps = ({ qonto }: TestRelay) =>
  qonto.calls.flatMap((call) => (call.startsWith(`GET ${CLIENTS.path}/`) ? [call.split("/").at(-1)] : []));

describe("with few requests for each run of the cron", () => {
  it("deletions are found over many runs, each asked for once, and recorded with how far the search is", async () => {
    const scene = await withGone(25);
    const { relay, id, gone } = scene;
    const [listed = ""] = idsOf(relay);
    // The organization and the list take two of the five.
    await reconcile(relay, id, { requests: 5 });
    expect(lookUps(relay)).toEqual([gone[0], listed, gone[1]]);
    expect(await runOf(scene)).toMatchObject({
      search: { after: gone[1], is_reliable: true },
      types: [{ drifted: 2 }],
    });
    expect(await countRows("events")).toBe(26 + 2);
    expect(await reconcileWhole(relay, id, { requests: 5 })).toBe(5);
    expect(lookUps(relay)).toEqual([gone[0], listed, ...gone.slice(1)]);
    await relay.runQueues();
    expect(await deletedOf(relay, gone)).toEqual(gone);
    expect(new Set(deliveredIds(relay)).size).toBe(25);
    expect(deliveredIds(relay)).toHaveLength(25);
    expect(await resultOf(id)).toMatchObject({ listed: 1, missing: 0, drifted: 25, extra: 0, fault: null });
  });

  it("what is hidden is asked for once in a run too", async () => {
    const { relay, id } = await filled(({ qonto }) => [1, 2, 3].forEach(() => qonto.bank.make(CLIENTS.type)), {
      QONTO_TYPES: CLIENTS.type,
    });
    const hidden = idsOf(relay).toSorted();
    for (const one of hidden) relay.qonto.bank.hide(CLIENTS.type, one);
    relay.qonto.calls.length = 0;
    await reconcileWhole(relay, id, { requests: 1 });
    expect(lookUps(relay)).toEqual(hidden);
    expect(await resultOf(id)).toMatchObject({ drifted: 0, extra: 3 });
  });
});

it("a search is written down after every ten requests", async () => {
  const { relay, id, gone } = await withGone(25);
  const writes: number[] = [];
  await reconcile(relay, id, {
    onCall: (call, proceed) => {
      if (call.includes("SET reconciliation = ?3")) writes.push(lookUps(relay).length);
      return proceed();
    },
  });
  expect(writes).toEqual([0, 0, 10, 20, 26]);
  expect(await resultOf(id)).toMatchObject({ drifted: gone.length });
});

describe.each(["before", "done"] as const)("killed at any of its calls (%s)", (when) => {
  it("a run finds each deletion, recorded once and delivered once", async () => {
    const types = ["v1/beneficiaries", "v1/clients", "v1/memberships"] as const;
    const scene = await filled(
      ({ qonto }) => {
        for (let made = 0; made < 60; made += 1) for (const type of types) qonto.bank.make(type);
      },
      { QONTO_TYPES: types.join(",") },
    );
    const { relay, id } = scene;
    const gone: string[] = [];
    let index = 0;
    for (let goesOn = true; goesOn; index += 1) {
      expect(index).toBeLessThan(59);
      for (const type of ["v1/beneficiaries", "v1/clients"] as const) {
        const [first = ""] = idsOf(relay, type);
        relay.qonto.bank.remove(type, first);
        gone.push(first);
      }
      relay.passSeconds(60);
      await requestReconciliation(database, id, { now: relay.now, since: null });
      goesOn = await isKilled(scene, index, when);
      await reconcileWhole(relay, id);
      // The recovery scan finds what lost its message.
      relay.passSeconds(120);
      await relay.runCron();
      await relay.runQueues();
      expect((await connectionOf(id)).lastError).toBeNull();
      const deleted = env.DB.prepare("SELECT count(*) AS many FROM resources WHERE deleted = 1");
      expect(await deleted.first("many")).toBe(gone.length);
    }
    expect(index).toBeGreaterThan(20);
    const delivered = relay.destinations.received.map(({ text }) => JSON.parse(text).data);
    expect(delivered.map((data) => data.id).toSorted()).toEqual(gone.toSorted());
    expect(delivered.every(({ event }) => event === "deleted")).toBe(true);
    expect(await countRows("events")).toBe((await countRows("resources")) + gone.length);
  });
});

describe("while Qonto cannot be asked for one", () => {
  const faults: readonly (PathFault & { readonly title: string })[] = [
    { title: "500", status: 500 },
    { title: "429", status: 429 },
    { title: "no answer", answer: "hangs" },
    { title: "a cut connection", answer: "cut" },
    { title: "a page of a proxy's", answer: "html" },
    { title: "a 200 that is cut off", answer: "cut json" },
  ];
  it.each(faults)("a run waits, and goes on with that one: $title", async ({ title: _title, ...fault }) => {
    const scene = await withGone(4);
    const { relay, id, gone } = scene;
    const [first, second, third = "", fourth] = gone;
    // What is hidden has an answer, which can be cut off.
    relay.qonto.bank.make(CLIENTS.type, { id: third });
    relay.qonto.bank.hide(CLIENTS.type, third);
    relay.qonto.faults.paths.set(`${CLIENTS.path}/${third}`, fault);
    expect(await failedRun(scene)).toBeInstanceOf(QontoUnavailable);
    expect(await runOf(scene)).toMatchObject({
      search: { after: second },
      types: [{ drifted: 2, complete_until: expect.any(Number) }],
    });
    expect((await connectionOf(id)).reconciledUntil).toBeLessThan(relay.now - 80_000_000);
    await relay.runQueues();
    expect(await deletedOf(relay, gone)).toEqual([first, second]);

    relay.qonto.faults.paths.clear();
    relay.qonto.calls.length = 0;
    relay.passSeconds(60);
    await reconcileWhole(relay, id);
    expect(lookUps(relay)).toEqual([third, fourth]);
    await relay.runQueues();
    expect(await deletedOf(relay, gone)).toEqual([first, second, fourth]);
    expect(await resultOf(id)).toMatchObject({ drifted: 3, extra: 1, fault: null });
  });

  it("for an hour, the type is at fault, and not complete: the next run finds what is gone", async () => {
    const { relay, id, gone } = await withGone(2);
    const { reconciledUntil } = await connectionOf(id);
    relay.qonto.faults.paths.set(`${CLIENTS.path}/${gone[1]}`, { status: 500 });
    await requestReconciliation(database, id, { now: relay.now, since: null });
    for (let minutes = 0; minutes < 100 && !(await resultOf(id))?.fault; minutes += 1) {
      await liveThroughMinutes(relay, 1);
    }
    expect(await resultOf(id)).toMatchObject({ drifted: 1, fault: expect.stringContaining("500") });
    expect((await connectionOf(id)).reconciledUntil).toBe(reconciledUntil);
    relay.qonto.faults.paths.clear();
    relay.passSeconds(900);
    await reconcileWhole(relay, id);
    await relay.runQueues();
    expect(await deletedOf(relay, gone)).toEqual(gone);
    expect((await connectionOf(id)).reconciledUntil).toBeGreaterThan(reconciledUntil ?? 0);
  });

  it("because the tokens are refused, nothing is judged", async () => {
    const scene = await withGone(1);
    const { relay, gone } = scene;
    relay.qonto.faults.paths.set(`${CLIENTS.path}/${gone[0]}`, { status: 401 });
    expect(await failedRun(scene)).toMatchObject({ name: QontoRefusal.name, status: 401 });
    await relay.runQueues();
    expect(await deletedOf(relay, gone)).toEqual([]);
    expect(await runOf(scene)).toMatchObject({ search: { after: "" }, types: [{ drifted: 0, extra: 0 }] });
  });
});

describe("an answer that does not say that a resource is gone", () => {
  it.each([403, 410, 422])(
    "is a refusal with %d: the resource is extra, and the others are asked for",
    async (status) => {
      const { relay, id, gone } = await withGone(2);
      relay.qonto.faults.paths.set(`${CLIENTS.path}/${gone[0]}`, { status });
      await reconcile(relay, id);
      await relay.runQueues();
      expect(await deletedOf(relay, gone)).toEqual([gone[1]]);
      expect(await resultOf(id)).toMatchObject({ drifted: 1, extra: 1, fault: null });
    },
  );

  it("is a 404 without a code of Qonto's, as a proxy has it", async () => {
    const { relay, id, gone } = await withGone(2);
    const { fetch } = relay.qonto;
    const proxied = (url: string, init: RequestInit) =>
      url.endsWith(gone[0] ?? "") ? Promise.resolve(new Response("Not Found", { status: 404 })) : fetch(url, init);
    Object.assign(relay.qonto, { fetch: proxied });
    await reconcile(relay, id);
    await relay.runQueues();
    expect(await deletedOf(relay, gone)).toEqual([gone[1]]);
    expect(await resultOf(id)).toMatchObject({ drifted: 1, extra: 1 });
  });

  it("is any 404 where a listed resource is not found either: all are extra, and no more is asked", async () => {
    const { relay, id, gone } = await withGone(12);
    const [listed = ""] = idsOf(relay);
    relay.qonto.faults.paths.set(`${CLIENTS.path}/${listed}`, { status: 404 });
    await reconcile(relay, id);
    await relay.runQueues();
    expect(lookUps(relay)).toEqual([gone[0], listed]);
    expect(await deletedOf(relay, gone)).toEqual([]);
    expect(await resultOf(id)).toMatchObject({ listed: 1, drifted: 0, extra: 12, fault: null });
    expect(deliveredIds(relay)).toEqual([]);
  });
});

it("a list that was not read whole is not searched", async () => {
  const { relay, id, gone } = await withGone(2);
  relay.qonto.faults.paths.set(CLIENTS.path, { totalCountBy: 1 });
  await reconcile(relay, id);
  expect(lookUps(relay)).toEqual([]);
  expect(await deletedOf(relay, gone)).toEqual([]);
  expect(await resultOf(id)).toMatchObject({ extra: 0, fault: expect.stringContaining("Qonto lists 1 of 2") });
});

it("what goes while its list is read is found in the same run", async () => {
  const { relay, id } = await withGone(0, 150);
  const [first = ""] = idsOf(relay);
  relay.qonto.afterPage(CLIENTS.path, 1, () => relay.qonto.bank.remove(CLIENTS.type, first));
  await reconcile(relay, id);
  await relay.runQueues();
  expect(await deletedOf(relay, [first])).toEqual([first]);
  expect(await resultOf(id)).toMatchObject({ missing: 0, drifted: 1, extra: 0, fault: null });
});
