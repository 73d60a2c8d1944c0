import { env } from "cloudflare:workers";
import { reconcileConnection } from "../../../src/connection/reconcile.ts";
import type { Bindings } from "../../../src/env.ts";
import { encrypt } from "../../../src/platform/encryption.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { type Connection, claimConnection, releaseConnection } from "../../../src/store/connections.ts";
import { connectDirectly, qontoApplication } from "../support/connected-relay.ts";
import { interceptDatabase, never } from "../support/database.ts";
import { TestRelay } from "../support/relay.ts";
import { database } from "../support/store.ts";
import { contextOf, rowOf } from "./scene.ts";

/** As the cron gives it. */
export const LEASE_MS = 90_000;
const RUN_MS = 25_000;

/** What stands between a run of the cron and D1, Qonto and the queue. */
export type OnCall = <Value>(call: string, proceed: () => Promise<Value>) => Promise<Value>;

const undisturbed: OnCall = (_call, proceed) => proceed();

interface Options {
  readonly requests?: number;
  readonly onCall?: OnCall;
  /** Rejects when the process dies in which it runs. */
  readonly died?: Promise<never>;
}

type Counts = Readonly<Record<string, number>>;

/**
 * One run of the cron: claims the connection, reconciles it and gives it back, unless the process dies meanwhile. Answers what
 * it has counted.
 */
export async function reconcile(relay: TestRelay, id: string, options: Options = {}): Promise<Counts> {
  const { requests = 60, onCall = undisturbed, died = never } = options;
  const connection = await claimConnection(database, id, { now: relay.now, leaseUntil: relay.now + LEASE_MS });
  if (connection === null) throw new Error("Another run of the cron has the connection");
  const context = contextOf(relay, between(relay, onCall));
  const budget = { until: relay.now + RUN_MS, requests };
  const isDue = relay.now >= connection.reconciliationDueAt;
  const work = isDue && reconcileConnection(connection, context, budget);
  try {
    await relay.clock.waitFor(Promise.race([work, died]));
  } catch (error) {
    if (!(error instanceof Died)) await releaseConnection(database, connection, relay.now, String(error));
    throw error;
  }
  await releaseConnection(database, connection, relay.now, null);
  return context.counters.take(relay.now);
}

function between(relay: TestRelay, onCall: OnCall) {
  const bindings: Bindings = {
    ...relay.env,
    DB: interceptDatabase(relay.env.DB, ({ statements }, proceed) => onCall(statements.join(";"), proceed)),
    EVENTS: {
      ...relay.env.EVENTS,
      sendBatch: (messages, sending) => onCall("sendBatch", () => relay.env.EVENTS.sendBatch(messages, sending)),
    },
  };
  const fetch = (url: string, init: RequestInit) => onCall(url, () => relay.qonto.fetch(url, init));
  return { bindings, fetch };
}

/** Runs of the cron, a minute apart, until no reconciliation is in progress or due. Answers how many there were. */
export async function reconcileWhole(relay: TestRelay, id: string, options: Options = {}): Promise<number> {
  for (let runs = 1; runs <= 200; runs += 1) {
    await reconcile(relay, id, options);
    const { reconciliation, reconciliationDueAt } = await connectionOf(id);
    if (reconciliation === null && reconciliationDueAt > relay.now) return runs;
    relay.passSeconds(60);
  }
  throw new Error("The reconciliation does not come to its end");
}

export async function connectionOf(id: string): Promise<Connection> {
  return rowOf({ id });
}

/** The process that made a call is gone. */
class Died extends Error {}

/** Kills the process at its call of that index, from 0: before the call, or when it is done. */
function killAt(
  index: number,
  when: "before" | "done",
): Required<Pick<Options, "onCall" | "died">> & { isDead: () => boolean } {
  const { promise: died, reject } = Promise.withResolvers<never>();
  died.catch(() => undefined);
  let calls = 0;
  let isDead = false;
  const onCall: OnCall = async (_call, proceed) => {
    if (isDead) return never;
    calls += 1;
    if (calls <= index) return proceed();
    isDead = true;
    if (when === "done") await proceed();
    reject(new Died());
    return never;
  };
  return { onCall, died, isDead: () => isDead };
}

export interface Scene {
  readonly relay: TestRelay;
  readonly id: string;
}

export const DESTINATION = "https://destination.example.com/hook";

/** An organization that has just been connected, and a destination that gets all its events. `before`: what the bank has by then. */
export async function connected(
  before: (relay: TestRelay) => void = () => undefined,
  changes: Partial<Bindings> = {},
): Promise<Scene> {
  const relay = new TestRelay({ ...qontoApplication, ...changes });
  await relay.addDestination(DESTINATION);
  before(relay);
  relay.passSeconds(3600);
  const { id } = await connectDirectly(relay);
  await takeLastingToken(relay, id);
  return { relay, id };
}

/** An access token lasts an hour, and these tests a day. */
async function takeLastingToken({ env: { ENCRYPTION_KEYS = "" }, qonto }: TestRelay, id: string): Promise<void> {
  const token = await encrypt([ENCRYPTION_KEYS], qonto.accessToken, id, realWorld);
  const update = env.DB.prepare("UPDATE connections SET access_token = ?2, access_expires_at = ?3 WHERE id = ?1");
  await update.bind(id, token, Number.MAX_SAFE_INTEGER).run();
}

/** The same after its state has been filled, and a day later. */
export async function filled(before?: (relay: TestRelay) => void, changes?: Partial<Bindings>): Promise<Scene> {
  const scene = await connected(before, changes);
  await reconcileWhole(scene.relay, scene.id);
  scene.relay.passSeconds(86_400);
  return scene;
}

/** Ids of the events that the destination has got, once for each time. */
export function deliveredIds(relay: TestRelay): (string | null)[] {
  return relay.destinations.at(DESTINATION).map(({ headers }) => headers.get("webhook-id"));
}

export async function countRows(table: "events" | "resources"): Promise<number> {
  const ofQonto = table === "events" ? "WHERE type NOT LIKE 'relay.%'" : "";
  return Number(await env.DB.prepare(`SELECT count(*) AS many FROM ${table} ${ofQonto}`).first("many"));
}

/** One run of the cron. Returns why it failed; null: it did not. */
export async function failedRun({ relay, id }: Scene): Promise<unknown> {
  try {
    await reconcile(relay, id);
  } catch (error) {
    return error;
  }
  return null;
}

/** One run of the cron, killed at its call of that index. False: it had fewer. */
export async function isKilled({ relay, id }: Scene, index: number, when: "before" | "done"): Promise<boolean> {
  try {
    await reconcile(relay, id, killAt(index, when));
    return false;
  } catch (error) {
    if (!(error instanceof Died)) throw error;
    // The lease of the dead has to end first.
    relay.passSeconds(LEASE_MS / 1000);
    return true;
  }
}
