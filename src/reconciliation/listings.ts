import { z } from "zod";
import type { Query } from "../platform/http.ts";
import type { QontoClient } from "../qonto/api-client.ts";
import { type Item, idOf } from "./compare.ts";

/** The organization that an access token sees. */
export interface Organization {
  readonly id: string;
  readonly name: string | null;
  /** As Qonto shows it, without its accounts. */
  readonly shown: Item;
  readonly accounts: readonly Item[];
}

/** How Qonto's API lists a type. */
export interface Listing {
  readonly path: string;
  /** Of the items in its answers. */
  readonly key: string;
  /** The OAuth scope that it asks for. */
  readonly scope: string;
  /** The query of what has changed in a time; without it, everything is listed. `to` undefined: until now. */
  readonly changed?: (from: string, to: string | undefined) => Query;
  /** The query of one account's part; without it, there is one list for all. */
  readonly ofAccount?: (accountId: string) => Query;
  /** How one is shown by its id, of a type whose resources can be deleted. No single path need show each that there is. */
  readonly one?: { readonly paths: readonly string[]; readonly key: string };
}

const updatedAt = (updated_at_from: string, updated_at_to: string | undefined) => ({ updated_at_from, updated_at_to });

const ORGANIZATION_SCOPE = "organization.read";

/** In the order in which they are compared. */
const listings: Readonly<Record<string, Listing>> = {
  "v1/memberships": { path: "/v2/memberships", key: "memberships", scope: "membership.read" },
  "v1/beneficiaries": {
    path: "/v2/sepa/beneficiaries",
    key: "beneficiaries",
    scope: ORGANIZATION_SCOPE,
    // The list and the first of these show the SEPA ones alone.
    one: { paths: ["/v2/sepa/beneficiaries", "/v2/beneficiaries"], key: "beneficiary" },
  },
  "v1/cards": { path: "/v2/cards", key: "cards", scope: "card.read" },
  "v1/clients": {
    path: "/v2/clients",
    key: "clients",
    scope: "client.read",
    one: { paths: ["/v2/clients"], key: "client" },
  },
  "v1/products": {
    path: "/v2/products",
    key: "products",
    scope: "product.read",
    one: { paths: ["/v2/products"], key: "product" },
  },
  "v1/payment-links": { path: "/v2/payment_links", key: "payment_links", scope: "payment_link.read" },
  "v1/client-invoices": {
    path: "/v2/client_invoices",
    key: "client_invoices",
    scope: "client_invoices.read",
    changed: (from, to) => ({ "filter[updated_at_from]": from, "filter[updated_at_to]": to }),
  },
  "v1/transfers": { path: "/v2/sepa/transfers", key: "transfers", scope: ORGANIZATION_SCOPE, changed: updatedAt },
  "v1/transactions": {
    path: "/v2/transactions",
    key: "transactions",
    scope: ORGANIZATION_SCOPE,
    changed: updatedAt,
    ofAccount: (bank_account_id) => ({
      bank_account_id,
      // Without a status Qonto lists only the completed ones.
      "status[]": ["pending", "declined", "completed"],
      // Newest first: a transaction that changes while pages are read moves to a page that was read, and pushes none there.
      sort_by: "updated_at:desc",
    }),
  },
};

/** All types that Qonto's API can list. The first two come with the organization. */
export const listableTypes: readonly string[] = ["v1/organizations", "v1/accounts", ...Object.keys(listings)];

/** Undefined for a type that comes with the organization, or that Qonto's API does not list. */
export function listingOf(type: string): Listing | undefined {
  return Object.hasOwn(listings, type) ? listings[type] : undefined;
}

export function isListedByTime(type: string): boolean {
  return listingOf(type)?.changed !== undefined;
}

/** Whether each list of a type shows all that there is: what it lacks is extra. */
export function isListedWhole(type: string): boolean {
  return listingOf(type) !== undefined && !isListedByTime(type);
}

export const item = z.record(z.string(), z.unknown());

const organizationAnswer = z.object({
  organization: z.looseObject({ bank_accounts: z.array(item) }),
});

const name = z.string().min(1).nullable().catch(null);

export async function fetchOrganization(qonto: QontoClient): Promise<Organization> {
  const { organization } = await qonto.get("/v2/organization", organizationAnswer);
  // The accounts are resources of their own, with events of their own.
  const { bank_accounts: accounts, ...shown } = organization;
  return {
    id: idOf("v1/organizations", shown),
    name: name.parse(shown["legal_name"]) ?? name.parse(shown["name"]),
    shown,
    accounts,
  };
}
