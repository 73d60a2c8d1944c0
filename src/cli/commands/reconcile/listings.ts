import { z } from "zod";
import type { Instant } from "../../../domain/instant.ts";
import { Fault } from "../../fault.ts";
import type { Query } from "../../network.ts";
import { MOST_RESULTS, type Page, type QontoClient, QontoRefusal, TooManyResults } from "../../qonto-client.ts";
import { type Item, idOf } from "./compare.ts";

/** The bank as one run lists it. */
export interface Bank {
  readonly qonto: QontoClient;
  readonly organization: Organization;
  readonly sinceMs: number;
  /** When the run began, by Qonto's clock: what it lists is at least as new. */
  readonly asOf: Instant;
  readonly progress: (text: string) => void;
}

/** The one organization that an access token sees. */
interface Organization {
  readonly id: string;
  readonly shown: Item;
  readonly accounts: readonly Item[];
}

interface Listing {
  readonly path: string;
  readonly key: string;
  /** The query of what has changed in a time; without it, everything is listed. */
  readonly changed?: (from: string, to: string | undefined) => Query;
  /** Queries in place of a single one, each of which lists a part. */
  readonly queries?: (organization: Organization) => readonly Query[];
}

const updatedAt = (updated_at_from: string, updated_at_to: string | undefined) => ({ updated_at_from, updated_at_to });

/** In the order in which they are compared. */
const listings: Readonly<Record<string, Listing>> = {
  "v1/memberships": { path: "/v2/memberships", key: "memberships" },
  "v1/beneficiaries": { path: "/v2/sepa/beneficiaries", key: "beneficiaries" },
  "v1/cards": { path: "/v2/cards", key: "cards" },
  "v1/clients": { path: "/v2/clients", key: "clients" },
  "v1/products": { path: "/v2/products", key: "products" },
  "v1/payment-links": { path: "/v2/payment_links", key: "payment_links" },
  "v1/client-invoices": {
    path: "/v2/client_invoices",
    key: "client_invoices",
    changed: (from, to) => ({ "filter[updated_at_from]": from, "filter[updated_at_to]": to }),
  },
  "v1/transfers": { path: "/v2/sepa/transfers", key: "transfers", changed: updatedAt },
  "v1/transactions": {
    path: "/v2/transactions",
    key: "transactions",
    changed: updatedAt,
    queries: ({ accounts }) =>
      accounts.map((account) => ({
        bank_account_id: idOf("v1/accounts", account),
        // Without a status Qonto lists only the completed ones.
        "status[]": ["pending", "declined", "completed"],
        // Newest first: a transaction that changes while pages are read moves to a page that was read, and pushes none there.
        sort_by: "updated_at:desc",
      })),
  },
};

/** All types that Qonto's API can list. The first two come with the organization. */
export const listableTypes: readonly string[] = ["v1/organizations", "v1/accounts", ...Object.keys(listings)];

export function isListedByTime(type: string): boolean {
  return listings[type]?.changed !== undefined;
}

/** The pages of what Qonto lists of a type: what has changed since, where it can be asked by time; else everything. */
export async function* listItems(type: string, bank: Bank): AsyncGenerator<readonly Item[]> {
  const { qonto, organization, sinceMs, asOf, progress } = bank;
  if (type === "v1/organizations") yield [organization.shown];
  if (type === "v1/accounts") yield organization.accounts;
  const listing = listings[type];
  if (listing === undefined) return;
  const { path, key, changed, queries = () => [{}] } = listing;
  const reading: Reading<Item> = {
    idOf: (one) => idOf(type, one),
    onAgain: (why) => progress(`${type}: ${why}, reading again …`),
  };
  for (const query of queries(organization)) {
    const pagesOf = (time: Query) => completePages(() => qonto.pages(path, key, item, { ...query, ...time }), reading);
    if (changed === undefined) {
      for await (const { items } of pagesOf({})) yield items;
    } else {
      yield* pagesInWindows({ fromMs: sinceMs, toMs: null }, Date.parse(asOf.iso), ({ fromMs, toMs }) =>
        pagesOf(changed(isoOf(fromMs), toMs === null ? undefined : isoOf(toMs))),
      );
    }
  }
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

const item = z.record(z.string(), z.unknown());

const organizationAnswer = z.object({
  organization: z.looseObject({ bank_accounts: z.array(item) }),
});

export async function findOrganization(qonto: QontoClient): Promise<Organization> {
  const { organization } = await qonto.get("/v2/organization", organizationAnswer);
  // The accounts are resources of their own, with events of their own.
  const { bank_accounts: accounts, ...shown } = organization;
  return { id: idOf("v1/organizations", shown), shown, accounts };
}

const MOST_READS = 3;

/** A list that Qonto does not show whole, however often it is read. */
export class IncompleteListing extends Fault {}

interface Reading<Item> {
  readonly idOf: (item: Item) => string;
  /** Is told that the list is read again, and why. */
  readonly onAgain: (why: string) => void;
}

/**
 * The pages of a list, read again while they show fewer items than Qonto counts: where items tie in its order, or move while
 * it is read, a page repeats one and leaves out another. All that was read is yielded, so an item can come several times.
 */
export async function* completePages<Item>(
  read: () => AsyncIterable<Page<Item>>,
  { idOf: id, onAgain }: Reading<Item>,
): AsyncGenerator<Page<Item>> {
  let seen = new Set<string>();
  let counted = 0;
  for (let reads = 1; ; reads += 1) {
    // The first page's count: what is added to the list after it was read need not be seen.
    let expected: number | null = null;
    let hasShrunk = false;
    for await (const page of read()) {
      const { items, total } = page;
      if (total !== null) {
        // An item is gone, and another may have moved to a page that was read already.
        if (total < counted) {
          seen = new Set();
          hasShrunk = expected !== null;
        }
        counted = total;
        expected ??= total;
      }
      for (const one of items) seen.add(id(one));
      yield page;
    }
    if (expected === null || (!hasShrunk && seen.size >= expected)) return;
    const why = hasShrunk ? "Qonto's list became shorter while it was read" : `Qonto lists ${seen.size} of ${expected}`;
    if (reads === MOST_READS) throw new IncompleteListing(`${why}; it was read ${reads} times.`);
    onAgain(why);
  }
}

/** A time in which resources changed last, Unix milliseconds, both ends included. `toMs` is null when it has no end. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number | null;
}

/** No date of Qonto's is known to be finer. */
const SHORTEST_MS = 1_000;

/**
 * The pages of a time. When it has more results than Qonto lists, those of its two halves, and so on. Then some items come
 * twice: those that were listed before, and those of the instant between two halves.
 */
export async function* pagesInWindows<Item>(
  window: Window,
  nowMs: number,
  pagesOf: (window: Window) => AsyncIterable<Page<Item>>,
): AsyncGenerator<readonly Item[]> {
  try {
    for await (const { items, total } of pagesOf(window)) {
      if (total !== null && total > MOST_RESULTS) throw new TooManyResults();
      yield items;
    }
  } catch (error) {
    const halves = isTooMuch(error) ? halvesOf(window, nowMs) : null;
    if (halves === null) throw error;
    for (const half of halves) yield* pagesInWindows(half, nowMs, pagesOf);
  }
}

/** Qonto answers 422 to every query that it cannot answer. One that is wrong otherwise fails for the shortest time too. */
function isTooMuch(error: unknown): boolean {
  return error instanceof TooManyResults || (error instanceof QontoRefusal && error.status === 422);
}

/** Null when it is too short to be cut. */
function halvesOf({ fromMs, toMs }: Window, nowMs: number): [Window, Window] | null {
  const middleMs = Math.floor((fromMs + (toMs ?? nowMs)) / 2);
  if (middleMs - fromMs < SHORTEST_MS) return null;
  return [
    { fromMs, toMs: middleMs },
    { fromMs: middleMs, toMs },
  ];
}
