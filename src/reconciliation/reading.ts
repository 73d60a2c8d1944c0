import { z } from "zod";
import { isoTime } from "../domain/instant.ts";
import type { Query } from "../platform/http.ts";
import { MOST_RESULTS, type Page, type Place, firstPlace, placeAfter } from "../qonto/api-client.ts";
import { listingOf } from "./listings.ts";

/** A time in which resources changed last, Unix milliseconds, both ends included. `toMs` is null when it has no end. */
const window = z.object({ fromMs: z.number(), toMs: z.number().nullable() });

type Window = z.output<typeof window>;

/** One query's list, as far as it has been read. */
const list = z.object({
  /** To be read next. */
  page: z.number(),
  promisedBy: z.number().nullable(),
  /** This is the first, second, … time that it is read. */
  reads: z.number(),
  /** Items of this read so far, those that came twice too. */
  readItems: z.number(),
  /** What the first page of this read counted: what is added to the list afterwards need not be seen. */
  expected: z.number().nullable(),
  /** What the latest page counted. */
  counted: z.number(),
  hasShrunk: z.boolean(),
  /** Digests of the items that were seen since it last became shorter. */
  seen: z.string(),
});

type List = z.output<typeof list>;

export const readingSchema = z.object({
  type: z.string(),
  sinceMs: z.number(),
  /** By account, where it is another. */
  sinceMsOfAccounts: z.record(z.string(), z.number()),
  asOfMs: z.number(),
  /** Accounts that are left, the current one first; null: the type is listed for all of them. */
  accounts: z.array(z.string().nullable()),
  /** Times that are left of the current account, the current one first; null: the type is not listed by time. */
  windows: z.array(window.nullable()),
  list,
  /** Digests of other items that were read before. */
  before: z.string(),
  /** Why the list cannot be read whole; null while that is not known. */
  fault: z.string().nullable(),
  /** Id of an item that was listed lately; null: none was. */
  latestId: z.string().nullable().default(null),
});

/** How far the lists of a type have been read. It is plain JSON, so that a later run can go on. */
export type Reading = z.output<typeof readingSchema>;

/** A list that Qonto does not show whole, however often it is read. */
export class IncompleteListing extends Error {
  override readonly name = "IncompleteListing";
}

const MOST_READS = 3;

/** Whether Qonto can be asked for shorter times is not known. */
const SHORTEST_MS = 1_000;

/** In base64url: 66 bits. */
export const DIGEST_CHARACTERS = 11;

/** Of more items the oldest are dropped, and may count as fresh again: a reading is at most about 110 KB of JSON. */
const MOST_DIGESTS = MOST_RESULTS;

interface BankToRead {
  readonly accountIds: readonly string[];
  readonly sinceMs: number;
  /** By account, where it is another. */
  readonly sinceMsOfAccounts?: Readonly<Record<string, number>>;
  readonly asOfMs: number;
}

/**
 * Begins to read what Qonto lists of a type: what has changed since, where it can be asked by time; else everything. Null for
 * the two types that come with the organization. `asOfMs`: when the run began, by Qonto's clock.
 */
export function beginReading(
  type: string,
  { accountIds, sinceMs, sinceMsOfAccounts = {}, asOfMs }: BankToRead,
): Reading | null {
  const listing = listingOf(type);
  if (listing === undefined) return null;
  const accounts = listing.ofAccount === undefined ? [null] : [...accountIds];
  const times = { type, sinceMs, sinceMsOfAccounts: { ...sinceMsOfAccounts }, asOfMs, accounts };
  return { ...times, windows: allWindows(times), list: newList(), before: "", fault: null, latestId: null };
}

/** Of the first account that is left. */
function allWindows({
  type,
  sinceMs: sinceMsOfOthers,
  sinceMsOfAccounts,
  accounts: [account = null],
}: Pick<Reading, "type" | "sinceMs" | "sinceMsOfAccounts" | "accounts">): (Window | null)[] {
  const sinceMs = (account === null ? undefined : sinceMsOfAccounts[account]) ?? sinceMsOfOthers;
  return listingOf(type)?.changed === undefined ? [null] : [{ fromMs: sinceMs, toMs: null }];
}

function newList(): List {
  return { ...firstPlace, reads: 1, readItems: 0, expected: null, counted: 0, hasShrunk: false, seen: "" };
}

/** The page that is read next. */
export interface PageRequest {
  readonly place: Place;
  readonly path: string;
  readonly key: string;
  readonly query: Query;
}

/** Null when nothing is left: an organization may have no account. */
export function requestOf({ type, accounts, windows, list: { page, promisedBy } }: Reading): PageRequest | null {
  const listing = listingOf(type);
  const [account] = accounts;
  const [time] = windows;
  if (listing === undefined || account === undefined || time === undefined) return null;
  const { path, key, changed, ofAccount } = listing;
  const ofTime =
    time === null ? {} : changed?.(isoTime(time.fromMs), time.toMs === null ? undefined : isoTime(time.toMs));
  return {
    place: { page, promisedBy },
    path,
    key,
    query: { ...(account === null ? {} : ofAccount?.(account)), ...ofTime },
  };
}

/** What follows a page. */
export interface PageOutcome {
  /** Indices of the items that this reading has not had before. */
  readonly fresh: readonly number[];
  /** The reading with what this page has shown. */
  readonly read: Reading;
  /** Null: everything was read. */
  readonly next: Reading | null;
  /** Why a list is read again from its first page; null: it is not. */
  readonly again: string | null;
}

interface PageShown extends Pick<Page<unknown>, "total" | "nextPage"> {
  readonly digests: readonly string[];
  /** Id of its last item; null of an empty page. */
  readonly latestId: string | null;
}

/**
 * A list is read again while it shows fewer items than Qonto counts: where items tie in its order, or move while it is read, a
 * page repeats one and leaves out another. One that becomes shorter each time is then read in shorter times, if it can be.
 */
export function afterReadPage(reading: Reading, { digests, latestId, total, nextPage }: PageShown): PageOutcome {
  const { list } = reading;
  let seen = digestsOf(list.seen);
  let before = digestsOf(reading.before);
  let { counted, expected, hasShrunk } = list;
  if (total !== null) {
    // An item is gone, and another may have moved to a page that was read already: what was seen counts for nothing.
    if (total < counted) {
      before = before.union(seen);
      seen = new Set();
      hasShrunk = expected !== null;
    }
    counted = total;
    expected ??= total;
  }
  const fresh = digests.flatMap((digest, index) => {
    const isFresh = !seen.has(digest) && !before.delete(digest);
    seen.add(digest);
    return isFresh ? [index] : [];
  });
  const readItems = list.readItems + digests.length;
  const read: Reading = {
    ...reading,
    list: { ...list, readItems, expected, counted, hasShrunk, seen: textOf(seen) },
    before: textOf(before, MOST_DIGESTS - seen.size),
    latestId: latestId ?? reading.latestId,
  };
  const place = placeAfter({ total, nextPage }, { page: list.page, read: readItems });
  if (place !== null) return { fresh, read, next: { ...read, list: { ...read.list, ...place } }, again: null };
  return { fresh, read, ...afterLastPage(read) };
}

/** After the page that was to be read is not there any more. One that was promised is gone because the list became shorter. */
export function afterMissingPage(reading: Reading): PageOutcome {
  const { list } = reading;
  if (list.promisedBy === null) return { fresh: [], read: reading, ...afterLastPage(reading) };
  const before = textOf(digestsOf(reading.before + list.seen), MOST_DIGESTS);
  const read: Reading = { ...reading, before, list: { ...list, seen: "", hasShrunk: true } };
  return { fresh: [], read, ...afterLastPage(read) };
}

function afterLastPage(reading: Reading): Pick<PageOutcome, "next" | "again"> {
  const { reads, expected, hasShrunk, seen } = reading.list;
  const count = seen.length / DIGEST_CHARACTERS;
  if (expected === null || (!hasShrunk && count >= expected)) return { next: nextList(reading), again: null };
  const why = hasShrunk ? "Qonto's list became shorter while it was read" : `Qonto lists ${count} of ${expected}`;
  if (reads === MOST_READS) {
    // Between fewer pages less can move: what changes often is never seen whole in a long time.
    const shorter = hasShrunk && reading.list.page > 1 ? inShorterTimes(reading) : null;
    if (shorter !== null) return { next: shorter, again: why };
    return { next: { ...reading, fault: `${why}; it was read ${reads} times.` }, again: null };
  }
  const again = { ...firstPlace, reads: reads + 1, readItems: 0, expected: null, hasShrunk: false };
  return { next: { ...reading, list: { ...reading.list, ...again } }, again: why };
}

/** The next time of the same account, or the next account; null after the last. */
function nextList(reading: Reading): Reading | null {
  const windows = reading.windows.slice(1);
  return windows.length > 0 ? withNewList(reading, windows) : withoutAccount(reading);
}

/** Leaves the account that is being read, and goes on with the next one; null after the last. */
export function withoutAccount(reading: Reading): Reading | null {
  const accounts = reading.accounts.slice(1);
  return accounts.length === 0 ? null : { ...withNewList(reading, allWindows({ ...reading, accounts })), accounts };
}

/** What was seen is remembered, so that the items of the instant between two times are fresh once. */
function withNewList(reading: Reading, windows: (Window | null)[]): Reading {
  const before = digestsOf(reading.before + reading.list.seen);
  return { ...reading, windows, list: newList(), before: textOf(before, MOST_DIGESTS), fault: null };
}

/**
 * Reads a time that has more results than Qonto lists in two halves, and so on. Null when it is too short to be cut, or the
 * type is not listed by time.
 */
export function inShorterTimes(reading: Reading): Reading | null {
  const [time, ...others] = reading.windows;
  const halves = time === null || time === undefined ? null : halvesOf(time, reading.asOfMs);
  return halves === null ? null : withNewList(reading, [...halves, ...others]);
}

function halvesOf({ fromMs, toMs }: Window, nowMs: number): [Window, Window] | null {
  const middleMs = Math.floor((fromMs + (toMs ?? nowMs)) / 2);
  if (middleMs - fromMs < SHORTEST_MS) return null;
  return [
    { fromMs, toMs: middleMs },
    { fromMs: middleMs, toMs },
  ];
}

/** Digests of all that a list has shown which was read to its end. */
export function listedDigests({ list }: Reading): ReadonlySet<string> {
  return digestsOf(list.seen);
}

/** In the order in which they came. */
function digestsOf(text: string): Set<string> {
  const digests = new Set<string>();
  for (let start = 0; start < text.length; start += DIGEST_CHARACTERS) {
    digests.add(text.slice(start, start + DIGEST_CHARACTERS));
  }
  return digests;
}

/** The latest of them, at most so many. */
function textOf(digests: ReadonlySet<string>, most = Infinity): string {
  return [...digests].slice(Math.max(0, digests.size - most)).join("");
}
