import { readId } from "../../../qonto/envelope.ts";
import { fieldAt } from "../../../qonto/summary.ts";

/** Another resource that a resource names. */
export interface RelatedId {
  readonly type: string;
  readonly id: string;
}

/** Fields that hold the id of a resource of another type, whatever type they are found in. */
const everywhere: Readonly<Record<string, string>> = {
  bank_account_id: "v1/accounts",
  "bank_account.id": "v1/accounts",
  beneficiary_id: "v1/beneficiaries",
  card_id: "v1/cards",
  holder_id: "v1/memberships",
  initiator_id: "v1/memberships",
  recurring_transfer_id: "v1/recurring-transfers",
  mandate_id: "v1/sepa-direct-debit-mandates",
  transfer_id: "v1/transfers",
};

/** The same for fields that mean something else in other types. */
const inType: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "v1/transfers": { transaction_id: "v1/transactions" },
  "v1/client-invoices": { client_id: "v1/clients", "client.id": "v1/clients" },
  "v1/payment-links": { resource_id: "v1/client-invoices" },
};

/** What else `data` names by its id, each once. */
export function relatedIds(type: string, data: unknown): RelatedId[] {
  const ofType = Object.hasOwn(inType, type) ? inType[type] : undefined;
  const found = Object.entries({ ...everywhere, ...ofType }).flatMap(([path, named]) => {
    const id = readId(fieldAt(data, path));
    return id === null ? [] : [{ type: named, id }];
  });
  return [...new Map(found.map((one) => [JSON.stringify([one.type, one.id]), one])).values()];
}
