import { type SampleType, sampleEvent } from "../../../src/qonto/sample-event.ts";
import { type QontoWorld, isoAt } from "./world.ts";

/** One thing, with the fields that Qonto's API gives it. */
export type Item = Readonly<Record<string, unknown>>;

/** What Qonto's API can list, by the type of its events. */
export const listedTypes = [
  "v1/transactions",
  "v1/accounts",
  "v1/organizations",
  "v1/memberships",
  "v1/cards",
  "v1/client-invoices",
  "v1/beneficiaries",
  "v1/clients",
  "v1/products",
  "v1/transfers",
  "v1/payment-links",
] as const satisfies readonly SampleType[];

export type ListedType = (typeof listedTypes)[number];

/** What can be made in a bank: all of it but the organization, which it is itself. */
export const makeableTypes = listedTypes.filter((type) => type !== "v1/organizations");

export function isListedType(type: string): type is ListedType {
  return listedTypes.some((listed) => listed === type);
}

interface Kept {
  readonly item: Item;
  /** False: its list does not show it, as that of the SEPA beneficiaries another one. */
  readonly isListed: boolean;
  /** Unix milliseconds. */
  readonly changedAt: number;
}

/** One customer of the bank: an organization, and what it has. */
export class Bank {
  readonly organizationId: string;
  /** Who connects applications to it. */
  readonly membershipId: string;
  readonly #items = new Map<ListedType, Map<string, Kept>>();
  readonly #world: Pick<QontoWorld, "now" | "randomId">;
  #made = 0;

  constructor(world: Pick<QontoWorld, "now" | "randomId">, organizationId = world.randomId()) {
    this.#world = world;
    this.organizationId = organizationId;
    this.membershipId = world.randomId();
    this.make("v1/organizations", { id: organizationId });
    this.make("v1/accounts", { name: "Main account", main: true });
  }

  get name(): string {
    return String(this.all("v1/organizations")[0]?.["legal_name"]);
  }

  all(type: ListedType): Item[] {
    return this.changedWithin(type, null, null);
  }

  /** What was changed last in a time, both ends in it, whether it shows that date or not. Unix milliseconds; null: no end. */
  changedWithin(type: ListedType, from: number | null, to: number | null): Item[] {
    return [...(this.#items.get(type)?.values() ?? [])]
      .filter(
        ({ isListed, changedAt }) =>
          isListed && (from === null || changedAt >= from) && (to === null || changedAt <= to),
      )
      .map(({ item }) => item);
  }

  /** One thing, whether it is listed or not. */
  find(type: ListedType, id: string): Kept | undefined {
    return this.#items.get(type)?.get(id);
  }

  /** Adds something made up, with the fields of its type, and answers it. */
  make(type: ListedType, changes: { readonly [field: string]: unknown } = {}): Item {
    this.#made += 1;
    const { event: _event, ...sample } = Object(sampleEvent(type)["data"]);
    const id = `${this.#world.randomId().slice(0, -8)}${String(this.#made).padStart(8, "0")}`;
    const now = isoAt(this.#world.now());
    const account = type === "v1/transactions" ? { bank_account_id: this.all("v1/accounts")[0]?.id } : {};
    const dated = "updated_at" in sample ? { updated_at: now } : {};
    const item = { ...sample, ...account, ...dated, [idFieldOf(type)]: id, ...changes };
    return this.#keep(type, item);
  }

  /** Changes one thing, as of now, and answers it. */
  change(type: ListedType, id: string, changes: { readonly [field: string]: unknown }): Item {
    const before = this.#items.get(type)?.get(id)?.item;
    if (before === undefined) throw new Error(`There is no ${type} ${id}`);
    const dated = "updated_at" in before ? { updated_at: isoAt(this.#world.now()) } : {};
    return this.#keep(type, { ...before, ...dated, ...changes });
  }

  remove(type: ListedType, id: string): void {
    this.#items.get(type)?.delete(id);
  }

  /** It is there, but is not listed any more. */
  hide(type: ListedType, id: string): void {
    this.#setListed(type, id, false);
  }

  /** It is listed again. */
  show(type: ListedType, id: string): void {
    this.#setListed(type, id, true);
  }

  #setListed(type: ListedType, id: string, isListed: boolean): void {
    const kept = this.find(type, id);
    if (kept === undefined) throw new Error(`There is no ${type} ${id}`);
    this.#items.get(type)?.set(id, { ...kept, isListed });
  }

  #keep(type: ListedType, item: Item): Item {
    const items = this.#items.get(type) ?? new Map<string, Kept>();
    const { updated_at: date } = item;
    const changedAt = typeof date === "string" ? Date.parse(date) : this.#world.now();
    this.#items.set(type, items.set(idOf(type, item), { item, isListed: true, changedAt }));
    return item;
  }
}

export function idOf(type: ListedType, item: Item): string {
  const id = item[idFieldOf(type)];
  if (typeof id !== "string") throw new Error(`There is no ${type} without an id`);
  return id;
}

/** A payment link is the one thing whose id has another name. */
function idFieldOf(type: ListedType): string {
  return type === "v1/payment-links" ? "payment_link_id" : "id";
}
