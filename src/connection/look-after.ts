import { type Fields, logFailure } from "../platform/log.ts";
import { QontoRefusal, QontoUnavailable } from "../qonto/api-client.ts";
import { pauseConnection } from "../store/connection-tokens.ts";
import {
  type Connection,
  type ConnectionToLookAfter,
  claimConnection,
  connectionsToLookAfter,
  findConnection,
  releaseConnection,
} from "../store/connections.ts";
import { type Budget, ConnectionFault, type LookAfterContext, hasBudget } from "./context.ts";
import { noticeGaps } from "./gaps.ts";
import { isReconciliationDue, reconcileConnection } from "./reconcile.ts";
import { checkSubscriptions } from "./subscriptions.ts";
import { end, isRefreshDue, keepTokens, mayRefresh } from "./tokens.ts";

/** Of the cron's minute, for all connections. What is left goes on in the next run. */
const RUN_MS = 25_000;

/** For each connection and run: far below Qonto's limit of 1,000 in 10 s. */
const MOST_REQUESTS = 60;

/** The last request of a run takes up to 10 s, D1 may stall for longer. */
const LEASE_MS = 90_000;

/** Two hundred answers of 401 in an hour make Qonto throttle everything. */
const REFUSED_PAUSE_MS = 15 * 60_000;

/** Qonto may ask to wait. Longer than this, and one answer of a broken proxy would stop everything. */
const LONGEST_WAIT_SECONDS = 3_600;

const REVOKED = "The consent was withdrawn at Qonto. Connect the organization again.";
const OWN_FAULT = "The relay failed to look after the connection: its log says why.";

/** What is done for a connection with valid tokens, in this order, each with the connection as the one before has left it. */
interface Step {
  readonly isDue: (connection: Connection, now: number) => boolean;
  readonly run: (connection: Connection, context: LookAfterContext, budget: Budget) => Promise<unknown>;
}

const steps: readonly Step[] = [
  { isDue: ({ subscriptionsDueAt }, now) => now >= subscriptionsDueAt, run: checkSubscriptions },
  { isDue: isReconciliationDue, run: reconcileConnection },
];

/** Looks after the relay's connections to Qonto, once a minute. One that fails does not stop the others. */
export async function lookAfterConnections(context: LookAfterContext): Promise<Fields> {
  const { env, config, world } = context;
  const until = world.now() + RUN_MS;
  const failures: unknown[] = [];
  await noticeGaps(context).catch((error: unknown) => failures.push(error));
  const connections = await connectionsToLookAfter(env.DB, config.qonto);
  let lookedAfter = 0;
  for (const connection of connections) {
    try {
      if (isRevoked(connection)) await end(connection, { status: "revoked", why: REVOKED }, context);
      else if (world.now() < until && isDue(connection, world.now())) {
        await lookAfter(connection, context, until);
        lookedAfter += 1;
      }
    } catch (error) {
      logFailure("connection", error, { message: "connection.look_after_failed", connection_id: connection.id });
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "Some connections could not be looked after");
  return { connections: connections.length, looked_after_connections: lookedAfter };
}

/** A webhook has told so, by Qonto's clock. */
function isRevoked({ status, connectedAt, revokedAt }: ConnectionToLookAfter): boolean {
  return status !== "revoked" && revokedAt !== null && Date.parse(revokedAt) > connectedAt;
}

function isDue(connection: Connection, now: number): boolean {
  if (connection.status !== "connected") return false;
  if (isRefreshDue(connection, now) && mayRefresh(connection, now)) return true;
  return now >= connection.pausedUntil && steps.some((step) => step.isDue(connection, now));
}

/** Unless another run has the lease. */
async function lookAfter({ id }: Connection, context: LookAfterContext, until: number): Promise<void> {
  const { env, world } = context;
  const now = world.now();
  const claimed = await claimConnection(env.DB, id, { now, leaseUntil: now + LEASE_MS });
  if (claimed === null) return;
  try {
    const lastError = await takeSteps(claimed, context, { until, requests: MOST_REQUESTS });
    await releaseConnection(env.DB, claimed, world.now(), lastError);
  } catch (error) {
    const pauseMs = pauseAfter(error);
    if (pauseMs > 0) await pauseConnection(env.DB, id, world.now() + pauseMs);
    const isTold = isToldToOperators(error);
    await releaseConnection(env.DB, claimed, world.now(), isTold ? error.message : OWN_FAULT);
    if (!isTold) throw error;
  }
}

/** Returns what the operator is told of it; null: all is well. */
async function takeSteps(claimed: Connection, context: LookAfterContext, budget: Budget): Promise<string | null> {
  const { env, world } = context;
  const kept = await keepTokens(claimed, context);
  if (kept.state === "unusable") return kept.why;
  let connection: Connection | null = kept.connection;
  for (const step of steps) {
    if (!hasBudget(budget, world.now()) || world.now() < connection.pausedUntil) break;
    if (!step.isDue(connection, world.now())) continue;
    await step.run(connection, context, budget);
    connection = await findConnection(env.DB, claimed.id);
    if (connection === null || connection.status !== "connected") return null;
  }
  return null;
}

/** For how long Qonto is left alone. */
function pauseAfter(error: unknown): number {
  if (error instanceof QontoRefusal && error.status === 401) return REFUSED_PAUSE_MS;
  if (!(error instanceof QontoUnavailable)) return 0;
  return 1000 * Math.min(error.retryAfterSeconds ?? 0, LONGEST_WAIT_SECONDS);
}

/** Faults of others, and those that an operator can mend. Their messages are sentences, and hold nothing secret. */
function isToldToOperators(error: unknown): error is QontoRefusal | QontoUnavailable | ConnectionFault {
  return error instanceof QontoRefusal || error instanceof QontoUnavailable || error instanceof ConnectionFault;
}
