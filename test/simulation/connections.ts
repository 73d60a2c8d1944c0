import type { Bank, Item } from "../support/qonto-server/bank.ts";
import { SimulatedQonto as QontoServer, exampleApplication } from "../support/qonto-server/simulated-qonto.ts";
import type { Subscription } from "../support/qonto-server/subscriptions-api.ts";
import { isoAt } from "../support/qonto-server/world.ts";
import { BankChanges } from "./bank-changes.ts";
import type { Chance } from "./chance.ts";
import type { Cloud } from "./cloud.ts";
import { ConnectionChecks, type Connected } from "./connection-checks.ts";
import { BUSINESS_SECRET, type PlannedEvent, sentOnce } from "./events.ts";
import type { SimulatedOperator } from "./operator.ts";
import type { SimulatedQonto } from "./qonto.ts";
import { QontoTroubles, type Trouble, drawTrouble, isBlinding } from "./qonto-troubles.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import type { ArrivingCall } from "./subscription-checks.ts";

const RELAY_URL = "https://relay.test";
const CALLBACK_URL = `${RELAY_URL}/webhooks/qonto`;

/** Of all kinds: with and without a date of their own, listed by time, by account, or with the organization. */
const TYPES = [
  "v1/transactions",
  "v1/clients",
  "v1/beneficiaries",
  "v1/products",
  "v1/client-invoices",
  "v1/memberships",
  "v1/organizations",
  "v1/accounts",
  "v1/consent-revocations",
] as const;

/** Variables of a relay that is an application of Qonto's. */
export const connectionVariables = {
  QONTO_CLIENT_ID: exampleApplication.clientId,
  QONTO_CLIENT_SECRET: exampleApplication.clientSecret,
  QONTO_TYPES: TYPES.join(","),
};

const MINUTE_MS = 60_000;

/** For how long the bank has something to tell, and Qonto something to go wrong with. */
function drawBankMs(chance: Chance): number {
  const kind = chance.number();
  if (kind < 0.75) return chance.whole(2, 5) * MINUTE_MS;
  return kind < 0.97 ? 20 * MINUTE_MS : 100 * MINUTE_MS;
}

interface Platform {
  readonly cloud: Cloud;
  readonly db: SqliteDatabase;
  readonly qonto: SimulatedQonto;
  readonly operator: SimulatedOperator;
}

/**
 * Organizations of a simulated Qonto that are connected to the relay: what happens in their banks, who meddles with the
 * subscriptions, and what is wrong with Qonto.
 */
export class SimulatedConnections {
  /** Webhooks of the banks, and what the relay itself has recorded. */
  readonly events: PlannedEvent[] = [];
  readonly bankMs: number;
  readonly checks: ConnectionChecks;
  readonly #cloud: Cloud;
  readonly #db: SqliteDatabase;
  readonly #chance: Chance;
  readonly #qonto: SimulatedQonto;
  readonly #operator: SimulatedOperator;
  readonly #server: QontoServer;
  readonly #troubles: QontoTroubles;
  readonly #changes: BankChanges;
  readonly #learn: (event: PlannedEvent) => void;
  readonly #connected: Connected[] = [];
  readonly #lossRate: number;
  readonly #pageSize: number;
  /** Changes that happen in the banks right after answers of their APIs. */
  #changesBetweenRequests: number;
  #open = 0;
  #sent = 0;

  constructor({ cloud, db, qonto, operator }: Platform, chance: Chance, learn: (event: PlannedEvent) => void) {
    this.#cloud = cloud;
    this.#db = db;
    this.#chance = chance;
    this.#qonto = qonto;
    this.#operator = operator;
    this.bankMs = drawBankMs(chance);
    this.#lossRate = chance.pick([0, 0.3, 0.7, 1]);
    this.#pageSize = chance.pick([1, 2, 3, 100]);
    this.#changesBetweenRequests = chance.pick([0, 0, 2, 6]);
    const { agenda } = cloud;
    let ids = 0;
    this.#server = new QontoServer({
      now: () => agenda.now,
      setTimer: (ms, callback) => agenda.add(ms, callback),
      randomId: () => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, "0")}`,
      send: () => Promise.reject(new Error("Webhooks leave by the simulation")),
    });
    this.#troubles = new QontoTroubles({
      faults: this.#server.faults,
      onChange: (by) => this.checks.subscriptions.troubleChanges(by),
      onBlindness: (isBlind) => this.checks.banks.blindnessChanges(isBlind),
      listsSome: (type) => [...this.#server.banks.values()].every((bank) => bank.all(type).length > 0),
    });
    this.#learn = (event) => {
      this.events.push(event);
      learn(event);
    };
    this.checks = new ConnectionChecks({
      cloud,
      db,
      server: this.#server,
      connected: this.#connected,
      callbackUrl: CALLBACK_URL,
      types: TYPES,
      learn: this.#learn,
    });
    this.#changes = new BankChanges({ cloud, db, checks: this.checks }, chance);
  }

  /** Banks with a past, as an operator has just connected them. */
  connect(): void {
    const { agenda } = this.#cloud;
    const chance = this.#chance;
    const banks = chance.happens(0.3) ? [this.#server.bank, this.#server.addBank()] : [this.#server.bank];
    for (const [index, bank] of banks.entries()) {
      const historyUntil = Math.ceil((agenda.now + 1) / 1000) * 1000;
      const connected = { id: `con_${index + 1}`, bank, historyUntil };
      this.#connected.push(connected);
      this.#changes.makeHistory(bank);
      if (chance.happens(0.5)) this.#subscribeByHand(bank);
      if (chance.happens(0.2)) this.#tellRemoved(bank);
      this.#insert(connected);
    }
  }

  /** What happens in the banks, to the subscriptions and to Qonto, from now on. */
  plan(): void {
    const chance = this.#chance;
    for (let many = chance.whole(2, 10); many > 0; many -= 1) this.#later(() => this.#change());
    for (let many = chance.pick([0, 0, 1, 1, 2, 3]); many > 0; many -= 1) this.#later(() => this.#meddle());
    for (let many = chance.pick([0, 0, 1, 1, 2]); many > 0; many -= 1) {
      const trouble = drawTrouble(chance, this.bankMs);
      this.#later(() => this.#beInTrouble(trouble));
    }
    if (chance.happens(0.2)) this.#later(() => this.#hide());
    if (chance.happens(0.08)) this.#later(() => this.#revoke());
    if (chance.happens(0.1)) this.#later(() => this.#askForReconciliation());
    if (chance.happens(0.06)) this.#later(() => this.#disconnect());
  }

  /** How often the cron is run at once: the platform does not promise once. */
  drawCronRuns(): number {
    return this.#chance.happens(0.2) ? 2 : 1;
  }

  get isDone(): boolean {
    return this.#open === 0;
  }

  serves(url: string): boolean {
    return /^https:\/\/(thirdparty|oauth)\.qonto\.com\//.test(url);
  }

  /** A request of the relay to Qonto. */
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const { pathname } = new URL(url);
    const end = this.checks.begin(pathname, init);
    let taken = 0;
    const { disturbances } = this.#cloud;
    const take = () => {
      const isRepeated = (taken += 1) > 1;
      // What is created twice has to be found, as what somebody else does.
      if (isRepeated) this.checks.isMeddledWith();
      if (this.#troubles.hangs) return { value: never, afterMs: Infinity };
      const value = this.#answer(url, init, { isRepeated, disturbances });
      // Its caller may be gone by then.
      value.catch(() => undefined);
      return { value, afterMs: this.#cloud.latencyMs() + this.#troubles.slowMs };
    };
    try {
      const response = await this.#cloud.call("qonto", () => `${init.method} ${pathname}`, take, init.signal);
      end(response.status);
      return response;
    } catch (error) {
      end(null);
      throw error;
    }
  };

  async #answer(url: string, init: RequestInit, call: ArrivingCall): Promise<Response> {
    const address = new URL(url);
    const { pathname, searchParams } = address;
    const perPage = Number(searchParams.get("per_page"));
    if (perPage > 0) searchParams.set("per_page", String(Math.min(perPage, this.#pageSize)));
    const done = this.checks.subscriptions.take(pathname, init, call);
    const { method = "GET", headers = {}, body = null } = init;
    const request = new Request(address, { method, headers, body });
    try {
      const response = await this.#troubles.answer(request, () => this.#server.answer(request));
      await this.checks.tokens.answered(pathname, init, response.clone());
      if (method === "GET") this.#changeBetweenRequests();
      return response;
    } finally {
      done();
    }
  }

  #changeBetweenRequests(): void {
    if (this.isDone || this.#changesBetweenRequests === 0 || !this.#chance.happens(0.15)) return;
    this.#changesBetweenRequests -= 1;
    this.#change();
  }

  #later(work: () => void): void {
    this.#open += 1;
    this.#cloud.agenda.add(this.#chance.whole(1_000, this.bankMs), () => {
      this.#open -= 1;
      work();
    });
  }

  #insert({ id, bank, historyUntil }: Connected): void {
    const { now } = this.#cloud.agenda;
    const chance = this.#chance;
    const { accessToken, refreshToken, scopes } = this.#server.grant({ organizationId: bank.organizationId });
    this.checks.tokens.granted(refreshToken, bank.organizationId);
    // Tokens are refreshed in their last 20 minutes.
    const lastsMs = (chance.happens(0.6) ? chance.whole(10, 21) : 60) * MINUTE_MS;
    const values = [
      id,
      bank.organizationId,
      bank.name,
      RELAY_URL,
      now,
      historyUntil,
      JSON.stringify(scopes),
      accessToken,
      now + lastsMs,
      refreshToken,
      now + lastsMs - 60 * MINUTE_MS,
    ];
    this.#db.execute([
      {
        sql: `INSERT INTO connections (id, organization_id, organization_name, environment, status, relay_url, connected_at,
            history_until, scopes, access_token, access_expires_at, refresh_token, refreshed_at, lease_until,
            subscriptions_due_at, reconciliation_due_at)
          VALUES (?1, ?2, ?3, 'production', 'connected', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?5, ?5)`,
        parameters: values,
      },
    ]);
  }

  /** The command line has subscribed at the relay, and another relay has at its own address or at this one's. */
  #subscribeByHand({ organizationId, membershipId }: Bank): void {
    const chance = this.#chance;
    const owner = {
      organization_id: organizationId,
      membership_id: membershipId,
      clientId: exampleApplication.clientId,
    };
    const all = [
      { callback_url: CALLBACK_URL, description: null, secret: BUSINESS_SECRET },
      { callback_url: CALLBACK_URL, description: "Qonto relay con_9, key 00112233" },
      { callback_url: "https://other.test/webhooks/qonto", description: "Qonto relay con_9, key 00112233" },
    ];
    for (const one of chance.some(all, chance.whole(1, all.length))) {
      this.#server.subscribe({ ...owner, types: ["v1/transactions"], ...one });
    }
  }

  /** To a subscription that the command line has made. */
  #tellRemoved(bank: Bank): void {
    const { type, data } = this.#changes.makeRemoved(bank);
    const { organizationId: organization_id, membershipId: membership_id } = bank;
    const owner = { organization_id, membership_id, clientId: exampleApplication.clientId };
    const made = { callback_url: CALLBACK_URL, description: null, secret: BUSINESS_SECRET, types: [type] };
    this.#send(bank, type, data, 0, [this.#server.subscribe({ ...owner, ...made })]);
  }

  #change(): void {
    const connected = this.#someConnected();
    const change = this.#changes.happen(connected);
    if (change !== null) this.#send(connected.bank, change.type, change.data, this.#lossRate);
  }

  /** To each subscription at the relay, unless it is lost. */
  #send(
    { organizationId }: Bank,
    type: string,
    data: Item,
    lossRate: number,
    to = this.#subscriptionsOf(organizationId),
  ) {
    const chance = this.#chance;
    const receivers = to.filter(
      (one) =>
        one.enabled &&
        one.callback_url === CALLBACK_URL &&
        one.types.includes(type) &&
        // Another relay's is of no use here.
        (one.secret === BUSINESS_SECRET || this.checks.subscriptions.isOwn(one.id)),
    );
    if (receivers.length === 0 || chance.happens(lossRate)) return;
    const id = `w${(this.#sent += 1)}`;
    const created_at = isoAt(this.#cloud.agenda.now + chance.whole(0, 2));
    const body = `${JSON.stringify({ id, type, organization_id: organizationId, created_at }).slice(0, -1)},"data":${JSON.stringify(data)}}`;
    const event: PlannedEvent = { ...sentOnce, id, source: "business", type, body };
    this.#learn(event);
    for (const { secret } of receivers) this.#qonto.sendIn(chance.whole(0, 3_000), { ...event, secret });
  }

  #subscriptionsOf(organizationId: string): Subscription[] {
    return [...this.#server.subscriptions.values()].filter((one) => one.organization_id === organizationId);
  }

  /** Somebody changes a subscription at Qonto. */
  #meddle(): void {
    const chance = this.#chance;
    const { bank } = this.#someConnected();
    const [own] = chance.some(
      this.#subscriptionsOf(bank.organizationId).filter(({ id }) => this.checks.subscriptions.isOwn(id)),
      1,
    );
    this.checks.isMeddledWith();
    if (own === undefined) return this.#subscribeByHand(bank);
    const { id } = own;
    this.#cloud.note(() => `somebody meddles with subscription ${id}`);
    switch (chance.pick(["lose", "lose", "disable", "types", "elsewhere", "by hand"])) {
      case "lose":
        return this.#server.loseSubscription(id);
      case "disable":
        return this.#server.editSubscription(id, { enabled: false });
      case "types":
        return this.#server.editSubscription(id, { types: ["v1/transactions"] });
      case "elsewhere":
        this.#server.editSubscription(id, { callback_url: "https://elsewhere.test/hook" });
        return this.checks.subscriptions.isPointedElsewhere(id);
      case "by hand":
        return this.#subscribeByHand(bank);
    }
  }

  #hide(): void {
    const show = this.#changes.hide(this.#someConnected().bank);
    this.#open += 1;
    this.#cloud.agenda.add(this.#chance.whole(1_000, this.bankMs), () => {
      this.#open -= 1;
      show();
    });
  }

  #beInTrouble(trouble: Trouble): void {
    this.#cloud.note(() => `Qonto is in trouble: ${JSON.stringify(trouble)}`);
    const end = this.#troubles.begin(trouble);
    if (isBlinding(trouble)) {
      // What is hidden then is not to be taken for gone.
      this.#hide();
      this.#askForReconciliation();
    }
    this.#open += 1;
    this.#cloud.agenda.add(trouble.lastsMs, () => {
      this.#open -= 1;
      end();
    });
  }

  /** A member withdraws the consent: tokens and subscriptions end, and the webhook that tells it may be lost. */
  #revoke(): void {
    const { bank } = this.#someConnected();
    const { organizationId } = bank;
    this.#cloud.note(() => `the consent of ${organizationId} is withdrawn`);
    for (const consent of this.#server.consents.of(organizationId, exampleApplication.clientId))
      consent.hasEnded = true;
    const ending = this.#subscriptionsOf(organizationId);
    for (const { id } of ending) this.#server.subscriptions.delete(id);
    const data = { client_id: exampleApplication.clientId, revoked_at: isoAt(this.#cloud.agenda.now) };
    this.#send(bank, "v1/consent-revocations", data, 0.3, ending);
  }

  #askForReconciliation(): void {
    const { id, historyUntil } = this.#someConnected();
    this.#operator.planCall(0, "POST", `/api/connections/${id}/reconcile`, { since: isoAt(historyUntil) });
  }

  #disconnect(): void {
    const { id, bank } = this.#someConnected();
    this.checks.subscriptions.isDisconnecting(bank.organizationId);
    this.#operator.planCall(0, "DELETE", `/api/connections/${id}`);
  }

  #someConnected(): Connected {
    const [connected] = this.#chance.some(this.#connected, 1);
    if (connected === undefined) throw new Error("No organization is connected");
    return connected;
  }
}

const never = new Promise<Response>(() => undefined);
