import { z } from "zod";
import { isListedByTime, isListedWhole } from "../reconciliation/listings.ts";
import { type Reading, readingSchema } from "../reconciliation/reading.ts";

/**
 * How far the reconciliation of a connection is. All of it is kept as JSON after each page, so that any later run of the cron goes
 * on from there. Times are Unix milliseconds; those of the bank are by Qonto's clock.
 */

const MS_PER_MINUTE = 60_000;
const MS_PER_HOUR = 60 * MS_PER_MINUTE;
const MS_PER_DAY = 24 * MS_PER_HOUR;

/** What has been compared of a type. */
const comparedType = z.object({
  type: z.string(),
  listed: z.number(),
  /** Items that the relay did not have. */
  missing: z.number(),
  /** Items that it had in another state, or that are gone. */
  drifted: z.number(),
  /** Items that it has and Qonto does not list, though nothing says that they are gone. */
  extra: z.number().default(0),
  /** Why it was not read to its end; null: it was, or is not yet. */
  fault: z.string().nullable(),
  /** False: Qonto does not list it with this token. */
  is_covered: z.boolean(),
  /** Until when the state of this type is known to equal the bank's; null: it has never been read whole. */
  complete_until: z.number().nullable(),
});

export type ComparedType = z.output<typeof comparedType>;

const differences = z.object({ missing: z.number(), drifted: z.number() });

export type Differences = z.output<typeof differences>;

const runFields = {
  /** `fill`: the first one, which reads everything. `changes`: what changed since the one before. */
  kind: z.enum(["fill", "changes"]),
  /** What is listed by time is read from then on, or later. */
  since: z.number(),
  /** What changed until then is compared: when it began, or shortly before. */
  as_of: z.number(),
  types: z.array(comparedType),
};

/** How far the search is for what the relay has of a type and Qonto's list lacks. */
const search = z.object({
  /** It goes on behind the resource of this id. */
  after: z.string(),
  /** Whether Qonto's 404 says that a resource is gone; null: not known yet. */
  is_reliable: z.boolean().nullable(),
});

export type Search = z.output<typeof search>;

const NEW_SEARCH: Search = { after: "", is_reliable: null };

/** A run in progress. */
const run = z.object({
  ...runFields,
  /** The request that it answers: when that was due, and from when on it asked to read. */
  answers: z.object({ due_at: z.number(), since: z.number().nullable() }),
  /** Only the hour is over: nothing says that a webhook was lost. */
  is_routine: z.boolean(),
  /** Whose transactions are read: accounts that the organization had when it began, without those that Qonto refuses. */
  account_ids: z.array(z.string()),
  /** The first of them is being read. */
  types_left: z.array(z.string()),
  /** How far that one has been read; null: not at all. */
  reading: readingSchema.nullable(),
  /** Null until its list has been read to its end. */
  search: search.nullable(),
  /** What it has sent to the destinations. */
  recovered: differences,
});

export type Run = z.output<typeof run>;

/** What a finished run has found. */
const lastRun = z.object({
  ...runFields,
  /** Whose transactions are known until `complete_until` of their type. */
  account_ids: z.array(z.string()),
  finished_at: z.number(),
  next_due_at: z.number(),
});

export type LastRun = z.output<typeof lastRun>;

/** A run that began so long ago is not worth going on with: what it has read has changed again since. */
const LONGEST_RUN_MS = MS_PER_DAY;

/** Of a connection's row, whose own type needs those of Workers: tests in the browser have none. */
interface RunOfConnection {
  readonly status: "connected" | "expired" | "revoked";
  /** JSON. */
  readonly reconciliation: string | null;
}

/**
 * Null when no run is in progress, it is too old, or the connection has ended. What another version of the relay wrote in another
 * form begins again.
 */
export function readRun({ status, reconciliation }: RunOfConnection, now: number): Run | null {
  if (status !== "connected" || reconciliation === null) return null;
  const found = run.safeParse(JSON.parse(reconciliation)).data;
  return found === undefined || found.as_of <= now - LONGEST_RUN_MS ? null : found;
}

/** Of a connection's `lastReconciliation`; null before the first. */
export function readLastRun(json: string | null): LastRun | null {
  return json === null ? null : (lastRun.safeParse(JSON.parse(json)).data ?? null);
}

/** What is listed by time is read from so long before the last run's beginning, for the bank may date a change late. */
const OVERLAP_MS = MS_PER_HOUR;

/** Qonto was founded in this year. */
const FIRST_CHANGE_MS = Date.UTC(2016, 0, 1);

const LISTED_BY_ACCOUNT = "v1/transactions";

interface SinceContext {
  readonly previous: LastRun | null;
  readonly backfillDays: number;
}

/** Since when a type is read. A type that was never read whole is filled, whatever the kind of the run. */
export function sinceOf(
  type: string,
  { as_of, answers }: Pick<Run, "as_of" | "answers">,
  { previous, backfillDays }: SinceContext,
): number {
  const completeUntil = completeUntilOf(type, previous);
  const fillSince = type === LISTED_BY_ACCOUNT ? as_of - backfillDays * MS_PER_DAY : FIRST_CHANGE_MS;
  const since = completeUntil === null ? fillSince : completeUntil - OVERLAP_MS;
  return answers.since === null ? since : Math.min(since, answers.since - OVERLAP_MS);
}

/** The transactions of an account that was not read by the run before are filled, whatever the others are read since. */
export function sinceOfNewAccounts(
  run: Run,
  { previous, backfillDays }: SinceContext,
): Readonly<Record<string, number>> {
  const sinceMs = sinceOf(LISTED_BY_ACCOUNT, run, { previous: null, backfillDays });
  const known = previous?.account_ids ?? [];
  return Object.fromEntries(run.account_ids.filter((id) => !known.includes(id)).map((id) => [id, sinceMs]));
}

/** Until when the state of a type was known to equal the bank's after the run before; null: it has never been read whole. */
export function completeUntilOf(type: string, previous: LastRun | null): number | null {
  return previous?.types.find((one) => one.type === type)?.complete_until ?? null;
}

export interface RunBeginning {
  /** To be compared, in this order. */
  readonly types: readonly string[];
  readonly previous: LastRun | null;
  readonly backfillDays: number;
  /** By Qonto's clock. */
  readonly now: number;
  readonly accountIds: readonly string[];
  readonly answers: Run["answers"];
}

/** A webhook comes within seconds. */
const WEBHOOK_TAKES_MS = MS_PER_MINUTE;

/** A routine run leaves to its webhook what has changed just now, or to the next run. */
export function beginRun({ types, previous, backfillDays, now, accountIds, answers }: RunBeginning): Run {
  const is_routine = previous?.next_due_at === answers.due_at;
  const as_of = is_routine ? now - WEBHOOK_TAKES_MS : now;
  const sinces = types
    .filter(isListedByTime)
    .map((type) => sinceOf(type, { as_of, answers }, { previous, backfillDays }));
  return {
    kind: previous === null ? "fill" : "changes",
    since: Math.min(as_of, ...sinces),
    as_of,
    is_routine,
    answers,
    account_ids: [...accountIds],
    types_left: [...types],
    reading: null,
    search: null,
    types: types.map((type) => ({
      type,
      listed: 0,
      missing: 0,
      drifted: 0,
      extra: 0,
      fault: null,
      is_covered: true,
      complete_until: completeUntilOf(type, previous),
    })),
    recovered: { missing: 0, drifted: 0 },
  };
}

interface StepResult {
  readonly differences: Differences;
  /** Those of them that go to the destinations. */
  readonly recovered: Differences;
}

/** What was found on a page of the type that is being read. */
export interface PageResult extends StepResult {
  readonly listed: number;
  /** With what the page has shown; null: the type has no list of its own. */
  readonly read: Reading | null;
  /** Where that type goes on; null: it was read to its end. */
  readonly next: Reading | null;
}

/** After a page of the type that is being read. What the relay has beside a list is searched once that was read whole. */
export function afterPage(run: Run, { listed, read, next, ...result }: PageResult): Run {
  const counted = countIn(run, { listed, extra: 0 }, result);
  if (next !== null) return { ...counted, reading: next };
  const isSearched = read !== null && isListedWhole(read.type);
  return isSearched ? { ...counted, reading: read, search: NEW_SEARCH } : leaveWhole(counted);
}

/** What a step of the search has found. */
export interface SearchResult extends StepResult {
  readonly extra: number;
  /** Null: it is at its end. */
  readonly next: Search | null;
}

/** After a step of the search in the type whose list was read to its end. */
export function afterSearch(run: Run, { extra, next, ...result }: SearchResult): Run {
  const counted = countIn(run, { listed: 0, extra }, result);
  return next === null ? leaveWhole(counted) : { ...counted, search: next };
}

function countIn(
  run: Run,
  { listed, extra }: Pick<ComparedType, "listed" | "extra">,
  { differences: found, recovered }: StepResult,
): Run {
  const counted = changeCurrent(run, (one) => ({
    ...one,
    ...sum(one, found),
    listed: one.listed + listed,
    extra: one.extra + extra,
  }));
  return { ...counted, recovered: sum(run.recovered, recovered) };
}

/** After a type whose list cannot be read to its end. */
export function afterFault(run: Run, fault: string, { isCovered }: { readonly isCovered: boolean }): Run {
  return leaveCurrent(changeCurrent(run, (one) => ({ ...one, fault, is_covered: isCovered })));
}

/**
 * After an account whose transactions cannot be read to their end: it is left out, and named. The others are read on. `isCovered`
 * is false where Qonto does not list them with this token; else the type is not complete.
 */
export function afterRefusedAccount(
  run: Run,
  accountId: string,
  { fault, isCovered, next }: { readonly fault: string; readonly isCovered: boolean; readonly next: Reading | null },
): Run {
  const others = run.account_ids.filter((id) => id !== accountId);
  if (others.length === 0) return afterFault(run, fault, { isCovered });
  const named = changeCurrent(run, (one) => ({
    ...one,
    fault: `Account ${accountId}: ${fault}`,
    is_covered: isCovered || hasGap(one),
  }));
  const nothing = { missing: 0, drifted: 0 };
  const result = { listed: 0, differences: nothing, recovered: nothing, read: null, next };
  return afterPage({ ...named, account_ids: others }, result);
}

/** Whether something that Qonto lists could not be read. */
function hasGap({ fault, is_covered }: ComparedType): boolean {
  return fault !== null && is_covered;
}

function changeCurrent(run: Run, change: (one: ComparedType) => ComparedType): Run {
  const [current] = run.types_left;
  return { ...run, types: run.types.map((one) => (one.type === current ? change(one) : one)) };
}

/** Leaves a type that was read to its end. */
function leaveWhole(run: Run): Run {
  const changed = changeCurrent(run, (one) => (hasGap(one) ? one : { ...one, complete_until: run.as_of }));
  return leaveCurrent(changed);
}

function leaveCurrent(run: Run): Run {
  return { ...run, types_left: run.types_left.slice(1), reading: null, search: null };
}

function sum(one: Differences, other: Differences): Differences {
  return { missing: one.missing + other.missing, drifted: one.drifted + other.drifted };
}

/** Whether every type that Qonto lists with this token was read whole: then the state equals the bank's as of its beginning. */
export function isComplete({ types }: Pick<Run, "types">): boolean {
  return !types.some(hasGap);
}

/** What an operator is told of the types that could not be read whole; null: all were. */
export function describeGaps({ types }: Pick<Run, "types">): string | null {
  const [first, ...others] = types.filter(hasGap);
  if (first === undefined) return null;
  const { length } = others;
  const more = length === 0 ? "" : ` So it is with ${length} more ${length === 1 ? "type" : "types"}.`;
  return `${first.type} could not be read: ${first.fault}${more}`;
}

/** The next run is due in an hour. What could not be read this time may be readable soon. */
export function finishRun(run: Run, previous: LastRun | null, now: number): LastRun {
  const { kind, since, as_of, types, account_ids } = run;
  const areRead = types.some((one) => one.type === LISTED_BY_ACCOUNT && one.complete_until === as_of);
  return {
    kind,
    since,
    as_of,
    types,
    account_ids: areRead ? account_ids : (previous?.account_ids ?? []),
    finished_at: now,
    next_due_at: now + (isComplete(run) ? PAUSE_MS : FAULTY_PAUSE_MS),
  };
}

const PAUSE_MS = MS_PER_HOUR;
const FAULTY_PAUSE_MS = 15 * MS_PER_MINUTE;
