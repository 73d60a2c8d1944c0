import type { RelayEvent } from "../../../domain/event.ts";

/** What the types of the catalogue are about, in the singular. */
const nouns: Readonly<Record<string, string>> = {
  "v1/transactions": "Transaction",
  "v1/accounts": "Account",
  "v1/organizations": "Organization",
  "v1/memberships": "Membership",
  "v1/consent-revocations": "Consent revoked",
  "v1/cards": "Card",
  "v1/payment-links": "Payment link",
  "v1/payment-links-connections": "Payment links",
  "v1/beneficiaries": "Beneficiary",
  "v1/client-invoices": "Client invoice",
  "v1/terminal-payments": "Terminal payment",
  "v1/clients": "Client",
  "v1/products": "Product",
  "v1/sepa-direct-debit-mandates": "SEPA direct debit mandate",
  "v1/sepa-direct-debit-collections": "SEPA direct debit collection",
  "v1/transfers": "Transfer",
  "v1/recurring-transfers": "Recurring transfer",
  unreadable: "Unreadable event",
};

/** `Transaction created`; of a type that nobody knows, its name. */
export function whatHappened({ type, event }: Pick<RelayEvent, "type" | "event">): string {
  const words = event?.replaceAll("_", " ");
  if (type.startsWith("registrations.")) return `Registration ${words ?? ""}`.trimEnd();
  if (type.startsWith("organizations.")) return `Organization ${words ?? ""}`.trimEnd();
  const noun = Object.hasOwn(nouns, type) ? nouns[type] : undefined;
  if (noun === undefined) return words === undefined ? type : `${type}: ${words}`;
  return words === undefined ? noun : `${noun} ${words}`;
}
