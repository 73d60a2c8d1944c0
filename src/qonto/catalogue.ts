/** What the relay knows of an event type. The catalogue is open: a type that is not in it follows `unlisted`. */
interface TypeRules {
  /** Field of `data` that names the resource; null: the organization has one at most. */
  readonly resourceId: string | null;
  /** Field of `data` that dates the resource when it has no `updated_at`. */
  readonly instant?: string;
  /** What can happen to the resource, first to last: decides between events of the same instant. */
  readonly lifecycle: readonly string[];
  /** OAuth scope that a subscription to it takes beside `webhook`; null: none. */
  readonly scope: string | null;
}

const changes = ["created", "updated", "deleted"];
const byId = { resourceId: "id", lifecycle: changes, scope: "organization.read" } satisfies TypeRules;

const unlisted: TypeRules = { ...byId, scope: null };

const businessTypes: Readonly<Record<string, TypeRules>> = {
  "v1/transactions": byId,
  "v1/accounts": byId,
  "v1/organizations": byId,
  "v1/memberships": byId,
  "v1/consent-revocations": { resourceId: "client_id", instant: "revoked_at", lifecycle: [], scope: null },
  "v1/cards": {
    resourceId: "id",
    lifecycle: [
      "created",
      "activated",
      "unlocked",
      "locked",
      "nickname_updated",
      "options_updated",
      "limits_updated",
      "restrictions_updated",
      "discarded",
      "expired",
    ],
    scope: "card.read",
  },
  "v1/payment-links": { ...byId, resourceId: "payment_link_id", scope: "payment_link.read" },
  "v1/payment-links-connections": {
    resourceId: null,
    lifecycle: ["connection_enabled", "connection_revoked"],
    scope: "payment_link.read",
  },
  "v1/beneficiaries": byId,
  "v1/client-invoices": { ...byId, scope: "client_invoices.read" },
  "v1/terminal-payments": { resourceId: "id", lifecycle: ["authorized", "refused"], scope: "terminal.read" },
  "v1/clients": byId,
  "v1/products": byId,
  "v1/sepa-direct-debit-mandates": { resourceId: "id", lifecycle: ["accepted"], scope: "sepa_direct_debit.read" },
  // A completed collection can still be returned (to D+5) or refunded (to 8 weeks).
  "v1/sepa-direct-debit-collections": {
    resourceId: "id",
    lifecycle: ["on_hold", "completed", "failed", "returned", "refunded"],
    scope: "sepa_direct_debit.read",
  },
  "v1/transfers": { ...byId, lifecycle: ["created", "processing", "settled", "declined", "canceled"] },
  "v1/recurring-transfers": { ...byId, lifecycle: ["created", "canceled"] },
};

/** Stages of an onboarding, in order. After `organizations.deleted`, its reset, a new life may begin. */
export const onboardingLifecycle: readonly string[] = [
  "registrations.pending",
  "registrations.user_started",
  "registrations.contract_signed",
  "registrations.submitted",
  "registrations.capital_deposit_activated",
  "registrations.capital_deposit_request_signed",
  "registrations.capital_deposit_certificate_signed",
  "registrations.capital_deposit_statement_ready",
  "registrations.completed",
  "organizations.deleted",
];

/** The types that Qonto's documentation names, by which of its systems sends them. */
export const cataloguedTypes: Readonly<Record<"business" | "onboarding", readonly string[]>> = {
  business: Object.keys(businessTypes),
  onboarding: onboardingLifecycle,
};

/** Whether Qonto's documentation names this type. */
export function isCatalogued(type: string): boolean {
  return Object.hasOwn(businessTypes, type) || onboardingLifecycle.includes(type);
}

export function rulesOf(type: string): TypeRules {
  return Object.hasOwn(businessTypes, type) ? (businessTypes[type] ?? unlisted) : unlisted;
}

/** OAuth scope that a subscription to a type takes beside `webhook`; null: none, or none that is known. */
export function scopeOf(type: string): string | null {
  return rulesOf(type).scope;
}

/** Last part of an event's name: the documentation prefixes it (`transactions.created`), payloads do not. */
export function bareEventName(event: string): string {
  return event.slice(event.lastIndexOf(".") + 1);
}

/** Rank of what happened to a resource, among events of the same instant. */
export function lifecycleRank(type: string, event: string | null): number {
  return event === null ? 0 : rankIn(rulesOf(type).lifecycle, bareEventName(event));
}

/** Rank of an onboarding event type. */
export function onboardingRank(type: string): number {
  return rankIn(onboardingLifecycle, type);
}

/** An unlisted name ranks right after the first one: it is a change, and no end. */
function rankIn(lifecycle: readonly string[], name: string): number {
  const index = lifecycle.indexOf(name);
  if (index === -1) return 2;
  return index === 0 ? 1 : index + 2;
}
