import type { RelayEvent } from "../domain/event.ts";
import { type Instant, parseInstant } from "../domain/instant.ts";
import { firstLease } from "../domain/lease.ts";
import { byId, measure, pack } from "../messages.ts";
import { logFailure, logLine } from "../platform/log.ts";
import { withTimeout } from "../platform/timeout.ts";
import { type QontoClient, QontoRefusal, QontoUnavailable, TooManyResults } from "../qonto/api-client.ts";
import { parseBody, readEnvelope } from "../qonto/envelope.ts";
import { toEvent } from "../qonto/read-event.ts";
import { type ResourceSnapshot, readData, readResource } from "../qonto/resource.ts";
import { type Difference, type Item, type Known, type ReconciledEvent, compareItems, idOf } from "../reconciliation/compare.ts";
import { findOrganization, listableTypes } from "../reconciliation/listings.ts";
import { IncompleteListing, readPage } from "../reconciliation/read-page.ts";
import { beginReading } from "../reconciliation/reading.ts";
import type { Connection } from "../store/connections.ts";
import {
  type PageFindings,
  findRecorded,
  finishReconciliation,
  recordPage,
  writeReconciliation,
} from "../store/reconciliation.ts";
import { type ResourceRow, findResources } from "../store/resources.ts";
import { type Budget, type ConnectionContext, hasBudget } from "./context.ts";
import { openQonto } from "./open-qonto.ts";
import {
  type Differences,
  type LastRun,
  type Progress,
  type Run,
  afterFailure,
  afterFault,
  afterPage,
  beginRun,
  completeUntilOf,
  finishRun,
  isComplete,
  isCurrent,
  nextRunAt,
  readLastRun,
  readProgress,
  sinceOf,
} from "./run.ts";

interface Work {
  readonly connection: Connection;
  readonly context: ConnectionContext;
  readonly budget: Budget;
  readonly qonto: QontoClient;
  readonly previous: LastRun | null;
}

/**
 * Compares what the bank lists with what the relay has, if that is due, and records what the relay lacks: page by page, as far
 * as the budget goes. The next run of the cron goes on behind the last page that was recorded. Throws QontoRefusal and
 * QontoUnavailable when that has to wait.
 */
export async function reconcileConnection(
  connection: Connection,
  context: ConnectionContext,
  budget: Budget,
): Promise<void> {
  const { world } = context;
  const startedAt = world.now();
  const progress = readProgress(connection.reconciliation);
  const dueAt = Math.max(connection.reconciliationDueAt, progress.not_before);
  if (startedAt < dueAt || !hasBudget(budget, startedAt)) return;

  const qonto = openQonto(connection, context);
  const work = { connection, context, budget, qonto, previous: readLastRun(connection.lastReconciliation) };
  let run = progress.run !== null && isCurrent(progress.run, startedAt) ? progress.run : null;
  let pages = 0;
  try {
    run ??= await begin(work);
    while (!isRead(run) && hasBudget(budget, world.now())) {
      run = await readNextPage(run, work);
      pages += 1;
    }
    if (isRead(run)) await finish(run, work);
  } catch (error) {
    if (error instanceof LeaseLost) return logRun("reconciliation.left", run, work, { pages, startedAt });
    await postpone({ ...progress, run, failures: pages === 0 ? progress.failures : 0 }, error, work);
    throw error;
  }
  logRun(isRead(run) ? "reconciliation.finished" : "reconciliation.paused", run, work, { pages, startedAt });
}

function isRead({ types_left }: Run): boolean {
  return types_left.length === 0;
}

/** Another run of the cron has the connection by now, because D1 or Qonto has kept this one waiting for too long. */
class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}
