import { announceEvents, announceOperationalEvent } from "../announce.ts";
import { isoTime } from "../domain/instant.ts";
import { firstLease } from "../domain/lease.ts";
import { type OperationalEvent, operationalEvent } from "../domain/operational-event.ts";
import { byId } from "../messages.ts";
import { logLine } from "../platform/log.ts";
import { type QontoClient, QontoRefusal, QontoUnavailable, TooManyResults } from "../qonto/api-client.ts";
import { type Item, idOf } from "../reconciliation/compare.ts";
import { fetchOrganization, listableTypes } from "../reconciliation/listings.ts";
import { readPage } from "../reconciliation/read-page.ts";
import { IncompleteListing, type Reading, beginReading, withoutAccount } from "../reconciliation/reading.ts";
import type { Connection } from "../store/connections.ts";
import { finishReconciliation, recordPage, writeReconciliation } from "../store/reconciliation.ts";
import { type Budget, type LookAfterContext, hasBudget } from "./context.ts";
import { type FindContext, type Findings, findDifferences, nothingFound } from "./find-differences.ts";
import { openQonto } from "./open-qonto.ts";
import { type SearchPlace, searchUnlisted } from "./search-unlisted.ts";
import {
  type LastRun,
  type Run,
  afterFault,
  afterPage,
  afterRefusedAccount,
  afterSearch,
  beginRun,
  completeUntilOf,
  finishRun,
  isComplete,
  readLastRun,
  readRun,
  sinceOf,
  sinceOfNewAccounts,
} from "./run.ts";

/** What one run of the cron works with. */
interface ReconcileContext extends LookAfterContext {
  readonly connection: Connection;
  readonly budget: Budget;
  readonly qonto: QontoClient;
  readonly previous: LastRun | null;
  /** Unix milliseconds. */
  readonly startedAt: number;
}

/** After so many failures in a row, within about an hour, the types behind the one that is being read have their turn. */
const MOST_FAILURES = 8;

/**
 * Compares what the bank lists with what the relay has, and records what the relay lacks: page by page, as far
 * as the budget goes. The next run of the cron goes on behind the last page that was recorded. Throws QontoRefusal and
 * QontoUnavailable.
 */
export async function reconcileConnection(
  connection: Connection,
  surroundings: LookAfterContext,
  budget: Budget,
): Promise<void> {
  const { world } = surroundings;
  const startedAt = world.now();
  const begun = readRun(connection, startedAt);
  let run = begun;
  const qonto = openQonto(connection, surroundings);
  const previous = readLastRun(connection.lastReconciliation);
  const context: ReconcileContext = { ...surroundings, connection, budget, qonto, previous, startedAt };
  try {
    while (!isRead(run) && hasBudget(budget, world.now())) run = await readOn(run, context);
    if (isRead(run)) await finish(run, context);
    else logRun("reconciliation.paused", run, context);
  } catch (error) {
    if (error instanceof LeaseLost) return logRun("reconciliation.left", run, context);
    // A page that was recorded has ended the failures before.
    const failures = run === begun ? connection.stepFailures + 1 : 1;
    if (run !== null && failures >= MOST_FAILURES && error instanceof QontoUnavailable) {
      await leaveType(run, error, context);
    }
    throw error;
  }
}

/** Notes the type whose list is not available as one that cannot be read. */
async function leaveType(run: Run, { message }: QontoUnavailable, context: ReconcileContext): Promise<void> {
  const left = afterFault(run, message, { isCovered: true });
  await writeReconciliation(context.env.DB, context.connection, JSON.stringify(left));
}

/** Whether every type was read to its end. */
function isRead(run: Run | null): run is Run {
  return run !== null && run.types_left.length === 0;
}

/** Another run of the cron has the connection by now, because D1 or Qonto has kept this one waiting. */
class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

/** Begins a run, reads its next page, or searches for what a list lacks. What it returns has been written down. */
async function readOn(run: Run | null, context: ReconcileContext): Promise<Run> {
  if (run === null) return begin(context);
  const { types_left, reading, search } = run;
  const [type] = types_left;
  if (type === undefined) return run;
  if (reading === null || search === null) return readNextPage(run, type, context);
  return searchOn(run, type, { reading, search }, context);
}

async function begin(context: ReconcileContext): Promise<Run> {
  const { connection, previous, qonto, config, world } = context;
  const { id, accounts } = await askForOrganization(context);
  if (id !== connection.organizationId) throw new QontoRefusal(200, "the access token is of another organization.");
  const { types, backfillDays } = config.qonto;
  const run = beginRun({
    types: listableTypes.filter((type) => types === null || types.includes(type)),
    previous,
    backfillDays,
    // By the slower clock: what changed since then is read again by the next run.
    now: Math.min(qonto.answeredAtMs ?? Infinity, world.now()),
    accountIds: accounts.map((account) => idOf("v1/accounts", account)),
    answers: { due_at: connection.reconciliationDueAt, since: connection.reconciliationSince },
  });
  return record(run, nothingFound, context);
}

function askForOrganization({ qonto, budget }: ReconcileContext) {
  budget.requests -= 1;
  return fetchOrganization(qonto);
}

async function readNextPage(run: Run, type: string, context: ReconcileContext): Promise<Run> {
  const page = await readPageOf(run, type, context);
  if ("fault" in page) return record(afterFaultOf(run, page), nothingFound, context);
  const { fresh, read, next } = page;
  const found = await findDifferences(type, fresh, findContext(run, type, context));
  return record(afterPage(run, { listed: fresh.length, read, next, ...found }), found, context);
}

function findContext(run: Run, type: string, { env, connection, previous, world }: ReconcileContext): FindContext {
  const isFirstReading = completeUntilOf(type, previous) === null;
  return { db: env.DB, connection, run, isFirstReading, now: world.now() };
}

async function searchOn(run: Run, type: string, place: SearchPlace, context: ReconcileContext): Promise<Run> {
  const { budget, qonto, world } = context;
  const found = await searchUnlisted(type, place, { ...findContext(run, type, context), qonto, budget, world });
  return record(afterSearch(run, found), found, context);
}

interface ReadPage {
  readonly fresh: readonly Item[];
  readonly read: Reading | null;
  readonly next: Reading | null;
}

/** Why the list of a type cannot be read to its end. `isCovered` is false where Qonto does not list it with this token. */
interface TypeFault {
  readonly fault: string;
  readonly isCovered: boolean;
  /** The one that is at fault, and where the others go on; null: the type is. */
  readonly account: { readonly id: string; readonly next: Reading | null } | null;
}

function afterFaultOf(run: Run, { fault, isCovered, account }: TypeFault): Run {
  return account === null
    ? afterFault(run, fault, { isCovered })
    : afterRefusedAccount(run, account.id, { fault, isCovered, next: account.next });
}

async function readPageOf(run: Run, type: string, context: ReconcileContext): Promise<ReadPage | TypeFault> {
  const reading = run.reading ?? beginReadingOf(run, type, context);
  try {
    if (reading !== null) {
      context.budget.requests -= 1;
      return await readPage(reading, context.qonto);
    }
    const { shown, accounts } = await askForOrganization(context);
    return { fresh: type === "v1/accounts" ? accounts : [shown], read: null, next: null };
  } catch (error) {
    const fault = faultOfType(error, { type, reading, previous: context.previous });
    if (fault === null) throw error;
    return fault;
  }
}

function beginReadingOf(run: Run, type: string, { previous, config }: ReconcileContext): Reading | null {
  const { backfillDays } = config.qonto;
  const sinceMs = sinceOf(type, run, { previous, backfillDays });
  const sinceMsOfAccounts = sinceOfNewAccounts(run, { previous, backfillDays });
  return beginReading(type, { accountIds: run.account_ids, sinceMs, sinceMsOfAccounts, asOfMs: run.as_of });
}

interface BeingRead extends Pick<ReconcileContext, "previous"> {
  readonly type: string;
  readonly reading: Reading | null;
}

/** Null for an error that concerns all types, or may be over soon. */
function faultOfType(error: unknown, beingRead: BeingRead): TypeFault | null {
  const isUnreadable = error instanceof TooManyResults || error instanceof IncompleteListing;
  if (!isUnreadable && !(error instanceof QontoRefusal && error.status !== 401)) return null;
  const { message: fault } = error;
  const isScope = error instanceof QontoRefusal && error.status === 403 && /\bscope\b/i.test(error.detail);
  if (isScope) return { fault, isCovered: false, account: null };
  const { type, reading, previous } = beingRead;
  const id = reading?.accounts[0] ?? null;
  const account = reading === null || id === null ? null : { id, next: withoutAccount(reading) };
  const isRefused = error instanceof QontoRefusal && [403, 404].includes(error.status);
  // What was listed before is expected to be listed again: nothing says that the token may not.
  const isCovered = !isRefused || (account === null && completeUntilOf(type, previous) !== null);
  return { fault, isCovered, account };
}

/** Writes down what was found and how far the run is, and announces what was missed. Throws LeaseLost. */
async function record(run: Run, found: Findings, { connection, env, counters, world }: ReconcileContext): Promise<Run> {
  if (!(await recordPage(env.DB, connection, found, JSON.stringify(run)))) throw new LeaseLost();
  for (const difference of ["missing", "drifted"] as const) {
    const delivered = found.recovered[difference];
    const kept = found.differences[difference] - delivered;
    const name = "qonto_relay_reconciled_events_total";
    if (delivered > 0) counters.count(name, { difference, road: "delivery" }, delivered);
    if (kept > 0) counters.count(name, { difference, road: "history" }, kept);
  }
  const messages = found.missed.map(({ id, receivedAt }) => byId(id, firstLease(receivedAt)));
  await announceEvents(env, messages, world);
  return run;
}

/** Writes down what the run has found. It is told where webhooks were missed; a fill finds what was there before. */
async function finish(run: Run, context: ReconcileContext): Promise<void> {
  const { connection, env, world } = context;
  const now = world.now();
  const result = finishRun(run, context.previous, now);
  const finished = {
    result: JSON.stringify(result),
    reconciledUntil: isComplete(run) ? run.as_of : null,
    answered: { dueAt: run.answers.due_at, since: run.answers.since },
    nextDueAt: result.next_due_at,
  };
  const told = toldBy(run, connection, now);
  if (!(await finishReconciliation(env.DB, connection, finished, told))) throw new LeaseLost();
  if (told !== null) await announceOperationalEvent(env, told.id, world);
  logRun("reconciliation.finished", run, context);
}

function toldBy({ kind, since, as_of, recovered }: Run, connection: Connection, now: number): OperationalEvent | null {
  const { missing, drifted } = recovered;
  if (kind === "fill" || missing + drifted === 0) return null;
  return operationalEvent("relay.reconciliation.recovered", {
    transition: `${connection.id}_${as_of}`,
    organizationId: connection.organizationId,
    at: now,
    data: {
      connection_id: connection.id,
      organization_name: connection.organizationName,
      since: isoTime(since),
      as_of: isoTime(as_of),
      missing,
      drifted,
    },
  });
}

function logRun(message: string, run: Run | null, { connection, world, startedAt }: ReconcileContext): void {
  const total = (name: "listed" | "missing" | "drifted" | "extra") =>
    run?.types.reduce((sum, one) => sum + one[name], 0);
  logLine("connection", {
    message,
    connection_id: connection.id,
    organization_id: connection.organizationId,
    kind: run?.kind,
    listed: total("listed"),
    missing: total("missing"),
    drifted: total("drifted"),
    extra: total("extra"),
    recovered: run === null ? undefined : run.recovered.missing + run.recovered.drifted,
    types_left: run?.types_left.length,
    faulty_types: run?.types.filter(({ fault }) => fault !== null).map(({ type }) => type),
    duration_ms: world.now() - startedAt,
  });
}
