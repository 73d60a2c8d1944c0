import { hkdfSync } from "node:crypto";
import type { SimulatedQonto as QontoServer } from "../support/qonto-server/simulated-qonto.ts";
import type { Subscription } from "../support/qonto-server/subscriptions-api.ts";
import type { Cloud } from "./cloud.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

const PATH = /^\/v2\/webhook_subscriptions\/(.+)$/;

/** What is asked for by its id may be gone: that is an answer like others. */
const ONE = /^\/v2\/(?:sepa\/)?(?!sepa\/)\w+\/[^/]+$/;

/** A check of the subscriptions that began before somebody changed one has ended by then. */
const CHECK_ENDS_MS = 120_000;

/** After a failure at Qonto nothing waits for longer. */
const LONGEST_PAUSE_MS = 16 * 60_000;

/** Three runs of the cron find what was missed while there was no subscription. */
const FOUND_WITHIN_MS = 185_000;

/** Qonto's clock is known to the second. */
const CLOCK_STEP_MS = 1_000;

export interface SubscriptionEnds {
  readonly cloud: Cloud;
  readonly db: SqliteDatabase;
  readonly server: QontoServer;
  readonly callbackUrl: string;
  /** To be subscribed to. */
  readonly types: readonly string[];
  /** Whether there is nothing to be subscribed with any more. */
  readonly isRevoked: (organizationId: string) => boolean;
}

/** How a request comes to Qonto. */
export interface ArrivingCall {
  /** It has arrived before. */
  readonly isRepeated: boolean;
  /** Of the history, before it was made. */
  readonly disturbances: number;
}

/** The relay's own subscriptions before a request changes one, and what had gone wrong by then. */
interface Before {
  readonly good: readonly Subscription[];
  readonly delivering: readonly Subscription[];
  readonly disturbances: number;
}

/** What must be true of webhook subscriptions: the relay changes only its own, and there is always one that delivers. */
export class SubscriptionChecks {
  /** The encryption keys of the deployed version, first to last. */
  keys: readonly string[] = [];
  /** Times that something was wrong with Qonto, or has become good again. */
  troubles = 0;
  /** How many of these are not over. */
  #inTrouble = 0;
  #lastFailureAt = -Infinity;
  readonly #ends: SubscriptionEnds;
  readonly #own = new Set<string>();
  /** Organizations that an operator disconnects. */
  readonly #disconnecting = new Set<string>();
  /** When somebody pointed them elsewhere. */
  readonly #elsewhereSince = new Map<string, number>();

  constructor(ends: SubscriptionEnds) {
    this.#ends = ends;
  }

  /** Whether the relay has made it. */
  isOwn(id: string): boolean {
    return this.#own.has(id);
  }

  /** An operator disconnects an organization from now on. */
  isDisconnecting(organizationId: string): void {
    this.#disconnecting.add(organizationId);
  }

  troubleChanges(by: 1 | -1): void {
    this.troubles += 1;
    this.#inTrouble += by;
  }

  /** A request has got its answer; null: there was none. */
  answered(path: string, { method }: RequestInit, status: number | null): void {
    const isGone = status === 404 && method === "GET" && ONE.test(path);
    if (!isGone && (status === null || status >= 400)) this.#lastFailureAt = this.#ends.cloud.agenda.now;
  }

  isPointedElsewhere(id: string): void {
    this.#elsewhereSince.set(id, this.#ends.cloud.agenda.now);
  }

  /** A request arrives at Qonto. The function that it returns is called when it is done. */
  take(path: string, { method }: RequestInit, { isRepeated, disturbances }: ArrivingCall): () => void {
    const { server } = this.#ends;
    const ids = new Set(server.subscriptions.keys());
    const before = { good: this.#good(), delivering: this.#delivering(), disturbances };
    const changed = method === "GET" ? undefined : server.subscriptions.get(PATH.exec(path)?.[1] ?? "");
    if (changed !== undefined) this.#judgeChange(changed);
    return () => {
      for (const one of server.subscriptions.values()) {
        if (method !== "POST" || ids.has(one.id) || this.isOwn(one.id)) continue;
        this.#own.add(one.id);
        if (!isRepeated) this.#judgeCreated(one, before);
      }
      if (changed !== undefined && method === "DELETE") this.#judgeDeleted(changed, before);
    };
  }

  /** At the end there is one, as desired. */
  checkEnd(organizationId: string): void {
    const own = this.#ownOf(organizationId);
    const good = this.#good().filter((one) => one.organization_id === organizationId);
    if (own.length === 1 && good.length === 1) return;
    throw new Error(`${organizationId} has ${own.length} subscriptions of the relay's, ${good.length} as desired`);
  }

  /** A connection is gone, and with it what it had at Qonto. */
  checkDisconnected(organizationId: string): void {
    if (!this.#disconnecting.has(organizationId)) throw new Error(`${organizationId} was disconnected by nobody`);
    const own = this.#ownOf(organizationId);
    // Qonto may let the relay in no more.
    if (own.length > 0 && this.troubles === 0)
      throw new Error(`${organizationId} is disconnected, and has ${own.length} subscriptions`);
  }

  #ownOf(organizationId: string): Subscription[] {
    const { server, callbackUrl } = this.#ends;
    return [...server.subscriptions.values()].filter(
      (one) => one.organization_id === organizationId && one.callback_url === callbackUrl && this.isOwn(one.id),
    );
  }

  /** As the relay is to have it. */
  #good(): Subscription[] {
    const { types } = this.#ends;
    return this.#delivering().filter((one) => one.secret === this.#secret() && one.types.length === types.length);
  }

  /** What the relay has made, and tells it all that it is to be told, perhaps signed by a key that will be gone. */
  #delivering(): Subscription[] {
    const { server, callbackUrl, types } = this.#ends;
    return [...server.subscriptions.values()].filter(
      (one) =>
        this.isOwn(one.id) &&
        one.enabled &&
        one.callback_url === callbackUrl &&
        types.every((type) => one.types.includes(type)),
    );
  }

  /** Derived from the first key. */
  #secret(): string {
    const derived = hkdfSync("sha256", this.keys[0] ?? "", "qonto-relay", "qonto webhook secret", 32);
    return `whsec_${Buffer.from(derived).toString("base64url")}`;
  }

  #judgeChange({ id, callback_url }: Subscription): void {
    const { cloud, callbackUrl } = this.#ends;
    if (!this.isOwn(id)) cloud.accuse(`Subscription ${id} is changed, which is somebody else's`);
    const since = this.#elsewhereSince.get(id) ?? Infinity;
    if (callback_url !== callbackUrl && cloud.agenda.now - since > CHECK_ENDS_MS) {
      cloud.accuse(`Subscription ${id} is changed, which points elsewhere`);
    }
  }

  #judgeCreated(made: Subscription, before: Before): void {
    const isOf = (one: Subscription) => one.organization_id === made.organization_id;
    // An older version does not know the newest key.
    const isOutdated = made.secret !== this.#secret();
    const isNoted = this.#isNoted(made.organization_id);
    // One that was not noted is found by the list alone, which may be wrong.
    const isKnown = isNoted || this.troubles === 0;
    if (before.good.some(isOf) && isKnown && !isOutdated) this.#ends.cloud.accuse("A second subscription is created");
    if (isNoted && !before.delivering.some(isOf)) this.#expectReconciliation(made, before);
  }

  #judgeDeleted({ id, organization_id }: Subscription, { delivering }: Before): void {
    const others = delivering.filter((one) => one.organization_id === organization_id && one.id !== id);
    if (this.#disconnecting.has(organization_id)) return;
    if (others.length > 0 || delivering.every((one) => one.id !== id)) return;
    this.#ends.cloud.accuse(`Subscription ${id} is deleted, and there is no other`);
  }

  /** Whether the relay knows that it had a subscription. */
  #isNoted(organizationId: string): boolean {
    const sql = `SELECT 1 FROM connections, json_each(subscriptions) WHERE organization_id = ?1
      AND value ->> 'id' IS NOT NULL AND value ->> 'status' <> 'foreign'`;
    return this.#ends.db.query(sql, organizationId).length > 0;
  }

  /** It is told, and what was missed meanwhile is found at once, if nothing goes wrong, and no run is in progress. */
  #expectReconciliation({ id, organization_id }: Subscription, { disturbances }: Before): void {
    const { cloud, db, isRevoked } = this.#ends;
    const { troubles } = this;
    const at = cloud.agenda.now;
    const sql = "SELECT last_error, reconciliation, reconciled_until FROM connections WHERE organization_id = ?1";
    const [{ last_error, reconciliation } = {}] = db.query(sql, organization_id);
    // A step that has failed comes last, so what it makes due waits for the next run, and the simulated cron may skip many.
    if (last_error !== null || reconciliation !== null) return;
    // A trouble may be one of a path that the reconciliation comes to later: then it leaves Qonto alone for minutes.
    if (this.#inTrouble > 0 || at - this.#lastFailureAt < LONGEST_PAUSE_MS) return;
    cloud.agenda.add(FOUND_WITHIN_MS, () => {
      if (cloud.disturbances > disturbances || this.troubles > troubles || isRevoked(organization_id)) return;
      const [row] = db.query(sql, organization_id);
      if (row === undefined) return;
      if (!this.#isToldRestored(id)) cloud.accuse(`Subscription ${id} was restored, and that is not told`);
      if (Number(row["reconciled_until"] ?? 0) >= at - CLOCK_STEP_MS) return;
      cloud.accuse("A subscription was restored, and what was missed is not looked for");
    });
  }

  #isToldRestored(id: string): boolean {
    const sql = `SELECT 1 FROM events WHERE type = 'relay.subscription.restored' AND body ->> '$.data.subscription_id' = ?1`;
    return this.#ends.db.query(sql, id).length > 0;
  }
}
