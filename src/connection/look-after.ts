import { type Fields, logFailure, logLine } from "../platform/log.ts";
import { QontoRefusal, QontoUnavailable } from "../qonto/api-client.ts";
import {
  type Connection,
  type ConnectionToLookAfter,
  claimConnection,
  connectionsToLookAfter,
  findConnection,
  pauseConnection,
  releaseConnection,
} from "../store/connections.ts";
import { type Budget, type LookAfterContext, ConnectionFault, hasBudget } from "./context.ts";
import { noticeGaps } from "./gaps.ts";
import { pauseMs } from "./pauses.ts";
import { reconcileConnection } from "./reconcile.ts";
import { describeGaps, readLastRun } from "./run.ts";
import { checkSubscriptions } from "./subscriptions.ts";
import { keepTokens, loseConnection } from "./tokens.ts";

/** Of the cron's minute, for all connections. What is left goes on in the next run. */
const RUN_MS = 25_000;

/** For each connection and run: far below Qonto's limit of 1,000 in 10 s. */
const MOST_REQUESTS = 60;

/** The last request of a run takes up to 10 s, D1 may stall for longer. */
const LEASE_MS = 90_000;

const MS_PER_MINUTE = 60_000;

/** Two hundred answers of 401 in an hour make Qonto throttle everything. */
const REFUSED_PAUSE_MS = 15 * MS_PER_MINUTE;

/** While Qonto is not available: until the next run, then longer. */
const PAUSES_MINUTES = [0.5, 1, 3, 7];

const REVOKED = "The consent was withdrawn at Qonto. Connect the organization again.";
const OWN_FAULT = "The relay failed to look after the connection: its log says why.";

/** What is done for a connection with valid tokens. Each gets the connection as the one before has left it. */
interface Step {
  /** Begins the sentence about its failure, which stays until the step is taken again. */
  readonly name: string;
  readonly dueAt: (connection: Connection) => number;
  readonly run: (connection: Connection, context: LookAfterContext, budget: Budget) => Promise<unknown>;
}

const RECONCILIATION = "Reconciliation";

const steps: readonly Step[] = [
  { name: "Subscriptions", dueAt: ({ subscriptionsDueAt }) => subscriptionsDueAt, run: checkSubscriptions },
  { name: RECONCILIATION, dueAt: ({ reconciliationDueAt }) => reconciliationDueAt, run: reconcileConnection },
];

/** Looks after the relay's connections to Qonto, once a minute. One that fails does not stop the others. */
export async function lookAfterConnections(context: LookAfterContext): Promise<Fields> {
  const { env, config, world } = context;
  const until = world.now() + RUN_MS;
  const failures: unknown[] = [];
  const fail = (error: unknown, fields: Fields) => {
    logFailure("connection", error, fields);
    failures.push(error);
  };
  await noticeGaps(context).catch((error: unknown) => fail(error, { message: "gaps.notice_failed" }));
  const connections = await connectionsToLookAfter(env.DB, config.qonto);
  for (const connection of connections) {
    try {
      if (isRevoked(connection)) await loseConnection(connection, { status: "revoked", why: REVOKED }, context);
      else if (connection.status === "connected" && world.now() < until) await lookAfter(connection, context, until);
    } catch (error) {
      fail(error, { message: "connection.look_after_failed", connection_id: connection.id });
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "Some connections could not be looked after");
  return { connections: connections.length };
}

/** A webhook has told so, by Qonto's clock. */
function isRevoked({ status, connectedAt, revokedAt }: ConnectionToLookAfter): boolean {
  return status !== "revoked" && revokedAt !== null && Date.parse(revokedAt) > connectedAt;
}

/** Tokens have a guard of their own: a run that died in its steps, with its lease, does not keep them from being refreshed. */
async function lookAfter(listed: Connection, context: LookAfterContext, until: number): Promise<void> {
  const { env, world } = context;
  const connection = await keepTokens(listed, context);
  const now = world.now();
  if (connection === null || !steps.some((step) => isDue(step, connection, now))) return;
  const claimed = await claimConnection(env.DB, connection.id, { now, leaseUntil: now + LEASE_MS });
  // Another run has it.
  if (claimed === null) return;
  let lastError: string | null = OWN_FAULT;
  try {
    lastError = await takeSteps(claimed, context, { until, requests: MOST_REQUESTS });
  } finally {
    await releaseConnection(env.DB, claimed, world.now(), lastError);
  }
}

/** Not while tokens are being refreshed: Qonto may no longer take the access token, and `paused_until` belongs to the attempt. */
function isDue({ dueAt }: Step, connection: Connection, now: number): boolean {
  const { status, refreshAttemptedAt, pausedUntil } = connection;
  return status === "connected" && refreshAttemptedAt === null && now >= Math.max(pausedUntil, dueAt(connection));
}

/** Whether a sentence tells a failure of this step. */
function isOf({ name }: Step, error: string | null): boolean {
  return error?.startsWith(name) ?? false;
}

/** Returns what the operator is told; null: all is well. */
async function takeSteps(claimed: Connection, context: LookAfterContext, budget: Budget): Promise<string | null> {
  const { env, world } = context;
  let lastError = steps.some((step) => isOf(step, claimed.lastError)) ? claimed.lastError : null;
  // The one that failed last comes last: it may fail for ever, and pause the connection each time.
  const inTurn = steps.toSorted((one, other) => Number(isOf(one, lastError)) - Number(isOf(other, lastError)));
  let connection: Connection | null = claimed;
  for (const step of inTurn) {
    if (connection === null || !hasBudget(budget, world.now()) || !isDue(step, connection, world.now())) continue;
    const error = await take(step, connection, context, budget);
    if (error !== null || isOf(step, lastError)) lastError = error;
    connection = await findConnection(env.DB, claimed.id);
  }
  return lastError ?? unreadIn(connection);
}

/** What the last reconciliation could not read stays told until one reads all. It is no failure of the step: nothing is paused. */
function unreadIn(connection: Connection | null): string | null {
  const last = readLastRun(connection?.lastReconciliation ?? null);
  const gaps = last && describeGaps(last);
  return gaps === null ? null : `${RECONCILIATION}: ${gaps}`;
}

/** Returns why it failed. The messages of Qonto's faults and of an operator's are sentences, and hold nothing secret. */
async function take(
  step: Step,
  connection: Connection,
  context: LookAfterContext,
  budget: Budget,
): Promise<string | null> {
  try {
    await step.run(connection, context, budget);
    return null;
  } catch (error) {
    const isTold =
      error instanceof QontoRefusal || error instanceof QontoUnavailable || error instanceof ConnectionFault;
    if (!isTold) throw error;
    await pauseAfter(error, step, connection, context);
    logLine("connection", {
      message: "step.failed",
      connection_id: connection.id,
      organization_id: connection.organizationId,
      step: step.name.toLowerCase(),
      reason: error.message,
    });
    return `${step.name}: ${error.message}`;
  }
}

/** Leaves Qonto alone for a while. A step that has put itself off, and is due no longer, leaves the others their turn. */
async function pauseAfter(
  error: Error,
  step: Step,
  { id }: Connection,
  { env, world }: LookAfterContext,
): Promise<void> {
  const connection = await findConnection(env.DB, id);
  if (connection === null || !isDue(step, connection, world.now())) return;
  const forMs = pauseMsAfter(error, connection.stepFailures);
  if (forMs > 0) await pauseConnection(env.DB, id, world.now() + forMs);
}

/** `failures`: how many came before it, in a row. */
function pauseMsAfter(error: Error, failures: number): number {
  if (error instanceof QontoRefusal) return REFUSED_PAUSE_MS;
  if (!(error instanceof QontoUnavailable)) return 0;
  return pauseMs(PAUSES_MINUTES[failures], error.retryAfterSeconds);
}
