import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { sleep } from "../../../src/platform/timeout.ts";
import type { Connection } from "../../../src/store/connections.ts";
import { connectDirectly, qontoApplication } from "../support/connected-relay.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import {
  REFRESH_IS_DUE_SECONDS,
  killAtWriteOfTokens,
  liveThroughMinutes,
  lookAfter,
  rowOf,
  tokenRequests,
  works,
} from "./scene.ts";

beforeEach(emptyDatabase);

const MINUTE_MS = 60_000;

interface Scene {
  readonly relay: TestRelay;
  readonly connection: Connection;
}

/** A relay whose tokens are due to be refreshed, and nothing else of the connection is. The access token lasts as long as given. */
async function relayWithOldTokens(lastsMinutes?: number): Promise<Scene> {
  const relay = new TestRelay(qontoApplication);
  const connection = await connectDirectly(relay);
  relay.passSeconds(REFRESH_IS_DUE_SECONDS);
  const accessExpiresAt =
    lastsMinutes === undefined ? connection.accessExpiresAt : relay.now + lastsMinutes * MINUTE_MS;
  await env.DB.prepare(
    "UPDATE connections SET access_expires_at = ?1, subscriptions_due_at = 9e15, reconciliation_due_at = 9e15",
  )
    .bind(accessExpiresAt)
    .run();
  return { relay, connection };
}

/** Has requests for tokens answered so. Returns what has Qonto answer them itself again. */
function answerTokens({ qonto, clock }: TestRelay, status: number, retryAfter?: string): () => void {
  const { fetch } = qonto;
  const headers: HeadersInit = retryAfter === undefined ? {} : { "retry-after": retryAfter };
  const answering = async (url: string, init: RequestInit) => {
    const { pathname } = new URL(url);
    if (pathname !== "/oauth2/token") return fetch(url, init);
    qonto.calls.push(`POST ${pathname}`);
    await sleep(100, clock);
    return Response.json({ error: "busy" }, { status, headers });
  };
  Object.assign(qonto, { fetch: answering });
  return () => Object.assign(qonto, { fetch });
}

/** Minutes from an attempt that fails to the next one, of the first and of those that follow. */
async function pausesOf({ relay, connection }: Scene, many: number): Promise<number[]> {
  const pauses: number[] = [];
  while (pauses.length < many) {
    await lookAfter(relay);
    const { pausedUntil, refreshAttemptedAt } = await rowOf(connection);
    expect(refreshAttemptedAt).toBeNull();
    pauses.push(Math.round((pausedUntil - relay.now) / MINUTE_MS));
    relay.passTo(pausedUntil);
  }
  expect(tokenRequests(relay)).toBe(many);
  return pauses;
}

describe.each([429, 503])("a refresh that Qonto says it has not made (%i)", (status) => {
  it("is tried again after 1, 2, 4, 8 and then every 15 minutes", async () => {
    const scene = await relayWithOldTokens(0);
    answerTokens(scene.relay, status);
    expect(await pausesOf(scene, 7)).toEqual([1, 2, 4, 8, 15, 15, 15]);
  });

  it.each([
    ["5", 1],
    ["120", 2],
    ["600", 10],
    ["86400", 60],
  ])("is not tried before its Retry-After of %s s, up to an hour", async (retryAfter, minutes) => {
    const scene = await relayWithOldTokens(0);
    const { relay, connection } = scene;
    const answerAgain = answerTokens(relay, status, retryAfter);
    await lookAfter(relay);
    const { pausedUntil, lastError } = await rowOf(connection);
    expect((pausedUntil - relay.now) / MINUTE_MS).toBe(minutes);
    expect(lastError).toBe(`Qonto answers ${status}.`);
    answerAgain();
    await liveThroughMinutes(relay, minutes - 1);
    relay.passTo(pausedUntil - 1);
    await lookAfter(relay);
    await relay.runQueues();
    expect(tokenRequests(relay)).toBe(1);
    relay.passTo(pausedUntil);
    await lookAfter(relay);
    expect(tokenRequests(relay)).toBe(2);
    expect(await rowOf(connection)).toMatchObject({ lastError: null, refreshFailures: 0 });
    expect(await works(relay, connection)).toBe(true);
  });

  it("is tried once more three minutes before the access token ends, and then as Qonto asks", async () => {
    const scene = await relayWithOldTokens(18);
    answerTokens(scene.relay, status, "3600");
    expect(await pausesOf(scene, 3)).toEqual([15, 60, 60]);
  });

  it("costs no token that an attempt before it may have exchanged: it is tried again while Qonto takes the old one", async () => {
    const { relay, connection } = await relayWithOldTokens();
    const revive = killAtWriteOfTokens(relay);
    await expect(relay.runCron()).rejects.toThrow("The process is gone");
    revive();
    const answerAgain = answerTokens(relay, status, "600");
    await relay.liveThrough(20);
    expect(tokenRequests(relay)).toBe(2);
    answerAgain();
    await relay.liveThrough(20);
    expect(tokenRequests(relay)).toBe(3);
    expect(await rowOf(connection)).toMatchObject({ status: "connected", lastError: null, refreshFailures: 0 });
    expect(await works(relay, connection)).toBe(true);
  });

  it("costs nothing when the answer behind it is lost", async () => {
    const { relay, connection } = await relayWithOldTokens();
    const answerAgain = answerTokens(relay, status);
    await lookAfter(relay);
    answerAgain();
    relay.qonto.faults.paths.set("/oauth2/token", { answer: "lost", times: 1 });
    await liveThroughMinutes(relay, 2);
    expect(tokenRequests(relay)).toBe(3);
    expect(await rowOf(connection)).toMatchObject({ status: "connected", lastError: null, refreshFailures: 0 });
    expect(await works(relay, connection)).toBe(true);
  });
});

it("a refresh that may have been made is repeated within a minute whatever Retry-After it comes with", async () => {
  const { relay } = await relayWithOldTokens();
  answerTokens(relay, 500, "3600");
  await lookAfter(relay);
  await relay.liveThrough(50);
  expect(tokenRequests(relay)).toBe(4);
});
