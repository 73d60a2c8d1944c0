import { type QontoClient, QontoRefusal, TooManyResults, MOST_RESULTS } from "../qonto/api-client.ts";
import { type Item, idOf } from "./compare.ts";
import { isListedByTime, item } from "./listings.ts";
import {
  DIGEST_CHARACTERS,
  IncompleteListing,
  type Reading,
  type PageOutcome,
  afterMissingPage,
  afterReadPage,
  inShorterTimes,
  listedDigests,
  requestOf,
} from "./reading.ts";

export interface PageRead extends Omit<PageOutcome, "fresh"> {
  /** Items that the reading has not had before. */
  readonly fresh: readonly Item[];
}

/**
 * Reads the next page, with one request or two. What it returns has all that the next call needs, so the caller can keep it and
 * go on later. Throws IncompleteListing, TooManyResults, QontoRefusal, QontoUnavailable.
 */
export async function readPage(reading: Reading, qonto: QontoClient): Promise<PageRead> {
  const { type, fault } = reading;
  // Only now: what the page before brought is worth comparing all the same.
  if (fault !== null) throw new IncompleteListing(fault);
  const request = requestOf(reading);
  if (request === null) return { fresh: [], read: reading, next: null, again: null };
  const { place, path, key, query } = request;
  try {
    const page = await qonto.pageAt(place, path, key, item, query);
    if (page === null) return { ...afterMissingPage(reading), fresh: [] };
    const { items, total, nextPage } = page;
    if (isListedByTime(type) && total !== null && total > MOST_RESULTS) throw new TooManyResults();
    const ids = items.map((one) => idOf(type, one));
    const digests = await Promise.all(ids.map(shortDigestOf));
    const outcome = afterReadPage(reading, { digests, latestId: ids.at(-1) ?? null, total, nextPage });
    return { ...outcome, fresh: items.filter((_one, index) => outcome.fresh.includes(index)) };
  } catch (error) {
    const shorter = isTooMuch(error) ? inShorterTimes(reading) : null;
    if (shorter === null) throw error;
    return { fresh: [], read: reading, next: shorter, again: null };
  }
}

/** Qonto answers 422 to every query that it cannot answer. One that is wrong otherwise fails for the shortest time too. */
function isTooMuch(error: unknown): boolean {
  return error instanceof TooManyResults || (error instanceof QontoRefusal && error.status === 422);
}

/** Those of some ids that a list lacks which was read to its end. */
export async function unlistedIn(read: Reading, ids: readonly string[]): Promise<string[]> {
  const listed = listedDigests(read);
  const digests = await Promise.all(ids.map(shortDigestOf));
  return ids.filter((_id, index) => !listed.has(digests[index] ?? ""));
}

/** A reading keeps those of thousands of ids. */
async function shortDigestOf(id: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id));
  return new Uint8Array(digest).toBase64({ alphabet: "base64url" }).slice(0, DIGEST_CHARACTERS);
}
