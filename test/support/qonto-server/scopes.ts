/** What an application can ask an organization for. */
export const scopes = [
  "offline_access",
  "organization.read",
  "webhook",
  "membership.read",
  "card.read",
  "client.read",
  "product.read",
  "payment_link.read",
  "client_invoices.read",
  "terminal.read",
  "sepa_direct_debit.read",
] as const;

export type Scope = (typeof scopes)[number];

export function isScope(name: string): name is Scope {
  return scopes.some((scope) => scope === name);
}

const byPath: Readonly<Record<string, Scope>> = {
  "/v2/webhook_subscriptions": "webhook",
  "/v2/memberships": "membership.read",
  "/v2/cards": "card.read",
  "/v2/clients": "client.read",
  "/v2/products": "product.read",
  "/v2/payment_links": "payment_link.read",
  "/v2/client_invoices": "client_invoices.read",
};

/** The scope that a call of the Business API takes. */
export function scopeOfPath(path: string): Scope {
  return byPath[path.split("/").slice(0, 3).join("/")] ?? "organization.read";
}

const byType: Readonly<Record<string, Scope | null>> = {
  "v1/consent-revocations": null,
  "v1/cards": "card.read",
  "v1/payment-links": "payment_link.read",
  "v1/payment-links-connections": "payment_link.read",
  "v1/client-invoices": "client_invoices.read",
  "v1/terminal-payments": "terminal.read",
  "v1/sepa-direct-debit-mandates": "sepa_direct_debit.read",
  "v1/sepa-direct-debit-collections": "sepa_direct_debit.read",
};

/** The scope that a subscription to a type takes beside `webhook`; null: none. */
export function scopeOfType(type: string): Scope | null {
  return Object.hasOwn(byType, type) ? (byType[type] ?? null) : "organization.read";
}
