import { type Bank, type Item, type ListedType, idOf } from "../support/qonto-server/bank.ts";
import { type SimulatedQonto as QontoServer, exampleApplication } from "../support/qonto-server/simulated-qonto.ts";
import type { Cloud, Invocation } from "./cloud.ts";
import type { SqlStatement } from "./d1-binding.ts";
import { type PlannedEvent, sentOnce } from "./events.ts";
import type { Row, SqliteDatabase } from "./sqlite-database.ts";
import { SubscriptionChecks } from "./subscription-checks.ts";
import { TokenChecks } from "./token-checks.ts";

/** An organization as it was connected. */
export interface Connected {
  readonly id: string;
  readonly bank: Bank;
  /** What changed before is history, Unix milliseconds. */
  readonly historyUntil: number;
}

export interface ConnectionEnds {
  readonly cloud: Cloud;
  readonly db: SqliteDatabase;
  readonly server: QontoServer;
  readonly connected: readonly Connected[];
  readonly callbackUrl: string;
  /** To be subscribed to. */
  readonly types: readonly string[];
  /** Makes an event known. */
  readonly learn: (event: PlannedEvent) => void;
}

/** A state of a resource at the bank. */
interface Version {
  readonly organizationId: string;
  readonly type: ListedType;
  readonly id: string;
  readonly item: Item;
  /** When it began, Unix milliseconds. */
  readonly at: number;
}

/** Requests to Qonto of one cron run, for two connections: 60 for each, and some of them repeated. */
const MOST_REQUESTS = 250;

/** After 200 within an hour Qonto refuses everything. */
const MOST_UNAUTHORIZED = 100;

/** A check of the subscriptions has a lease for so long. */
const CHECK_ENDS_MS = 90_000;

const CHECKED_EVERY_MS = 900_000;

/** A routine run leaves to its webhook what has changed within the last minute. */
const ROUTINE_BEHIND_MS = 61_000;

type Decrypt = (keys: readonly string[], text: string, owner: string) => Promise<string | null>;

/** What must be true of the connections to Qonto. */
export class ConnectionChecks {
  readonly tokens: TokenChecks;
  readonly subscriptions: SubscriptionChecks;
  readonly #ends: ConnectionEnds;
  /** The states of each resource, oldest first. */
  readonly #versions = new Map<string, Version[]>();
  readonly #removed = new Set<string>();
  /** The states that the relay has recorded itself. */
  readonly #reconciled = new Set<string>();
  readonly #requests = new WeakMap<Invocation, number>();
  #unauthorized = 0;
  /** By connection. */
  readonly #reconciledUntil = new Map<string, number>();
  /** Of a bank, or of somebody at Qonto. */
  #lastChangeAt = 0;
  #subscribedAfter = 0;

  constructor(ends: ConnectionEnds) {
    this.#ends = ends;
    this.tokens = new TokenChecks(ends.cloud, ends.server);
    const isRevoked = (organizationId: string) => this.tokens.isRevoked(organizationId);
    this.subscriptions = new SubscriptionChecks({ ...ends, isRevoked });
  }

  /** Something is as of a time in a bank. */
  changed({ organizationId }: Bank, type: ListedType, item: Item, at: number): void {
    const version = { organizationId, type, id: idOf(type, item), item, at };
    const key = keyOf(organizationId, type, version.id);
    this.#versions.set(key, [...(this.#versions.get(key) ?? []), version]);
    this.#lastChangeAt = Math.max(this.#lastChangeAt, at);
  }

  /** Something is no more in a bank. Nothing tells the relay. */
  removed({ organizationId }: Bank, type: ListedType, id: string): void {
    this.#removed.add(keyOf(organizationId, type, id));
  }

  /** Somebody has done something at Qonto. */
  isMeddledWith(): void {
    this.#lastChangeAt = this.#ends.cloud.agenda.now;
    // A check that began before may end later, and has not seen it.
    this.#subscribedAfter = this.#lastChangeAt + CHECK_ENDS_MS;
  }

  /** Another first key is deployed. What is derived from the one before is replaced by the next check, within 15 minutes. */
  changeKeys(keys: readonly string[]): void {
    this.subscriptions.keys = keys;
    // A check that the version before has begun may end later, and does not know the key.
    this.#subscribedAfter = this.#ends.cloud.agenda.now + CHECK_ENDS_MS;
  }

  /** The relay begins a request to Qonto. The function that it returns is told the answer; null: there was none. */
  begin(path: string, init: RequestInit): (status: number | null) => void {
    const { cloud } = this.#ends;
    const { caller } = cloud;
    if (caller !== null) {
      const requests = (this.#requests.get(caller) ?? 0) + 1;
      this.#requests.set(caller, requests);
      if (requests > MOST_REQUESTS) cloud.accuse(`One run makes ${requests} requests to Qonto`);
    }
    const end = this.tokens.begin(path, init);
    return (status) => {
      end();
      if (status === 401 && (this.#unauthorized += 1) > MOST_UNAUTHORIZED) {
        cloud.accuse(`${this.#unauthorized} requests to Qonto are not authorized`);
      }
      this.subscriptions.answered(path, init, status);
    };
  }

  /** The relay has written something. What it calls complete must be. */
  afterCall(statements: readonly SqlStatement[]): void {
    const { cloud, connected, db } = this.#ends;
    if (!statements.some(({ sql }) => sql.includes("reconciled_until ="))) return;
    for (const { id, bank } of connected) {
      const [row] = db.query("SELECT reconciled_until FROM connections WHERE id = ?1", id);
      if (row === undefined) continue;
      const until = Number(row["reconciled_until"] ?? 0);
      const before = this.#reconciledUntil.get(id) ?? 0;
      this.#reconciledUntil.set(id, until);
      if (until < before) cloud.accuse(`${id} is complete until earlier than before`);
      if (until > before) this.#checkComplete(bank, until);
    }
  }

  #checkComplete(bank: Bank, until: number): void {
    const missing = this.#currentOf(bank).find((version) => version.at <= until && !this.#isRecorded(version));
    if (missing === undefined) return;
    const { type, id, at } = missing;
    this.#ends.cloud.accuse(`${type} ${id} lacks its state of ${at}, and is complete until ${until}`);
  }

  #isRecorded({ organizationId, type, id, item }: Version): boolean {
    const sql = "SELECT body FROM events WHERE organization_id = ?1 AND type = ?2 AND resource_id = ?3";
    return this.#ends.db.query(sql, organizationId, type, id).some((row) => shows(dataOf(row), item));
  }

  /** Whether an event is one that the relay itself has made. Then it is known from now on. */
  adopt(id: string): boolean {
    const [row] = this.#ends.db.query("SELECT organization_id, type, body FROM events WHERE id = ?1", id);
    if (row === undefined) return false;
    const type = String(row["type"]);
    const isReconciled = id.startsWith("reconciled_");
    if (!isReconciled && !(id.startsWith("relay_") && type.startsWith("relay."))) return false;
    const isHistory = isReconciled && this.#judgeReconciled(String(row["organization_id"]), type, dataOf(row));
    this.#ends.learn({ ...sentOnce, id, source: "business", type, body: String(row["body"]), isHistory });
    return true;
  }

  /** Whether it is history. It must be a state that the bank has had, and that the relay has not recorded before. */
  #judgeReconciled(organizationId: string, type: string, data: Item): boolean {
    const key = keyOf(organizationId, type, String(data["id"]));
    const found = this.#versions.get(key)?.find(({ item }) => shows(data, item));
    if (found === undefined) throw new Error(`${key} never was as the relay has recorded it`);
    const state = `${key} ${found.at}`;
    if (this.#reconciled.has(state)) throw new Error(`${state} is recorded under two ids`);
    this.#reconciled.add(state);
    const connected = this.#ends.connected.find(({ bank }) => bank.organizationId === organizationId);
    return found.at < (connected?.historyUntil ?? 0);
  }

  /** What has yet to happen before the connections are settled; null when nothing has. */
  whatIsOpen(): string | null {
    const { db, cloud } = this.#ends;
    const subscribedAfter = Math.max(this.#lastChangeAt, this.#subscribedAfter);
    for (const row of db.query("SELECT * FROM connections WHERE status = 'connected'")) {
      const id = String(row["id"]);
      if (this.tokens.isRevoked(String(row["organization_id"]))) return `${id} is not known to have ended`;
      if (row["refresh_attempted_at"] !== null) return `${id} is being refreshed`;
      if (row["last_error"] !== null) return `${id} has an error: ${JSON.stringify(row["last_error"])}`;
      if (Number(row["subscriptions_due_at"]) < subscribedAfter + CHECKED_EVERY_MS) return `${id} is not subscribed`;
      if (Number(row["reconciled_until"] ?? 0) < this.#lastChangeAt) return `${id} is not reconciled`;
      if (row["reconciliation"] !== null) return `${id} is being reconciled`;
    }
    return cloud.agenda.now < this.#lastChangeAt + ROUTINE_BEHIND_MS ? "a bank has just changed" : null;
  }

  /** At the end every connection works, and the relay has what the bank has. */
  async checkEnd(decrypt: Decrypt): Promise<void> {
    for (const one of this.#ends.connected) {
      const [row] = this.#ends.db.query("SELECT * FROM connections WHERE id = ?1", one.id);
      const { organizationId } = one.bank;
      if (row === undefined) {
        this.subscriptions.checkDisconnected(organizationId);
        continue;
      }
      this.#checkStatus(one, row);
      if (row["status"] !== "connected") continue;
      await this.#checkTokens(one, row, decrypt);
      this.subscriptions.checkEnd(organizationId);
      this.#checkState(one.bank);
    }
  }

  #checkStatus({ id, bank: { organizationId } }: Connected, { status, last_error }: Row): void {
    const eventsOf = (type: string) =>
      this.#ends.db.query("SELECT 1 FROM events WHERE organization_id = ?1 AND type = ?2", organizationId, type).length;
    const isToldRevoked = eventsOf("v1/consent-revocations") > 0;
    const told = eventsOf("relay.connection.lost");
    const isLost = this.tokens.isLost(organizationId);
    if (isToldRevoked && status !== "revoked") throw new Error(`${id} is ${String(status)}, and was revoked`);
    if (status === "connected") {
      // Its tokens were written after all.
      if (told > 0 && !isLost) throw new Error(`${id} was told to be lost`);
      return;
    }
    if (!isLost && !this.tokens.isRevoked(organizationId)) throw new Error(`${id} is ${String(status)}`);
    if (!String(last_error).includes("Connect the organization again")) throw new Error(`${id}: ${String(last_error)}`);
    if (told !== 1) throw new Error(`${id} is ${String(status)}, and that was told ${told} times`);
  }

  async #checkTokens({ id }: Connected, row: Row, decrypt: Decrypt): Promise<void> {
    const { cloud, server } = this.#ends;
    const read = async (name: string) => {
      const stored = String(row[name]);
      const token = await decrypt(this.subscriptions.keys.slice(0, 1), stored, id);
      if (token === null || token === stored)
        throw new Error(`${id} has its ${name} encrypted with no key, or an old one`);
      return token;
    };
    const hasAccess = server.consents.consentOf(await read("access_token")) !== null;
    if (!hasAccess && Number(row["access_expires_at"]) > cloud.agenda.now) throw new Error(`${id} has no access token`);
    const refreshed = server.consents.refresh(await read("refresh_token"), exampleApplication.clientId);
    if (refreshed === null) throw new Error(`${id} has no refresh token that Qonto takes`);
  }

  /** The latest state is the bank's. What made it was delivered, unless it is history: so was each event at the end. */
  #checkState(bank: Bank): void {
    for (const { organizationId, type, id, item } of this.#currentOf(bank)) {
      const [row] = this.#ends.db.query(
        `SELECT body FROM resources JOIN events ON events.seq = event_seq
         WHERE resources.organization_id = ?1 AND resources.type = ?2 AND resources.resource_id = ?3`,
        organizationId,
        type,
        id,
      );
      if (row === undefined || !shows(dataOf(row), item))
        throw new Error(`The state of ${type} ${id} is not the bank's`);
    }
  }

  #currentOf({ organizationId }: Bank): Version[] {
    const current = [...this.#versions.values()].flatMap((versions) => versions.slice(-1));
    return current.filter(
      (one) => one.organizationId === organizationId && !this.#removed.has(keyOf(organizationId, one.type, one.id)),
    );
  }
}

function keyOf(organizationId: string, type: string, id: string): string {
  return [organizationId, type, id].join(" ");
}

function dataOf({ body }: Row): Item {
  return JSON.parse(String(body)).data;
}

/** Whether an event's `data` shows a resource as the bank has it. */
function shows(data: Item, item: Item): boolean {
  return Object.entries(item).every(([name, value]) => JSON.stringify(data[name]) === JSON.stringify(value));
}
