import { instantAt } from "../domain/instant.ts";
import type { RelayEvent } from "../domain/event.ts";
import { parseBody, readEnvelope } from "../qonto/envelope.ts";
import { toEvent } from "../qonto/read-event.ts";
import { readData, readResource } from "../qonto/resource.ts";
import {
  type Difference,
  type Item,
  type Known,
  type ReconciledEvent,
  compareItems,
  idOf,
} from "../reconciliation/compare.ts";
import type { Connection } from "../store/connections.ts";
import type { Database } from "../store/database.ts";
import { type PageFindings, findRecorded } from "../store/reconciliation.ts";
import { type NewResource, type ResourceRow, findResources } from "../store/resources.ts";
import type { Differences, Run } from "./run.ts";

/** What is missing or drifted, as the events that make up for it. */
export interface Findings extends PageFindings {
  /** Of both roads. */
  readonly differences: Differences;
  /** Of those that go to the destinations. */
  readonly recovered: Differences;
}

export interface FindContext {
  readonly db: Database;
  readonly connection: Pick<Connection, "organizationId" | "historyUntil">;
  readonly run: Pick<Run, "as_of" | "is_routine">;
  /** The type has never been read whole: what has no date is history. */
  readonly isFirstReading: boolean;
  readonly now: number;
}

interface Found {
  readonly difference: Difference;
  readonly event: ReconciledEvent;
}

/**
 * Compares items that the bank lists with the latest state: 1 D1 call, and another where something differs. An event that was
 * recorded before will come into the state, and is no difference.
 */
export async function findDifferences(type: string, items: readonly Item[], context: FindContext): Promise<Findings> {
  const { db, now } = context;
  const found = await compare(type, items, context);
  const recorded = found.length === 0 ? new Set<string>() : await findRecorded(db, idsOf(found));
  const lacking = found.filter(({ event }) => !recorded.has(event.id));
  const { history = [], missed = [] } = Object.groupBy(lacking, ({ difference }) =>
    isHistory(difference, context) ? "history" : "missed",
  );
  return {
    differences: count(lacking),
    recovered: count(missed),
    missed: missed.map(({ event }) => readReconciled(event, now).event),
    history: history.map(({ event }) => readReconciled(event, now)),
  };
}

async function compare(
  type: string,
  items: readonly Item[],
  { db, connection: { organizationId }, run }: FindContext,
): Promise<readonly Found[]> {
  if (items.length === 0) return [];
  const ids = items.map((item) => idOf(type, item));
  const rows = await findResources(db, organizationId, type, ids);
  const knownById = new Map(rows.map((row) => [row.resourceId, toKnown(row)]));
  const found = await compareItems(type, items, knownById, { organizationId, asOf: instantAt(run.as_of) });
  return found.filter(({ difference }) => !isTooFresh(difference, run));
}

function isTooFresh({ bankUpdatedAt }: Difference, { as_of, is_routine }: FindContext["run"]): boolean {
  return is_routine && bankUpdatedAt !== null && Date.parse(bankUpdatedAt) > as_of;
}

function toKnown({ body, ...row }: ResourceRow): Known {
  return { ...row, data: readData(body) };
}

function idsOf(found: readonly Found[]): string[] {
  return found.map(({ event }) => event.id);
}

/** Whenever it is found: an operator may ask for changes of years ago, and a new account may show its own. */
function isHistory({ bankUpdatedAt }: Difference, { isFirstReading, connection }: FindContext): boolean {
  return bankUpdatedAt === null ? isFirstReading : Date.parse(bankUpdatedAt) < connection.historyUntil;
}

function count(found: readonly Found[]): Differences {
  const drifted = found.filter(({ difference }) => difference.state === "drifted").length;
  return { missing: found.length - drifted, drifted };
}

/** The event as the receiver reads one, and the resource that it shows. */
function readReconciled({ body }: ReconciledEvent, now: number): { event: RelayEvent; resource: NewResource } {
  const envelope = readEnvelope("business", parseBody(body));
  const resource = envelope && readResource(envelope);
  if (envelope === null || resource === null) throw new Error("A reconciled event is not in Qonto's form");
  const metadata = {
    source: "business",
    receivedAt: now,
    contentType: "application/json",
    contentEncoding: null,
  } as const;
  return { event: toEvent(envelope, body, metadata), resource: { ...resource, body: null } };
}
