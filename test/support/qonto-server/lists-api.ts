import { Hono } from "hono";
import type { Bank, Item, ListedType } from "./bank.ts";
import { flatError } from "./errors.ts";
import { pageOf } from "./paging.ts";

interface ListEndpoint {
  readonly path: string;
  readonly key: string;
  readonly type: ListedType;
  /** Query parameter that leaves out what has not changed since. */
  readonly since?: string;
}

const endpoints: readonly ListEndpoint[] = [
  { path: "/v2/client_invoices", key: "client_invoices", type: "v1/client-invoices", since: "filter[updated_at_from]" },
  { path: "/v2/sepa/transfers", key: "transfers", type: "v1/transfers", since: "updated_at_from" },
  { path: "/v2/sepa/beneficiaries", key: "beneficiaries", type: "v1/beneficiaries" },
  { path: "/v2/memberships", key: "memberships", type: "v1/memberships" },
  { path: "/v2/cards", key: "cards", type: "v1/cards" },
  { path: "/v2/clients", key: "clients", type: "v1/clients" },
  { path: "/v2/products", key: "products", type: "v1/products" },
  { path: "/v2/payment_links", key: "payment_links", type: "v1/payment-links" },
];

/** What Qonto's API lists of an organization: the way to catch up after an outage. */
export function listsApi(bank: Bank): Hono {
  const api = new Hono();
  for (const { path, key, type, since } of endpoints) {
    api.get(path, (c) => {
      const query = new URL(c.req.url).searchParams;
      return pageOf(changedSince(bank.all(type), since === undefined ? null : query.get(since)), key, query);
    });
  }

  api.get("/v2/organization", () => {
    const [organization] = bank.all("v1/organizations");
    return Response.json({ organization: { ...organization, bank_accounts: bank.all("v1/accounts") } });
  });

  api.get("/v2/transactions", (c) => {
    const query = new URL(c.req.url).searchParams;
    const account = accountOf(bank, query);
    if (account === undefined) {
      const parameter = query.has("iban") ? "iban" : "bank_account_id";
      return flatError(400, "invalid_parameter", "bank_account_id or iban is required", { parameter });
    }
    // Without the parameter the completed ones alone.
    const statuses = query.has("status[]") ? query.getAll("status[]") : ["completed"];
    const items = changedSince(bank.all("v1/transactions"), query.get("updated_at_from")).filter(
      (item) => item["bank_account_id"] === account.id && statuses.includes(String(item["status"])),
    );
    return pageOf(inOrder(items, query.get("sort_by") ?? "settled_at:desc"), "transactions", query);
  });
  return api;
}

function accountOf(bank: Bank, query: URLSearchParams): Item | undefined {
  return bank
    .all("v1/accounts")
    .find(({ id, iban }) => id === query.get("bank_account_id") || (iban !== undefined && iban === query.get("iban")));
}

/** Inclusive. What bears no date is always listed. */
function changedSince(items: readonly Item[], since: string | null): Item[] {
  return items.filter(
    ({ updated_at }) => since === null || updated_at === undefined || timeOf(updated_at) >= timeOf(since),
  );
}

function inOrder(items: readonly Item[], sortBy: string): Item[] {
  const [field = "", direction] = sortBy.split(":");
  const sorted = items.toSorted((one, other) => timeOf(one[field]) - timeOf(other[field]));
  return direction === "desc" ? sorted.toReversed() : sorted;
}

function timeOf(value: unknown): number {
  return typeof value === "string" ? Date.parse(value) : 0;
}
