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

interface CataloguedType extends TypeRules {
  /** What an event of the type says, in one sentence. */
  readonly description: string;
}

const changes = ["created", "updated", "deleted"];
const byId = { resourceId: "id", lifecycle: changes, scope: "organization.read" } satisfies TypeRules;

const unlisted: TypeRules = { ...byId, scope: null };

const businessTypes: Readonly<Record<string, CataloguedType>> = {
  "v1/transactions": { ...byId, description: "A transaction of a bank account was created or has changed." },
  "v1/accounts": { ...byId, description: "A bank account was created or has changed." },
  "v1/organizations": {
    ...byId,
    description: "The organization itself has changed, for example because it was suspended.",
  },
  "v1/memberships": { ...byId, description: "A member of the organization was added or has changed." },
  "v1/consent-revocations": {
    description: "A user has revoked the consent of an OAuth application.",
    resourceId: "client_id",
    instant: "revoked_at",
    lifecycle: [],
    scope: null,
  },
  "v1/cards": {
    description: "A card was created, activated, locked, unlocked, changed or discarded, or has expired.",
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
  "v1/payment-links": {
    ...byId,
    description: "A payment link was created or has changed.",
    resourceId: "payment_link_id",
    scope: "payment_link.read",
  },
  "v1/payment-links-connections": {
    description: "Payment links were enabled for the organization, or are so no more.",
    resourceId: null,
    lifecycle: ["connection_enabled", "connection_revoked"],
    scope: "payment_link.read",
  },
  "v1/beneficiaries": { ...byId, description: "A beneficiary of transfers was created, changed or deleted." },
  "v1/client-invoices": {
    ...byId,
    description: "A client invoice was created or has changed, for example because it was paid.",
    scope: "client_invoices.read",
  },
  "v1/terminal-payments": {
    description: "A payment on a terminal was authorized or refused.",
    resourceId: "id",
    lifecycle: ["authorized", "refused"],
    scope: "terminal.read",
  },
  "v1/clients": { ...byId, description: "A client was created, changed or deleted." },
  "v1/products": { ...byId, description: "A product was created, changed or deleted." },
  "v1/sepa-direct-debit-mandates": {
    description: "A SEPA direct debit mandate was accepted.",
    resourceId: "id",
    lifecycle: ["accepted"],
    scope: "sepa_direct_debit.read",
  },
  // A completed collection can still be returned (to D+5) or refunded (to 8 weeks).
  "v1/sepa-direct-debit-collections": {
    description: "A SEPA direct debit collection is on hold, has failed, or was completed, returned or refunded.",
    resourceId: "id",
    lifecycle: ["on_hold", "completed", "failed", "returned", "refunded"],
    scope: "sepa_direct_debit.read",
  },
  "v1/transfers": {
    ...byId,
    description: "A transfer was created, is being processed, was settled, declined or canceled.",
    lifecycle: ["created", "processing", "settled", "declined", "canceled"],
  },
  "v1/recurring-transfers": {
    ...byId,
    description: "A recurring transfer was created or canceled.",
    lifecycle: ["created", "canceled"],
  },
};

/** Stages of an onboarding in order, each in one sentence. After `organizations.deleted`, its reset, a new life may begin. */
const onboardingStages: Readonly<Record<string, string>> = {
  "registrations.pending": "A registration was created and waits for its user.",
  "registrations.user_started": "The user has started the registration.",
  "registrations.contract_signed": "The contract is signed, and the payment was made.",
  "registrations.submitted": "The registration is submitted, and the capital deposit can start.",
  "registrations.capital_deposit_activated":
    "The capital deposit is in progress: Qonto waits for the shareholders' money.",
  "registrations.capital_deposit_request_signed":
    "All shareholders have paid, and the notary prepares the certificate of deposit.",
  "registrations.capital_deposit_certificate_signed": "The notary has signed the certificate of deposit.",
  "registrations.capital_deposit_statement_ready": "The statement of the capital deposit is ready.",
  "registrations.completed": "The registration is completed, and the user has an active bank account.",
  "organizations.deleted": "An organization was deleted because its registration was reset.",
};

export const onboardingLifecycle: readonly string[] = Object.keys(onboardingStages);

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

/** What an event of the type says, in one sentence; null outside of the catalogue. */
export function descriptionOf(type: string): string | null {
  if (!isCatalogued(type)) return null;
  return businessTypes[type]?.description ?? onboardingStages[type] ?? null;
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
