import { instantAt } from "../domain/instant.ts";
import type { RelayEvent } from "../domain/event.ts";
import { parseBody, readEnvelope } from "../qonto/envelope.ts";
import { toEvent } from "../qonto/read-event.ts";
import { readData, readResource } from "../qonto/resource.ts";
import {
  type Difference,
  type Found,
  type Item,
  type Known,
  type ReconciledEvent,
  compareGone,
  compareItems,
  idOf,
} from "../reconciliation/compare.ts";
import type { Connection } from "../store/connections.ts";
import type { Database } from "../store/database.ts";
import { type PageFindings, findRecorded } from "../store/reconciliation.ts";
import { type NewResource, findResources } from "../store/resources.ts";
import type { Differences, Run } from "./run.ts";

/** What is missing or drifted, deletions too, as the events that make up for it. */
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

export const nothingFound: Findings = {
  missed: [],
  history: [],
  differences: { missing: 0, drifted: 0 },
  recovered: { missing: 0, drifted: 0 },
};

/** Compares items that the bank lists with the latest state: 1 D1 call, and another where something differs. */
export async function findDifferences(type: string, items: readonly Item[], context: FindContext): Promise<Findings> {
  if (items.length === 0) return nothingFound;
  const ids = items.map((item) => idOf(type, item));
  const knownById = new Map((await findKnown(type, ids, context)).map((known) => [known.resourceId, known]));
  const found = await compareItems(type, items, knownById, comparing(context));
  return findingsOf(
    found.filter(({ difference }) => !isTooFresh(difference, context.run)),
    context,
  );
}

/** Compares what the bank says is gone, in the same way. */
export async function findDeletions(type: string, ids: readonly string[], context: FindContext): Promise<Findings> {
  if (ids.length === 0) return nothingFound;
  const gone = await findKnown(type, ids, context);
  return findingsOf(await compareGone(type, gone, comparing(context)), context);
}

/** An event that was recorded before will come into the state, and is no difference. */
async function findingsOf(found: readonly Found[], context: FindContext): Promise<Findings> {
  const { db, now } = context;
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

async function findKnown(type: string, ids: readonly string[], { db, connection }: FindContext): Promise<Known[]> {
  const rows = await findResources(db, connection.organizationId, type, ids);
  return rows.map(({ body, ...row }) => ({ ...row, data: readData(body) }));
}

function comparing({ connection: { organizationId }, run }: Pick<FindContext, "connection" | "run">) {
  return { organizationId, asOf: instantAt(run.as_of) };
}

function isTooFresh({ bankUpdatedAt }: Difference, { as_of, is_routine }: FindContext["run"]): boolean {
  return is_routine && bankUpdatedAt !== null && Date.parse(bankUpdatedAt) > as_of;
}

function idsOf(found: readonly Found[]): string[] {
  return found.map(({ event }) => event.id);
}

/** Whenever it is found: an operator may ask for changes of years ago, and a new account may show its own. */
function isHistory({ changedAt }: Difference, { isFirstReading, connection }: FindContext): boolean {
  return changedAt === null ? isFirstReading : Date.parse(changedAt) < connection.historyUntil;
}

function count(found: readonly Found[]): Differences {
  const missing = found.filter(({ difference }) => difference.state === "missing").length;
  return { missing, drifted: found.length - missing };
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
