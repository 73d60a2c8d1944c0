import { logLine } from "../platform/log.ts";
import { sleep } from "../platform/timeout.ts";
import { QontoRefusal, QontoUnavailable } from "../qonto/api-client.ts";
import {
  type Connection,
  claimConnection,
  deleteClaimedConnection,
  findConnection,
  releaseConnection,
} from "../store/connections.ts";
import { ConnectionFault, type ConnectionContext } from "./context.ts";
import { openQonto } from "./open-qonto.ts";
import { callbackUrlOf, ownAmong } from "./subscription-plan.ts";
import { OutOfBudget, SubscriptionsAtQonto } from "./subscriptions-at-qonto.ts";
import { UndecryptableTokens } from "./tokens.ts";

/** A run of the cron that looks after the connection may be over soon. */
const CLAIM_TRIES = 5;
const CLAIM_PAUSE_MS = 2_000;

/** Somebody waits for the answer. */
const WORK_MS = 20_000;
const MOST_REQUESTS = 60;

/** The last request may take as long again. */
const LEASE_MS = 60_000;

/**
 * Ends a connection: deletes its subscriptions at Qonto, then its tokens. `busy`: a run of the cron has the connection.
 * `unavailable`: Qonto could not be asked, and the connection stays, with what is left of its subscriptions. Repeated, it goes on.
 */
export async function disconnect(
  connection: Pick<Connection, "id">,
  context: ConnectionContext,
): Promise<"disconnected" | "busy" | "unavailable"> {
  const { env, world } = context;
  const startedAt = world.now();
  const claimed = await claimPatiently(connection.id, context);
  if (claimed === null) return (await findConnection(env.DB, connection.id)) === null ? "disconnected" : "busy";

  const removed = await removeSubscriptions(claimed, context);
  if (removed === "unavailable") {
    await releaseConnection(env.DB, claimed, world.now(), claimed.lastError);
    return "unavailable";
  }
  if (!(await deleteClaimedConnection(env.DB, claimed))) return "busy";
  logLine("connection", {
    message: "connection.disconnected",
    connection_id: claimed.id,
    organization_id: claimed.organizationId,
    deleted_subscriptions: removed,
    duration_ms: world.now() - startedAt,
  });
  return "disconnected";
}

/** Keeps the cron away, which would restore what is deleted. */
async function claimPatiently(id: string, { env, world }: ConnectionContext): Promise<Connection | null> {
  for (let attempt = 1; ; attempt += 1) {
    const now = world.now();
    const claimed = await claimConnection(env.DB, id, { now, leaseUntil: now + LEASE_MS });
    if (claimed !== null || attempt === CLAIM_TRIES) return claimed;
    await sleep(CLAIM_PAUSE_MS, world);
  }
}

/** Returns how many there were. Where Qonto lets the relay in no more, there is nothing that it could do. */
async function removeSubscriptions(
  connection: Connection,
  context: ConnectionContext,
): Promise<number | "unavailable"> {
  // Tokens of the other environment are shown to nobody.
  if (connection.status !== "connected" || connection.environment !== context.config.qonto.environment) return 0;
  const { id, relayUrl, subscriptions } = connection;
  const budget = { until: context.world.now() + WORK_MS, requests: MOST_REQUESTS };
  const atQonto = new SubscriptionsAtQonto(openQonto(connection, context), budget, context.world);
  try {
    const mark = { connectionId: id, callbackUrl: callbackUrlOf(relayUrl) };
    const own = ownAmong(await atQonto.list(), subscriptions, mark);
    for (const one of own) await atQonto.delete(one.id);
    return own.length;
  } catch (error) {
    if (isShutOut(error)) return 0;
    if (isWorthRepeating(error)) return "unavailable";
    throw error;
  }
}

function isShutOut(error: unknown): boolean {
  return error instanceof UndecryptableTokens || (error instanceof QontoRefusal && [401, 403].includes(error.status));
}

function isWorthRepeating(error: unknown): boolean {
  return [QontoRefusal, QontoUnavailable, OutOfBudget, ConnectionFault].some((kind) => error instanceof kind);
}
