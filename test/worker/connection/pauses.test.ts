import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { readRun } from "../../../src/connection/run.ts";
import { accessTokenOf } from "../../../src/connection/tokens.ts";
import type { Connection } from "../../../src/store/connections.ts";
import { noteGaps } from "../../../src/store/gaps.ts";
import { requestReconciliation } from "../../../src/store/reconciliation.ts";
import type { PathFault } from "../../support/qonto-server/faults.ts";
import { connectDirectly, qontoApplication } from "../support/connected-relay.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { database } from "../support/store.ts";
import {
  REFRESH_IS_DUE_SECONDS,
  contextOf,
  killAtWriteOfTokens,
  liveThroughMinutes,
  lookAfter,
  rowOf,
  tokenRequests,
} from "./scene.ts";

beforeEach(emptyDatabase);

const MINUTE_MS = 60_000;

/** What each step asks for first. */
const paths = { Subscriptions: "/v2/webhook_subscriptions", Reconciliation: "/v2/organization" } as const;

const dueAt = { Subscriptions: "subscriptions_due_at", Reconciliation: "reconciliation_due_at" } as const;

type StepName = keyof typeof paths;

const stepNames = ["Subscriptions", "Reconciliation"] as const;

const NEVER = 9e15;

interface Scene {
  readonly relay: TestRelay;
  readonly connection: Connection;
}

/** A connection of which only that step is ever due. */
async function connectedFor(step: StepName): Promise<Scene> {
  const relay = new TestRelay(qontoApplication);
  const connection = await connectDirectly(relay);
  const [other = step] = stepNames.filter((name) => name !== step);
  await env.DB.prepare(`UPDATE connections SET ${dueAt[other]} = ?1, access_expires_at = ?1`).bind(NEVER).run();
  return { relay, connection };
}

/** Of the first failure, and of those that follow. */
async function pausesOf({ relay, connection }: Scene, many: number): Promise<number[]> {
  const pauses: number[] = [];
  for (let failures = 0; failures < many; failures += 1) {
    await lookAfter(relay);
    const { pausedUntil } = await rowOf(connection);
    pauses.push((pausedUntil - relay.now) / MINUTE_MS);
    relay.passTo(pausedUntil);
  }
  return pauses;
}

function requestsOf({ qonto }: TestRelay, path: string): number {
  return qonto.calls.filter((call) => call.startsWith(`GET ${path}`)).length;
}

describe.each(stepNames)("a step that Qonto is not available to: %s", (step) => {
  const faults: readonly (PathFault & { readonly title: string })[] = [
    { title: "500", status: 500 },
    { title: "429", status: 429 },
    { title: "no answer", answer: "hangs" },
    { title: "a page of a proxy's", answer: "html" },
  ];
  it.each(faults)("is taken in the next run, then less and less often: $title", async ({ title: _title, ...fault }) => {
    const scene = await connectedFor(step);
    scene.relay.qonto.faults.withoutRetryAfter = true;
    scene.relay.qonto.faults.paths.set(paths[step], fault);
    expect(await pausesOf(scene, 7)).toEqual([0.5, 1, 3, 7, 15, 15, 15]);
    expect(requestsOf(scene.relay, paths[step])).toBe(14);
  });

  it("begins with the shortest pause again once it has succeeded", async () => {
    const scene = await connectedFor(step);
    const { relay, connection } = scene;
    relay.qonto.faults.paths.set(paths[step], { status: 500 });
    await pausesOf(scene, 4);
    relay.qonto.faults.paths.clear();
    await lookAfter(relay);
    expect(await rowOf(connection)).toMatchObject({ stepFailures: 0, lastError: null });
    await env.DB.prepare(`UPDATE connections SET ${dueAt[step]} = ?1`).bind(relay.now).run();
    relay.qonto.faults.paths.set(paths[step], { status: 500 });
    expect(await pausesOf(scene, 2)).toEqual([0.5, 1]);
  });

  it.each([
    [5, 30],
    [600, 600],
    [86_400, 3_600],
  ])("is not taken before the Retry-After of %i s, up to an hour, also after a gap", async (seconds, pausedSeconds) => {
    const { relay, connection } = await connectedFor(step);
    const { fetch } = relay.qonto;
    const headers = { "retry-after": String(seconds) };
    Object.assign(relay.qonto, { fetch: async () => Response.json({ code: "busy" }, { status: 503, headers }) });
    await lookAfter(relay);
    const { pausedUntil } = await rowOf(connection);
    expect((pausedUntil - relay.now) / 1000).toBe(pausedSeconds);
    Object.assign(relay.qonto, { fetch });
    await noteGaps(database, { now: relay.now, seen: {}, due: [connection.id], told: [] });
    relay.passTo(pausedUntil - 1);
    await lookAfter(relay);
    expect(relay.qonto.calls).toEqual([]);
    relay.passTo(pausedUntil);
    await lookAfter(relay);
    expect(await rowOf(connection)).toMatchObject({ lastError: null, subscriptions: [{ status: "active" }] });
  });
});

describe("an operator's request to reconcile", () => {
  it("ends a pause: Qonto is asked in the next run, and then as seldom as before", async () => {
    const scene = await connectedFor("Reconciliation");
    const { relay, connection } = scene;
    relay.qonto.faults.paths.set(paths.Reconciliation, { status: 500 });
    expect(await pausesOf(scene, 4)).toEqual([0.5, 1, 3, 7]);
    await lookAfter(relay);
    const { pausedUntil } = await rowOf(connection);
    relay.passSeconds(60);
    expect(pausedUntil).toBeGreaterThan(relay.now);
    await requestReconciliation(database, connection.id, { now: relay.now, since: null });
    expect(await pausesOf(scene, 1)).toEqual([15]);
    relay.qonto.faults.paths.clear();
    await requestReconciliation(database, connection.id, { now: relay.now, since: null });
    await lookAfter(relay);
    expect(await rowOf(connection)).toMatchObject({ lastError: null, reconciledUntil: relay.now });
  });

  it("does not end the pause after a refresh of tokens that failed", async () => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    relay.passSeconds(REFRESH_IS_DUE_SECONDS);
    relay.qonto.faults.paths.set("*", { status: 503 });
    await lookAfter(relay);
    const { pausedUntil } = await rowOf(connection);
    expect(pausedUntil).toBe(relay.now + MINUTE_MS);
    await requestReconciliation(database, connection.id, { now: relay.now, since: null });
    expect((await rowOf(connection)).pausedUntil).toBe(pausedUntil);
    relay.passTo(pausedUntil - 1);
    await lookAfter(relay);
    expect(tokenRequests(relay)).toBe(1);
    relay.qonto.faults.paths.clear();
    relay.passTo(pausedUntil);
    await lookAfter(relay);
    expect(await rowOf(connection)).toMatchObject({ lastError: null, reconciledUntil: relay.now });
  });
});

it("a reconciliation that reads a page in each run is not asked for less often", async () => {
  const scene = await connectedFor("Reconciliation");
  const { relay, connection } = scene;
  const { fetch } = relay.qonto;
  const pauses: number[] = [];
  for (let run = 0; run < 4; run += 1) {
    let requests = 0;
    const answeringOnce = (url: string, init: RequestInit) =>
      (requests += 1) === 1 ? fetch(url, init) : Promise.resolve(new Response("", { status: 500 }));
    Object.assign(relay.qonto, { fetch: answeringOnce });
    pauses.push(...(await pausesOf(scene, 1)));
  }
  expect(pauses).toEqual([0.5, 0.5, 0.5, 0.5]);
  expect(readRun(await rowOf(connection), relay.now)?.types_left[0]).toBe("v1/beneficiaries");
});

describe("what is wrong with one step keeps the other from nothing", () => {
  it.each([{ status: 500 }, { answer: "hangs" }] as const)("the list of subscriptions: %o", async (fault) => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    relay.qonto.faults.paths.set(paths.Subscriptions, fault);
    await liveThroughMinutes(relay, 5);
    const { reconciledUntil, lastError } = await rowOf(connection);
    expect(reconciledUntil).not.toBeNull();
    expect(lastError).toMatch(/^Subscriptions: /);
    await liveThroughMinutes(relay, 85);
    expect((await rowOf(connection)).reconciledUntil).toBeGreaterThan(reconciledUntil ?? NEVER);
    expect(requestsOf(relay, paths.Subscriptions)).toBeLessThan(30);
  });

  it.each([{ status: 500 }, { status: 403 }, { answer: "hangs" }] as const)("the organization: %o", async (fault) => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    relay.qonto.faults.paths.set(paths.Reconciliation, fault);
    await liveThroughMinutes(relay, 60);
    expect((await rowOf(connection)).subscriptions).toMatchObject([{ status: "active" }]);
    expect(requestsOf(relay, paths.Subscriptions)).toBeGreaterThanOrEqual(3);
  });
});

describe("a refusal", () => {
  it.each(stepNames)("with 401 pauses the connection for a quarter of an hour: %s", async (step) => {
    const { relay, connection } = await connectedFor(step);
    relay.qonto.faults.paths.set(paths[step], { status: 401 });
    await lookAfter(relay);
    expect((await rowOf(connection)).pausedUntil).toBe(relay.now + 15 * MINUTE_MS);
    await liveThroughMinutes(relay, 60);
    expect(requestsOf(relay, paths[step])).toBe(10);
  });

  it.each(stepNames)("with 403 has the step wait for a quarter of an hour: %s", async (step) => {
    const { relay } = await connectedFor(step);
    relay.qonto.faults.paths.set(paths[step], { status: 403 });
    await lookAfter(relay);
    await liveThroughMinutes(relay, 60);
    expect(requestsOf(relay, paths[step])).toBe(5);
  });

  it("of the subscriptions leaves the reconciliation its turn in each run", async () => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    relay.qonto.faults.paths.set(paths.Subscriptions, { status: 403 });
    await lookAfter(relay);
    const { pausedUntil, reconciledUntil, lastError } = await rowOf(connection);
    expect(pausedUntil).toBe(0);
    expect(reconciledUntil).not.toBeNull();
    expect(lastError).toMatch(/^Subscriptions: /);
  });
});

describe("an access token that ends with the exchange of its refresh token", () => {
  /** Qonto refuses the access token that a connection has. */
  async function refuseAccessToken({ relay, connection }: Scene, onRefusal = async () => {}) {
    const refused = `Bearer ${await accessTokenOf(connection, contextOf(relay))}`;
    const { fetch } = relay.qonto;
    const seen = { refusals: 0 };
    const refusing = async (url: string, init: RequestInit) => {
      if (new Headers(init.headers).get("authorization") !== refused) return fetch(url, init);
      seen.refusals += 1;
      await onRefusal();
      return Response.json({ code: "unauthorized" }, { status: 401 });
    };
    Object.assign(relay.qonto, { fetch: refusing });
    return seen;
  }

  const isFilled = async (connection: Connection) => {
    const { lastError, reconciledUntil, subscriptions } = await rowOf(connection);
    return lastError === null && reconciledUntil !== null && subscriptions.length > 0;
  };

  it("is not used while the attempt of a process that has died is unsettled", async () => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    relay.passSeconds(REFRESH_IS_DUE_SECONDS);
    const revive = killAtWriteOfTokens(relay);
    await expect(relay.runCron()).rejects.toThrow("The process is gone");
    revive();
    relay.retries.waiting = [];
    const seen = await refuseAccessToken({ relay, connection });
    relay.passSeconds(5);
    await lookAfter(relay);
    expect([tokenRequests(relay), seen.refusals]).toEqual([1, 0]);
    await liveThroughMinutes(relay, 2);
    expect([tokenRequests(relay), seen.refusals]).toEqual([2, 0]);
    expect(await isFilled(connection)).toBe(true);
  });

  it("is refused once when a process has died with its attempt meanwhile, and the next one goes on", async () => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    const seen = await refuseAccessToken({ relay, connection }, async () => {
      await env.DB.prepare("UPDATE connections SET refresh_attempted_at = ?1").bind(relay.now).run();
    });
    await lookAfter(relay);
    expect([tokenRequests(relay), seen.refusals]).toEqual([0, 1]);
    expect(await rowOf(connection)).toMatchObject({
      pausedUntil: 0,
      lastError: expect.stringMatching(/^Subscriptions: Qonto refuses \(401\): .* replacement/),
    });
    await liveThroughMinutes(relay, 3);
    expect([tokenRequests(relay), seen.refusals]).toEqual([1, 1]);
    expect(await isFilled(connection)).toBe(true);
  });

  it("is refused a few times an hour while Qonto replaces no token, and works again soon after", async () => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    const seen = await refuseAccessToken({ relay, connection });
    relay.qonto.faults.paths.set("/oauth2/token", { status: 503 });
    await liveThroughMinutes(relay, 60);
    expect(seen.refusals).toBeLessThan(12);
    relay.qonto.faults.paths.clear();
    await liveThroughMinutes(relay, 16);
    expect(await isFilled(connection)).toBe(true);
  });
});
