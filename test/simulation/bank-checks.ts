import { type Bank, type Item, type ListedType, idOf } from "../support/qonto-server/bank.ts";
import type { Cloud } from "./cloud.ts";
import type { SqlStatement } from "./d1-binding.ts";
import type { Row, SqliteDatabase } from "./sqlite-database.ts";

/** What can be deleted for good, and be asked for by its id. */
export const deletableTypes = ["v1/clients", "v1/beneficiaries", "v1/products"] as const;

export function isDeletable(type: string): boolean {
  return deletableTypes.some((one) => one === type);
}

/** A state of a resource at the bank. */
interface Version {
  readonly organizationId: string;
  readonly type: ListedType;
  readonly id: string;
  /** Null: the bank has it no more. */
  readonly item: Item | null;
  /** False: it is there by its id, and in no list. */
  readonly isListed: boolean;
  /** When it began, Unix milliseconds. */
  readonly at: number;
}

/** What the relay has of a resource that can be deleted. */
interface Known {
  readonly eventSeq: number;
  readonly isDeleted: boolean;
  /** Since when, Unix milliseconds. */
  readonly since: number;
}

export interface BankCheckEnds {
  readonly cloud: Cloud;
  readonly db: SqliteDatabase;
  /** When an organization was connected: what changed before is history. */
  readonly historyUntil: (organizationId: string) => number;
}

/** What must be true of the relay's state: it is the bank's, and what the relay records itself the bank has had. */
export class BankChecks {
  readonly #ends: BankCheckEnds;
  /** The states of each resource, oldest first. */
  readonly #versions = new Map<string, Version[]>();
  /** The states that the relay has recorded itself. */
  readonly #reconciled = new Set<string>();
  readonly #known = new Map<string, Known>();
  /** Until when Qonto's answers did not tell what is gone. */
  #blindUntil = -Infinity;
  #lastChangeAt = 0;

  constructor(ends: BankCheckEnds) {
    this.#ends = ends;
  }

  /** Of a bank, or of what Qonto shows of it. */
  get lastChangeAt(): number {
    return this.#lastChangeAt;
  }

  /** Something is as of a time in a bank. */
  changed({ organizationId }: Bank, type: ListedType, item: Item, at: number, isListed = true): void {
    this.#add({ organizationId, type, id: idOf(type, item), item, isListed, at });
  }

  /** Something is no more in a bank. */
  removed({ organizationId }: Bank, type: ListedType, id: string): void {
    this.#add({ organizationId, type, id, item: null, isListed: false, at: this.#ends.cloud.agenda.now });
  }

  #add(version: Version): void {
    const key = keyOf(version);
    this.#versions.set(key, [...(this.#versions.get(key) ?? []), version]);
    this.#lastChangeAt = Math.max(this.#lastChangeAt, version.at);
  }

  /** From now on Qonto's answers do not tell what is gone, or do again. */
  blindnessChanges(isBlind: boolean): void {
    const { now } = this.#ends.cloud.agenda;
    this.#blindUntil = isBlind ? Infinity : now;
    this.#lastChangeAt = now;
  }

  /** The relay has written something. */
  afterCall(statements: readonly SqlStatement[]): void {
    if (!statements.some(({ sql }) => sql.includes("INTO resources"))) return;
    const sql = `SELECT organization_id, type, resource_id, event_seq, deleted FROM resources
      WHERE type IN (SELECT value FROM json_each(?1))`;
    for (const row of this.#ends.db.query(sql, JSON.stringify(deletableTypes))) {
      const { organization_id, type, resource_id, event_seq, deleted } = row;
      const key = [organization_id, type, resource_id].join(" ");
      if (this.#known.get(key)?.eventSeq === event_seq) continue;
      const since = this.#ends.cloud.agenda.now;
      this.#known.set(key, { eventSeq: Number(event_seq), isDeleted: deleted === 1, since });
    }
  }

  /** What the relay calls complete must be. */
  checkComplete(bank: Bank, until: number): void {
    const missing = this.#currentOf(bank).find((version) => version.at <= until && !this.#isRecorded(version, until));
    if (missing === undefined) return;
    const { type, id, at, item } = missing;
    const what = item === null ? "deletion" : "state";
    this.#ends.cloud.accuse(`${type} ${id} lacks its ${what} of ${at}, and is complete until ${until}`);
  }

  #isRecorded(version: Version, until: number): boolean {
    const { organizationId, type, id, item, isListed } = version;
    if (item === null) return !isDeletable(type) || this.#isDeletionRecorded(version, until);
    const sql = "SELECT body FROM events WHERE organization_id = ?1 AND type = ?2 AND resource_id = ?3";
    return !isListed || this.#ends.db.query(sql, organizationId, type, id).some((row) => shows(dataOf(row), item));
  }

  /** A run asks about what the relay had when it began. */
  #isDeletionRecorded(version: Version, until: number): boolean {
    const known = this.#known.get(keyOf(version));
    if (known === undefined || known.isDeleted || known.since >= until) return true;
    if (this.#blindUntil >= until || this.#isOneRemovedSince(version, until)) return true;
    const { organizationId, type, id } = version;
    const sql = `SELECT 1 FROM events WHERE organization_id = ?1 AND type = ?2 AND resource_id = ?3
      AND event = 'deleted' AND seq > ?4`;
    return this.#ends.db.query(sql, organizationId, type, id, known.eventSeq).length > 0;
  }

  /** Then what the run took for its control may have been that one. */
  #isOneRemovedSince({ organizationId, type }: Version, since: number): boolean {
    return [...this.#versions.values()]
      .flat()
      .some(
        (one) => one.organizationId === organizationId && one.type === type && one.item === null && one.at >= since,
      );
  }

  /** The relay has recorded an event itself. Returns whether it is history. */
  judgeReconciled(organizationId: string, type: string, body: string): boolean {
    const { created_at, data } = JSON.parse(body);
    const key = keyOf({ organizationId, type, id: String(data["id"]) });
    const versions = this.#versions.get(key) ?? [];
    const found = versions.find(({ item }) => item !== null && shows(data, item));
    if (found === undefined) throw new Error(`${key} never was as the relay has recorded it`);
    const isDeletion = data["event"] === "deleted";
    if (isDeletion && !wasGoneSince(versions, Date.parse(created_at)))
      throw new Error(`${key} is not gone, and is recorded as deleted`);
    const state = `${key} ${isDeletion ? "deleted " : ""}${found.at}`;
    if (this.#reconciled.has(state)) throw new Error(`${state} is recorded under two ids`);
    this.#reconciled.add(state);
    return isDeletion ? !this.#wasReadWhole(organizationId, type) : found.at < this.#ends.historyUntil(organizationId);
  }

  #wasReadWhole(organizationId: string, type: string): boolean {
    const sql = `SELECT 1 FROM connections, json_each(last_reconciliation, '$.types') WHERE organization_id = ?1
      AND value ->> 'type' = ?2 AND value ->> 'complete_until' IS NOT NULL`;
    return this.#ends.db.query(sql, organizationId, type).length > 0;
  }

  /** What came after its type was compared, and is not the bank's state; null: nothing. The next run finds it. */
  whatCameLate(bank: Bank, reconciledUntil: number): string | null {
    const late = this.#currentOf(bank).find((version) => {
      const known = this.#known.get(keyOf(version));
      return known !== undefined && known.since >= reconciledUntil && this.#whatIsWrong(version) !== null;
    });
    return late === undefined ? null : this.#whatIsWrong(late);
  }

  /** At the end the latest state is the bank's. What made it was delivered, unless it is history: so was each event. */
  checkEnd(bank: Bank): void {
    for (const version of this.#currentOf(bank)) {
      const wrong = this.#whatIsWrong(version);
      if (wrong !== null) throw new Error(wrong);
    }
  }

  #whatIsWrong({ organizationId, type, id, item, isListed }: Version): string | null {
    const [row] = this.#ends.db.query(
      `SELECT body, deleted FROM resources JOIN events ON events.seq = event_seq
       WHERE resources.organization_id = ?1 AND resources.type = ?2 AND resources.resource_id = ?3`,
      organizationId,
      type,
      id,
    );
    const isThere = row !== undefined && row["deleted"] === 0;
    if (item === null) return isDeletable(type) && isThere ? `${type} ${id} is gone` : null;
    if (row !== undefined && !isThere) return `${type} ${id} is not deleted`;
    if (!isListed || (row !== undefined && shows(dataOf(row), item))) return null;
    return `The state of ${type} ${id} is not the bank's`;
  }

  #currentOf({ organizationId }: Bank): Version[] {
    const current = [...this.#versions.values()].flatMap((versions) => versions.slice(-1));
    return current.filter((one) => one.organizationId === organizationId);
  }
}

function keyOf({ organizationId, type, id }: { readonly [name in "organizationId" | "type" | "id"]: string }): string {
  return [organizationId, type, id].join(" ");
}

function dataOf({ body }: Row): Item {
  return JSON.parse(String(body)).data;
}

/** Whether an event's `data` shows a resource as the bank has it. The relay leaves a date out that it cannot compare. */
function shows(data: Item, item: Item): boolean {
  return Object.entries(item).every(
    ([name, value]) =>
      (name === "updated_at" && !(name in data)) || JSON.stringify(data[name]) === JSON.stringify(value),
  );
}

/** Whether there was a time, then or later, at which the bank did not have it. */
function wasGoneSince(versions: readonly Version[], at: number): boolean {
  return versions.some(({ item }, index) => item === null && (versions[index + 1]?.at ?? Infinity) >= at);
}
