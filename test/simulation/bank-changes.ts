import { type Bank, type Item, type ListedType, idOf } from "../support/qonto-server/bank.ts";
import { isoAt } from "../support/qonto-server/world.ts";
import { type BankChecks, deletableTypes, isDeletable } from "./bank-checks.ts";
import type { Cloud } from "./cloud.ts";
import type { Chance } from "./chance.ts";
import type { Connected, ConnectionChecks } from "./connection-checks.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

/** What a bank makes more of. */
const made = [
  "v1/transactions",
  "v1/transactions",
  "v1/client-invoices",
  "v1/memberships",
  ...deletableTypes,
  ...deletableTypes,
] as const;

const changed = [...made, "v1/organizations", "v1/accounts"] as const;

/** Of these, the ones without a date of their own. */
const undated: readonly ListedType[] = ["v1/client-invoices", "v1/memberships"];

const FOREIGN = "v1/beneficiaries";

/** The relay reads transactions of the last 90 days. */
const OLDEST_MS = 60 * 86_400_000;

export interface BankEnds {
  readonly cloud: Cloud;
  readonly db: SqliteDatabase;
  readonly checks: ConnectionChecks;
}

/** `data` of an event of a bank. */
export interface Change {
  readonly type: ListedType;
  readonly data: Item;
}

/** What happens in the banks of connected organizations. No two states of a resource are the same. */
export class BankChanges {
  readonly #ends: BankEnds;
  readonly #chance: Chance;
  readonly #removed: { readonly bank: Bank; readonly type: ListedType; readonly item: Item }[] = [];
  readonly #foreign: Item[] = [];
  #noted = 0;

  constructor(ends: BankEnds, chance: Chance) {
    this.#ends = ends;
    this.#chance = chance;
  }

  /** What there was before the organization was connected. */
  makeHistory(bank: Bank): void {
    const { now } = this.#ends.cloud.agenda;
    for (const type of ["v1/organizations", "v1/accounts"] as const) {
      for (const item of bank.all(type)) this.#checks.changed(bank, type, item, now);
    }
    for (let many = this.#chance.whole(0, 6); many > 0; many -= 1) {
      const type = this.#chance.pick(made);
      const at = now - this.#chance.whole(1_000, OLDEST_MS);
      const dated = undated.includes(type) ? {} : { updated_at: isoAt(at) };
      this.#checks.changed(bank, type, bank.make(type, { ...dated, ...this.#note() }), at);
    }
  }

  /** A webhook has told of a resource, and it was removed, before the organization was connected. */
  makeRemoved(bank: Bank): Change {
    const type = this.#chance.pick(deletableTypes);
    const item = bank.make(type, this.#note());
    this.#checks.changed(bank, type, item, this.#ends.cloud.agenda.now);
    this.#removeOne(bank, type, item);
    return changeOf(type, item, "created");
  }

  /** Something happens; null when no webhook tells it. */
  happen(connected: Connected): Change | null {
    const { bank } = connected;
    const kind = this.#chance.number();
    if (kind < 0.2) return this.#remove(bank);
    if (kind < 0.25) return this.#bringBack(bank);
    if (kind < 0.3) return this.#makeForeign(bank);
    const change = kind < 0.65 ? this.#make(connected) : this.#change(connected);
    if (change !== null) this.#checks.changed(bank, change.type, change.item, this.#ends.cloud.agenda.now);
    return change;
  }

  /** Something is listed no more, though Qonto shows it by its id. The function that is returned has it listed again. */
  hide(bank: Bank): () => void {
    const type = this.#chance.pick(deletableTypes);
    const [item] = this.#chance.some(bank.all(type), 1);
    if (item === undefined) return () => undefined;
    const id = idOf(type, item);
    const { agenda } = this.#ends.cloud;
    bank.hide(type, id);
    this.#checks.changed(bank, type, item, agenda.now, false);
    return () => {
      bank.show(type, id);
      this.#checks.changed(bank, type, item, agenda.now);
    };
  }

  #make({ id, bank }: Connected) {
    const type = this.#chance.pick(made);
    return this.#isTold(type, id) ? changeOf(type, bank.make(type, this.#note()), "created") : null;
  }

  #change({ id, bank }: Connected) {
    const type = this.#chance.pick(changed);
    const [before] = this.#chance.some(bank.all(type), 1);
    if (before === undefined || !this.#isTold(type, id)) return null;
    return changeOf(type, bank.change(type, idOf(type, before), this.#note()), "updated");
  }

  /** Lists become shorter, perhaps while they are read. */
  #remove(bank: Bank): Change | null {
    const type = this.#chance.pick(made);
    const unlisted = this.#foreign.filter((one) => type === FOREIGN && bank.find(type, idOf(type, one)) !== undefined);
    const [item] = this.#chance.some([...bank.all(type), ...unlisted], 1);
    if (item === undefined) return null;
    this.#removeOne(bank, type, item);
    if (!isDeletable(type) || this.#chance.happens(0.5)) return null;
    const isDated = this.#chance.happens(0.5);
    return changeOf(type, isDated ? { ...item, updated_at: isoAt(this.#ends.cloud.agenda.now) } : item, "deleted");
  }

  #removeOne(bank: Bank, type: ListedType, item: Item): void {
    bank.remove(type, idOf(type, item));
    this.#checks.removed(bank, type, idOf(type, item));
    if (isDeletable(type)) this.#removed.push({ bank, type, item });
  }

  /** A beneficiary that the list of the SEPA ones never shows. */
  #makeForeign(bank: Bank): Change {
    const item = bank.make(FOREIGN, this.#note());
    bank.hide(FOREIGN, idOf(FOREIGN, item));
    this.#foreign.push(item);
    this.#checks.changed(bank, FOREIGN, item, this.#ends.cloud.agenda.now, false);
    return changeOf(FOREIGN, item, "created");
  }

  #bringBack(bank: Bank): Change | null {
    const [removed] = this.#chance.some(
      this.#removed.filter((one) => one.bank === bank),
      1,
    );
    if (removed === undefined) return null;
    this.#removed.splice(this.#removed.indexOf(removed), 1);
    const { now } = this.#ends.cloud.agenda;
    const { type } = removed;
    const item = bank.make(type, { ...removed.item, updated_at: isoAt(now), ...this.#note() });
    this.#checks.changed(bank, type, item, now);
    return changeOf(type, item, "created");
  }

  /** Until the state is filled nobody can tell what has no date from history. */
  #isTold(type: ListedType, connectionId: string): boolean {
    const sql = "SELECT 1 FROM connections WHERE id = ?1 AND reconciled_until IS NOT NULL";
    return !undated.includes(type) || this.#ends.db.query(sql, connectionId).length > 0;
  }

  get #checks(): BankChecks {
    return this.#ends.checks.banks;
  }

  #note(): { readonly note: string } {
    return { note: `note ${(this.#noted += 1)}` };
  }
}

/** Invoices do not say what happened to them. */
function changeOf(type: ListedType, item: Item, event: string) {
  return { type, item, data: type === "v1/client-invoices" ? item : { event, ...item } };
}
