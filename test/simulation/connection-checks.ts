import { hkdfSync } from "node:crypto";
import { type Bank, type Item, type ListedType, idOf } from "../support/qonto-server/bank.ts";
import { type SimulatedQonto as QontoServer, exampleApplication } from "../support/qonto-server/simulated-qonto.ts";
import type { Subscription } from "../support/qonto-server/subscriptions-api.ts";
import type { Cloud, Invocation } from "./cloud.ts";
import type { PlannedEvent } from "./events.ts";
import type { SqlStatement } from "./d1-binding.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

/** An organization as it was connected. */
export interface Connected {
  readonly id: string;
  readonly bank: Bank;
  /** What changed before is history. */
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
  readonly at: number;
}

/** What the relay has sent to Qonto with a refresh token. */
interface TokenUse {
  readonly disturbances: number;
  readonly callers: Set<Invocation>;
}

/** Requests to Qonto of one cron run, for all connections: 60 for each, some of them repeated. */
const MOST_REQUESTS = 300;

/** A check of the subscriptions that began before somebody changed one has ended by then. */
const CHECK_ENDS_MS = 120_000;

const CHECKED_EVERY_MS = 900_000;

/** A routine run leaves to its webhook what has changed within the last minute. */
const ROUTINE_BEHIND_MS = 61_000;

/** After a failure at Qonto nothing waits for longer. */
const LONGEST_PAUSE_MS = 16 * 60_000;

/** So many runs of the cron find what was missed while there was no subscription. */
const FOUND_WITHIN_MS = 185_000;

/** What must be true of the connections to Qonto. */
export class ConnectionChecks {
  readonly learn: (event: PlannedEvent) => void;
  /** Times that something was wrong with Qonto, or has become good again. */
  troubles = 0;
  readonly #ends: ConnectionEnds;
  /** The current one of each resource. */
  readonly #current = new Map<string, Version>();
  readonly #versions = new Map<string, Version[]>();
  readonly #uses = new Map<string, TokenUse>();
  /** Organization by refresh token. */
  readonly #granted = new Map<string, string>();
  /** Organizations whose refresh token was lost by more than one fault. */
  readonly #lost = new Set<string>();
  readonly #requests = new WeakMap<Invocation, number>();
  readonly #ownSubscriptions = new Set<string>();
  /** When somebody pointed them elsewhere. */
  readonly #elsewhereSince = new Map<string, number>();
  readonly #reconciledUntil = new Map<string, number>();
  readonly #secrets = new Set<string>();
  #lastFailureAt = -Infinity;
  /** Of the bank, or of somebody at Qonto. */
  #lastChangeAt = 0;

  constructor(ends: ConnectionEnds) {
    this.#ends = ends;
    this.learn = ends.learn;
  }

  granted(refreshToken: string, organizationId: string): void {
    this.#granted.set(refreshToken, organizationId);
  }

  changed({ organizationId }: Bank, type: ListedType, item: Item, at: number): void {
    const version = { organizationId, type, id: idOf(type, item), item, at };
    const key = keyOf(organizationId, type, version.id);
    this.#current.set(key, version);
    this.#versions.set(key, [...(this.#versions.get(key) ?? []), version]);
    this.#lastChangeAt = Math.max(this.#lastChangeAt, at);
  }

  isMeddledWith(): void {
    this.#lastChangeAt = this.#ends.cloud.agenda.now;
  }

  isPointedElsewhere(id: string): void {
    this.#elsewhereSince.set(id, this.#ends.cloud.agenda.now);
  }

  isOwn(subscriptionId: string): boolean {
    return this.#ownSubscriptions.has(subscriptionId);
  }

  /** Whether the relay has made a secret. */
  isDerived(secret: string): boolean {
    return this.#secrets.has(secret);
  }

  /** The relay begins a request to Qonto. The function that it returns is told how that ended. */
  begin(path: string, init: RequestInit): (isWell: boolean) => void {
    const { cloud } = this.#ends;
    const { caller } = cloud;
    if (caller !== null) {
      const requests = (this.#requests.get(caller) ?? 0) + 1;
      this.#requests.set(caller, requests);
      if (requests > MOST_REQUESTS) cloud.accuse(`One run makes ${requests} requests to Qonto`);
    }
    const token = path === "/oauth2/token" ? refreshTokenIn(init) : null;
    const use = token === null ? null : this.#use(token);
    for (const other of use?.callers ?? []) {
      if (!other.isOver) cloud.accuse("Two exchange one refresh token at once");
    }
    if (caller !== null) use?.callers.add(caller);
    return (isWell) => {
      if (caller !== null) use?.callers.delete(caller);
      if (!isWell) this.#lastFailureAt = cloud.agenda.now;
    };
  }

  #use(token: string): TokenUse {
    const known = this.#uses.get(token);
    if (known !== undefined) return known;
    const use = { disturbances: this.#ends.cloud.disturbances, callers: new Set<Invocation>() };
    this.#uses.set(token, use);
    return use;
  }

  /** A request arrives at Qonto. */
  take(path: string, init: RequestInit) {
    const { server } = this.#ends;
    const [, id = null] = /^\/v2\/webhook_subscriptions\/(.+)$/.exec(path) ?? [];
    const subscription = id === null ? undefined : server.subscriptions.get(id);
    if (subscription !== undefined && init.method !== "GET") this.#judgeChange(subscription);
    const before = new Set(server.subscriptions.keys());
    const were = { good: this.#good(), delivering: this.#delivering() };
    return {
      answered: async (response: Response) => {
        const token = path === "/oauth2/token" ? refreshTokenIn(init) : null;
        if (token !== null) await this.#tokenAnswered(token, response);
      },
      done: () => {
        for (const one of server.subscriptions.values()) {
          if (!before.has(one.id) && !this.#ownSubscriptions.has(one.id)) this.#isCreated(one, were);
        }
        if (subscription !== undefined && init.method === "DELETE") this.#isDeleted(subscription, were.delivering);
      },
    };
  }

  async #tokenAnswered(token: string, response: Response): Promise<void> {
    const organizationId = this.#granted.get(token);
    if (organizationId === undefined) return;
    const { server, cloud } = this.#ends;
    if (response.ok) {
      const { refresh_token } = Object(await response.json());
      if (typeof refresh_token === "string") this.#granted.set(refresh_token, organizationId);
      return;
    }
    const text = await response.text();
    const consents = server.consents.of(organizationId, exampleApplication.clientId);
    if (!text.includes("invalid_grant") || consents.every(({ hasEnded }) => hasEnded)) return;
    // One fault is survived: an isolate that is lost counts twice, with its call.
    const faults = cloud.disturbances - this.#use(token).disturbances;
    if (faults <= MOST_FAULTS_SURVIVED) {
      cloud.accuse(`Qonto takes a refresh token no more, after ${faults} faults since its first use`);
    }
    this.#lost.add(organizationId);
  }

  #judgeChange({ id, callback_url }: Subscription): void {
    const { cloud, callbackUrl } = this.#ends;
    if (!this.#ownSubscriptions.has(id)) cloud.accuse(`Subscription ${id} is changed, which is somebody else's`);
    const since = this.#elsewhereSince.get(id) ?? Infinity;
    if (callback_url !== callbackUrl && cloud.agenda.now - since > CHECK_ENDS_MS) {
      cloud.accuse(`Subscription ${id} is changed, which points elsewhere`);
    }
  }

  /** What the relay has made, and is as it is to be. */
  #good(): Subscription[] {
    return this.#delivering().filter(
      ({ secret, types }) => secret === this.#secret() && sameSet(types, this.#ends.types),
    );
  }

  /** What the relay has made, and brings it all that it is to be told, perhaps signed by a key that will be gone. */
  #delivering(): Subscription[] {
    const { server, callbackUrl, types } = this.#ends;
    return [...server.subscriptions.values()].filter(
      (one) =>
        this.#ownSubscriptions.has(one.id) &&
        one.enabled &&
        one.callback_url === callbackUrl &&
        types.every((type) => one.types.includes(type)),
    );
  }

  /** By the first of the encryption keys. */
  #secret(): string {
    return this.#deriveSecret(this.keys[0] ?? "");
  }

  /** The encryption keys of the deployed version, first to last. */
  keys: readonly string[] = [];

  #deriveSecret(key: string): string {
    const bits = Buffer.from(hkdfSync("sha256", key, "qonto-relay", "qonto webhook secret", 32));
    const secret = `whsec_${bits.toString("base64url")}`;
    this.#secrets.add(secret);
    return secret;
  }

  #isCreated(made: Subscription, were: Readonly<Record<"good" | "delivering", readonly Subscription[]>>): void {
    this.#ownSubscriptions.add(made.id);
    const isOf = (one: Subscription) => one.organization_id === made.organization_id;
    // An older version does not know the newest key.
    const isOutdated = made.secret !== this.#secret();
    if (were.good.some(isOf) && !isOutdated) this.#ends.cloud.accuse("A second subscription is created");
    if (!were.delivering.some(isOf)) this.#expectReconciliation(made.organization_id);
  }

  #isDeleted({ id, organization_id }: Subscription, were: readonly Subscription[]): void {
    const others = were.filter((one) => one.organization_id === organization_id && one.id !== id);
    if (were.some((one) => one.id === id) && others.length === 0) {
      this.#ends.cloud.accuse(`Subscription ${id} is deleted, and there is no other`);
    }
  }

  /** What was missed while there was no subscription is found at once, if nothing goes wrong. */
  #expectReconciliation(organizationId: string): void {
    const { cloud, db } = this.#ends;
    const { agenda, disturbances } = cloud;
    const { troubles } = this;
    const at = agenda.now;
    if (at - this.#lastFailureAt < LONGEST_PAUSE_MS) return;
    agenda.add(FOUND_WITHIN_MS, () => {
      if (cloud.disturbances > disturbances || this.troubles > troubles || this.#hasEnded(organizationId)) return;
      const sql = "SELECT reconciled_until FROM connections WHERE organization_id = ?1";
      const until = Number(db.query(sql, organizationId)[0]?.["reconciled_until"] ?? 0);
      // Qonto's clock is known to the second.
      if (until < at - 1_000) cloud.accuse("A subscription was restored, and what was missed is not looked for");
    });
  }

  #hasEnded(organizationId: string): boolean {
    return this.#ends.server.consents.of(organizationId, exampleApplication.clientId).every(({ hasEnded }) => hasEnded);
  }

  /** What the relay calls complete must be. */
  afterCall(statements: readonly SqlStatement[]): void {
    const { db, cloud } = this.#ends;
    if (!statements.some(({ sql }) => sql.includes("reconciled_until ="))) return;
    for (const { id, organization_id, reconciled_until } of db.query(
      "SELECT id, organization_id, reconciled_until FROM connections WHERE reconciled_until IS NOT NULL",
    )) {
      const until = Number(reconciled_until);
      const before = this.#reconciledUntil.get(String(id)) ?? 0;
      if (until < before) cloud.accuse(`${String(id)} is complete until earlier than before`);
      this.#reconciledUntil.set(String(id), until);
      if (until > before) this.#isComplete(String(organization_id), until);
    }
  }

  #isComplete(organizationId: string, until: number): void {
    for (const version of this.#current.values()) {
      if (version.organizationId !== organizationId || version.at > until) continue;
      if (!this.#isRecorded(version)) {
        this.#ends.cloud.accuse(
          `${version.type} ${version.id} of ${isoAt(version.at)} is not recorded, and all is complete until ${isoAt(until)}`,
        );
      }
    }
  }

  #isRecorded({ organizationId, type, id, item }: Version): boolean {
    const sql = "SELECT body FROM events WHERE organization_id = ?1 AND type = ?2 AND resource_id = ?3";
    return this.#ends.db
      .query(sql, organizationId, type, id)
      .some(({ body }) => shows(JSON.parse(String(body)).data, item));
  }

  /** Whether an event is one that the relay itself has made; then it is known from now on. */
  adopt(eventId: string): boolean {
    const [row] = this.#ends.db.query("SELECT type, body FROM events WHERE id = ?1", eventId);
    if (row === undefined) return false;
    const { type, body } = { type: String(row["type"]), body: String(row["body"]) };
    const isOperational = eventId.startsWith("relay_") && type.startsWith("relay.");
    if (!isOperational && !eventId.startsWith("reconciled_")) return false;
    const isHistory = !isOperational && this.#isHistory(type, JSON.parse(body));
    this.learn({
      id: eventId,
      isReadable: true,
      source: "business",
      type,
      body,
      sentAfterMs: 0,
      sentAgainAfterMs: [],
      heldUpMs: 0,
      keepsSignature: false,
      isForged: false,
      isHistory,
    });
    return true;
  }

  #isHistory(
    type: string,
    { organization_id, data }: { readonly organization_id: string; readonly data: Item },
  ): boolean {
    const key = keyOf(organization_id, type, String(data["id"]));
    const versions = (this.#versions.get(key) ?? []).filter(({ item }) => shows(data, item));
    const [first] = versions;
    if (first === undefined) throw new Error(`${key} never was as the relay has recorded it`);
    const connected = this.#ends.connected.find(({ bank }) => bank.organizationId === organization_id);
    return first.at < (connected?.historyUntil ?? 0);
  }

  /** What has yet to happen before the connections are settled; null when nothing has. */
  whatIsOpen(): string | null {
    const { db, cloud } = this.#ends;
    const { now } = cloud.agenda;
    for (const row of db.query("SELECT * FROM connections")) {
      const id = String(row["id"]);
      const hasEnded = this.#hasEnded(String(row["organization_id"]));
      if (row["status"] !== "connected") continue;
      if (hasEnded) return `${id} is not known to have ended`;
      if (row["refresh_attempted_at"] !== null) return `${id} is being refreshed`;
      if (row["last_error"] !== null) return `${id} has an error: ${String(row["last_error"])}`;
      if (Number(row["subscriptions_due_at"]) < this.#lastChangeAt + CHECKED_EVERY_MS) return `${id} is not subscribed`;
      if (Number(row["reconciled_until"] ?? 0) < this.#lastChangeAt) return `${id} is not reconciled`;
      if (row["reconciliation"] !== null) return `${id} is being reconciled`;
      if (!String(row["refresh_token"]).startsWith("v1.")) return `${id} is not encrypted`;
    }
    return now < this.#lastChangeAt + ROUTINE_BEHIND_MS ? "the bank has just changed" : null;
  }

  /** At the end every connection works, and the relay has what the bank has. */
  async checkEnd(
    decrypt: (keys: readonly string[], text: string, owner: string) => Promise<string | null>,
  ): Promise<void> {
    const { db, connected, server } = this.#ends;
    for (const { id, bank } of connected) {
      const { organizationId } = bank;
      const [row = {}] = db.query("SELECT * FROM connections WHERE id = ?1", id);
      const lost = db.query(
        "SELECT id FROM events WHERE organization_id = ?1 AND type = 'relay.connection.lost'",
        organizationId,
      );
      if (row["status"] !== "connected") {
        const mayEnd = this.#hasEnded(organizationId) || this.#lost.has(organizationId);
        if (!mayEnd) throw new Error(`${id} is ${String(row["status"])}, and Qonto has not ended it`);
        if (lost.length !== 1) throw new Error(`${id} has ended, and that was told ${lost.length} times`);
        continue;
      }
      if (lost.length > 0 && !this.#lost.has(organizationId)) throw new Error(`${id} counted as lost`);
      const token = async (name: string) => (await decrypt(this.keys.slice(0, 1), String(row[name]), id)) ?? "";
      const accessToken = await token("access_token");
      const isValid = server.consents.consentOf(accessToken) !== null;
      if (!isValid && Number(row["access_expires_at"]) > this.#ends.cloud.agenda.now)
        throw new Error(`${id} has no access token`);
      if (server.consents.refresh(await token("refresh_token"), exampleApplication.clientId) === null) {
        throw new Error(`${id} has no refresh token that Qonto takes`);
      }
      this.#checkSubscriptions(bank);
      this.#checkState(bank);
    }
  }

  #checkSubscriptions({ organizationId }: Bank): void {
    const { server, callbackUrl } = this.#ends;
    const own = [...server.subscriptions.values()].filter(
      (one) =>
        one.organization_id === organizationId &&
        one.callback_url === callbackUrl &&
        this.#ownSubscriptions.has(one.id),
    );
    const good = this.#good().filter((one) => one.organization_id === organizationId);
    if (own.length !== 1 || good.length !== 1) {
      throw new Error(
        `${organizationId} has ${own.length} subscriptions of the relay's, ${good.length} of them as desired`,
      );
    }
  }

  /** The latest state of each resource is the bank's. What has changed since the connection was delivered: it is no history. */
  #checkState({ organizationId }: Bank): void {
    const { db } = this.#ends;
    for (const { organizationId: of, type, id, item } of this.#current.values()) {
      if (of !== organizationId) continue;
      const [row] = db.query(
        `SELECT body FROM resources JOIN events ON events.seq = event_seq
         WHERE resources.organization_id = ?1 AND resources.type = ?2 AND resources.resource_id = ?3`,
        organizationId,
        type,
        id,
      );
      const data = row === undefined ? null : JSON.parse(String(row["body"])).data;
      if (data === null || !shows(data, item)) throw new Error(`The state of ${type} ${id} is not the bank's`);
    }
  }
}

const MOST_FAULTS_SURVIVED = 2;

function keyOf(organizationId: string, type: string, id: string): string {
  return [organizationId, type, id].join(" ");
}

function refreshTokenIn({ body }: RequestInit): string | null {
  return new URLSearchParams(String(body)).get("refresh_token");
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  return new Set(one).symmetricDifference(new Set(other)).size === 0;
}

function shows(data: Item, item: Item): boolean {
  return Object.entries(item).every(([name, value]) => JSON.stringify(data[name]) === JSON.stringify(value));
}

function isoAt(ms: number): string {
  return new Date(ms).toISOString();
}
