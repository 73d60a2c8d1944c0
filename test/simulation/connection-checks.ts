import type { Bank } from "../support/qonto-server/bank.ts";
import { type SimulatedQonto as QontoServer, exampleApplication } from "../support/qonto-server/simulated-qonto.ts";
import { BankChecks } from "./bank-checks.ts";
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
  readonly banks: BankChecks;
  readonly #ends: ConnectionEnds;
  readonly #requests = new WeakMap<Invocation, number>();
  #unauthorized = 0;
  /** By connection. */
  readonly #reconciledUntil = new Map<string, number>();
  #meddledAt = 0;
  #subscribedAfter = 0;

  constructor(ends: ConnectionEnds) {
    this.#ends = ends;
    this.tokens = new TokenChecks(ends.cloud, ends.server);
    const isRevoked = (organizationId: string) => this.tokens.isRevoked(organizationId);
    this.subscriptions = new SubscriptionChecks({ ...ends, isRevoked });
    const historyUntil = (organizationId: string) =>
      ends.connected.find(({ bank }) => bank.organizationId === organizationId)?.historyUntil ?? 0;
    this.banks = new BankChecks({ ...ends, historyUntil });
  }

  /** Somebody has done something at Qonto. */
  isMeddledWith(): void {
    this.#meddledAt = this.#ends.cloud.agenda.now;
    // A check that began before may end later, and has not seen it.
    this.#subscribedAfter = this.#meddledAt + CHECK_ENDS_MS;
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
    this.banks.afterCall(statements);
    if (!statements.some(({ sql }) => sql.includes("reconciled_until ="))) return;
    for (const { id, bank } of connected) {
      const [row] = db.query("SELECT reconciled_until FROM connections WHERE id = ?1", id);
      if (row === undefined) continue;
      const until = Number(row["reconciled_until"] ?? 0);
      const before = this.#reconciledUntil.get(id) ?? 0;
      this.#reconciledUntil.set(id, until);
      if (until < before) cloud.accuse(`${id} is complete until earlier than before`);
      if (until > before) this.banks.checkComplete(bank, until);
    }
  }

  /** Whether reconciliation has made an event. Then it is known from now on. */
  adopt(id: string): boolean {
    const [row] = this.#ends.db.query("SELECT organization_id, type, body FROM events WHERE id = ?1", id);
    if (row === undefined) return false;
    const type = String(row["type"]);
    if (!id.startsWith("reconciled_")) return false;
    const body = String(row["body"]);
    const isHistory = this.banks.judgeReconciled(String(row["organization_id"]), type, body);
    this.#ends.learn({ ...sentOnce, id, source: "business", type, body, isHistory });
    return true;
  }

  /** What has yet to happen before the connections are settled; null when nothing has. */
  whatIsOpen(): string | null {
    const { db, cloud, connected } = this.#ends;
    const lastChangeAt = Math.max(this.banks.lastChangeAt, this.#meddledAt);
    const subscribedAfter = Math.max(lastChangeAt, this.#subscribedAfter);
    const sql = "SELECT * FROM connections WHERE id = ?1 AND status = 'connected'";
    for (const { id, bank } of connected) {
      const [row] = db.query(sql, id);
      if (row === undefined) continue;
      if (this.tokens.isRevoked(String(row["organization_id"]))) return `${id} is not known to have ended`;
      if (row["refresh_attempted_at"] !== null) return `${id} is being refreshed`;
      if (row["last_error"] !== null) return `${id} has an error: ${JSON.stringify(row["last_error"])}`;
      if (Number(row["subscriptions_due_at"]) < subscribedAfter + CHECKED_EVERY_MS) return `${id} is not subscribed`;
      if (Number(row["reconciled_until"] ?? 0) < lastChangeAt) return `${id} is not reconciled`;
      if (row["reconciliation"] !== null) return `${id} is being reconciled`;
      const late = this.banks.whatCameLate(bank, Number(row["reconciled_until"]));
      if (late !== null) return late;
    }
    return cloud.agenda.now < lastChangeAt + ROUTINE_BEHIND_MS ? "a bank has just changed" : null;
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
      this.banks.checkEnd(one.bank);
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
}
