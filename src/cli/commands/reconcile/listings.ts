import { z } from "zod";
import type { Query } from "../../network.ts";
import type { Page, QontoClient } from "../../qonto-client.ts";
import { completePages } from "./complete-pages.ts";
import { type Item, idOf, item } from "./item.ts";
import { type Window, pagesInWindows } from "./windows.ts";

/** What a run asks Qonto for. */
export interface Asking {
  readonly qonto: QontoClient;
  readonly organization: Organization;
  readonly sinceMs: number;
  /** When the run began, by Qonto's clock: what it lists is at least as new. Unix milliseconds. */
  readonly asOfMs: number;
  readonly progress: (text: string) => void;
}

/** The one organization that an access token sees. */
export interface Organization {
  readonly id: string;
  readonly shown: Item;
  readonly accounts: readonly Item[];
}

interface Listing {
  /** Whether Qonto lists what has changed since an instant; otherwise it lists everything there is. */
  readonly byTime: boolean;
  readonly pages: (asking: Asking, type: string) => AsyncIterable<readonly Item[]>;
}

/** All types that Qonto's API can list, in the order in which they are compared. */
const listings: Readonly<Record<string, Listing>> = {
  "v1/organizations": { byTime: false, pages: ({ organization }) => once([organization.shown]) },
  "v1/accounts": { byTime: false, pages: ({ organization }) => once(organization.accounts) },
  "v1/memberships": whole("v2/memberships", "memberships"),
  "v1/beneficiaries": whole("v2/sepa/beneficiaries", "beneficiaries"),
  "v1/cards": whole("v2/cards", "cards"),
  "v1/clients": whole("v2/clients", "clients"),
  "v1/products": whole("v2/products", "products"),
  "v1/payment-links": whole("v2/payment_links", "payment_links"),
  "v1/client-invoices": byTime("v2/client_invoices", "client_invoices", (from, to) => ({
    "filter[updated_at_from]": from,
    "filter[updated_at_to]": to,
  })),
  "v1/transfers": byTime("v2/sepa/transfers", "transfers", (from, to) => ({
    updated_at_from: from,
    updated_at_to: to,
  })),
  "v1/transactions": { byTime: true, pages: transactions },
};

export const listableTypes: readonly string[] = Object.keys(listings);

export function isListedByTime(type: string): boolean {
  return listings[type]?.byTime ?? false;
}

/** The pages of all that Qonto lists of a type: with a date to ask by, of what has changed since; without, of everything. */
export function listItems(type: string, asking: Asking): AsyncIterable<readonly Item[]> {
  return listings[type]?.pages(asking, type) ?? once([]);
}

const organizationAnswer = z.object({
  organization: z.looseObject({ bank_accounts: z.array(item) }),
});

export async function findOrganization(qonto: QontoClient): Promise<Organization> {
  const { organization } = await qonto.get("v2/organization", organizationAnswer);
  // The accounts are things of their own, with events of their own.
  const { bank_accounts: accounts, ...shown } = organization;
  return { id: idOf("v1/organizations", shown), shown, accounts };
}

async function* once(items: readonly Item[]): AsyncGenerator<readonly Item[]> {
  yield items;
}

function whole(path: string, key: string): Listing {
  const pages = async function* (asking: Asking, type: string) {
    for await (const { items } of readPages(asking, type, { path, key })) yield items;
  };
  return { byTime: false, pages };
}

function byTime(path: string, key: string, queryOf: (from: string, to: string | undefined) => Query): Listing {
  const pages = (asking: Asking, type: string) =>
    pagesInWindows({ fromMs: asking.sinceMs, toMs: null }, asking.asOfMs, (window) =>
      readPages(asking, type, { path, key, query: queryOf(...textsOf(window)) }),
    );
  return { byTime: true, pages };
}

/** Of each account by itself, and of every status: Qonto lists the completed ones alone unless it is asked. */
async function* transactions(asking: Asking, type: string): AsyncGenerator<readonly Item[]> {
  for (const account of asking.organization.accounts) {
    const ofAccount = {
      bank_account_id: idOf("v1/accounts", account),
      "status[]": ["pending", "declined", "completed"],
    };
    yield* pagesInWindows({ fromMs: asking.sinceMs, toMs: null }, asking.asOfMs, (window) => {
      const [updated_at_from, updated_at_to] = textsOf(window);
      // Newest first: one that is changed meanwhile moves to a page that has been read, and moves none to there.
      const order = { sort_by: "updated_at:desc" };
      const query = { ...ofAccount, updated_at_from, updated_at_to, ...order };
      return readPages(asking, type, { path: "v2/transactions", key: "transactions", query });
    });
  }
}

function readPages(
  { qonto, progress }: Asking,
  type: string,
  { path, key, query }: { readonly path: string; readonly key: string; readonly query?: Query },
): AsyncIterable<Page<Item>> {
  return completePages(() => qonto.pages(path, key, item, query), {
    idOf: (one) => idOf(type, one),
    onAgain: (why) => progress(`${type}: ${why}, reading again …`),
  });
}

function textsOf({ fromMs, toMs }: Window): [string, string | undefined] {
  return [new Date(fromMs).toISOString(), toMs === null ? undefined : new Date(toMs).toISOString()];
}
