import { Hono } from "hono";
import type { Bank, Item, ListedType } from "./bank.ts";
import { flatError } from "./errors.ts";
import { pageOf } from "./paging.ts";

interface ListEndpoint {
  readonly path: string;
  readonly key: string;
  readonly type: ListedType;
  /** Names of the query parameters that ask for what was changed last from then, and until then. */
  readonly changed?: readonly [from: string, to: string];
}

const updatedAt = ["updated_at_from", "updated_at_to"] as const;

const endpoints: readonly ListEndpoint[] = [
  {
    path: "/v2/client_invoices",
    key: "client_invoices",
    type: "v1/client-invoices",
    changed: ["filter[updated_at_from]", "filter[updated_at_to]"],
  },
  { path: "/v2/sepa/transfers", key: "transfers", type: "v1/transfers", changed: updatedAt },
  { path: "/v2/sepa/beneficiaries", key: "beneficiaries", type: "v1/beneficiaries" },
  { path: "/v2/memberships", key: "memberships", type: "v1/memberships" },
  { path: "/v2/cards", key: "cards", type: "v1/cards" },
  { path: "/v2/clients", key: "clients", type: "v1/clients" },
  { path: "/v2/products", key: "products", type: "v1/products" },
  { path: "/v2/payment_links", key: "payment_links", type: "v1/payment-links" },
];

interface OneEndpoint {
  readonly path: string;
  readonly key: string;
  readonly type: ListedType;
  /** What the list does not show is not found. */
  readonly isOfList?: boolean;
}

const oneEndpoints: readonly OneEndpoint[] = [
  { path: "/v2/sepa/beneficiaries/:id", key: "beneficiary", type: "v1/beneficiaries", isOfList: true },
  { path: "/v2/beneficiaries/:id", key: "beneficiary", type: "v1/beneficiaries" },
  { path: "/v2/clients/:id", key: "client", type: "v1/clients" },
  { path: "/v2/products/:id", key: "product", type: "v1/products" },
];

/** What Qonto's API lists of the organization that asks, or shows by its id: the way to catch up after an outage. */
export function listsApi(bankOf: (request: Request) => Bank, mostResults?: number): Hono {
  const api = new Hono();
  for (const { path, key, type, isOfList = false } of oneEndpoints) {
    api.get(path, (c) => {
      const found = bankOf(c.req.raw).find(type, c.req.param("id") ?? "");
      const isShown = found !== undefined && (found.isListed || !isOfList);
      return isShown ? Response.json({ [key]: found.item }) : flatError(404, "not_found", "There is no such resource");
    });
  }
  for (const { path, key, type, changed } of endpoints) {
    api.get(path, (c) => {
      const query = new URL(c.req.url).searchParams;
      return pageOf(changedWithin(bankOf(c.req.raw), type, query, changed), key, query, mostResults);
    });
  }

  api.get("/v2/organization", (c) => {
    const bank = bankOf(c.req.raw);
    const [organization] = bank.all("v1/organizations");
    return Response.json({ organization: { ...organization, bank_accounts: bank.all("v1/accounts") } });
  });

  api.get("/v2/transactions", (c) => {
    const bank = bankOf(c.req.raw);
    const query = new URL(c.req.url).searchParams;
    const account = accountOf(bank, query);
    if (account === undefined) {
      const parameter = query.has("iban") ? "iban" : "bank_account_id";
      return flatError(400, "invalid_parameter", "bank_account_id or iban is required", { parameter });
    }
    // Without the parameter the completed ones alone.
    const statuses = query.has("status[]") ? query.getAll("status[]") : ["completed"];
    const items = changedWithin(bank, "v1/transactions", query, updatedAt).filter(
      (item) => item["bank_account_id"] === account.id && statuses.includes(String(item["status"])),
    );
    return pageOf(inOrder(items, query.get("sort_by") ?? "settled_at:desc"), "transactions", query, mostResults);
  });
  return api;
}

function accountOf(bank: Bank, query: URLSearchParams): Item | undefined {
  return bank
    .all("v1/accounts")
    .find(({ id, iban }) => id === query.get("bank_account_id") || (iban !== undefined && iban === query.get("iban")));
}

function changedWithin(
  bank: Bank,
  type: ListedType,
  query: URLSearchParams,
  names: readonly [string, string] | undefined,
): Item[] {
  const [from = null, to = null] = (names ?? []).map((name) => query.get(name));
  return bank.changedWithin(type, from === null ? null : timeOf(from), to === null ? null : timeOf(to));
}

function inOrder(items: readonly Item[], sortBy: string): Item[] {
  const [field = "", direction] = sortBy.split(":");
  const sorted = items.toSorted((one, other) => timeOf(one[field]) - timeOf(other[field]));
  return direction === "desc" ? sorted.toReversed() : sorted;
}

function timeOf(value: unknown): number {
  return typeof value === "string" ? Date.parse(value) : 0;
}
