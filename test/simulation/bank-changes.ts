import { type Bank, type Item, type ListedType, idOf } from "../support/qonto-server/bank.ts";
import { isoAt } from "../support/qonto-server/world.ts";
import type { Cloud } from "./cloud.ts";
import type { Chance } from "./chance.ts";
import type { Connected, ConnectionChecks } from "./connection-checks.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

/** What a bank makes more of. */
const made = ["v1/transactions", "v1/transactions", "v1/clients", "v1/client-invoices", "v1/memberships"] as const;

const changed = [...made, "v1/organizations", "v1/accounts"] as const;

/** Of these, the ones without a date of their own. */
const undated: readonly ListedType[] = ["v1/client-invoices", "v1/memberships"];

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
  #noted = 0;

  constructor(ends: BankEnds, chance: Chance) {
    this.#ends = ends;
    this.#chance = chance;
  }

  /** What there was before the organization was connected. */
  makeHistory(bank: Bank): void {
    const { cloud, checks } = this.#ends;
    const { now } = cloud.agenda;
    for (const type of ["v1/organizations", "v1/accounts"] as const) {
      for (const item of bank.all(type)) checks.changed(bank, type, item, now);
    }
    for (let many = this.#chance.whole(0, 6); many > 0; many -= 1) {
      const type = this.#chance.pick(made);
      const at = now - this.#chance.whole(1_000, OLDEST_MS);
      const dated = undated.includes(type) ? {} : { updated_at: isoAt(at) };
      checks.changed(bank, type, bank.make(type, { ...dated, ...this.#note() }), at);
    }
  }

  /** Something happens; null when no webhook tells it. */
  happen(connected: Connected): Change | null {
    const { bank } = connected;
    const kind = this.#chance.number();
    if (kind < 0.1) return this.#remove(bank);
    const change = kind < 0.55 ? this.#make(connected) : this.#change(connected);
    if (change !== null) this.#ends.checks.changed(bank, change.type, change.item, this.#ends.cloud.agenda.now);
    return change;
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
  #remove(bank: Bank): null {
    const type = this.#chance.pick(made);
    for (const item of this.#chance.some(bank.all(type), 1)) {
      bank.remove(type, idOf(type, item));
      this.#ends.checks.removed(bank, type, idOf(type, item));
    }
    return null;
  }

  /** Until the state is filled nobody can tell what has no date from history. */
  #isTold(type: ListedType, connectionId: string): boolean {
    const sql = "SELECT 1 FROM connections WHERE id = ?1 AND reconciled_until IS NOT NULL";
    return !undated.includes(type) || this.#ends.db.query(sql, connectionId).length > 0;
  }

  #note(): { readonly note: string } {
    return { note: `note ${(this.#noted += 1)}` };
  }
}

/** Invoices do not say what happened to them. */
function changeOf(type: ListedType, item: Item, event: string) {
  return { type, item, data: type === "v1/client-invoices" ? item : { event, ...item } };
}
