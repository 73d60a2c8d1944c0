import { Hono } from "hono";
import { sleep } from "../../../src/platform/timeout.ts";
import { type SampleType, sampleEvent, sourceOfType } from "../../../src/qonto/sample-event.ts";
import { Bank, type Item, type ListedType } from "./bank.ts";
import { type Application, Consents, type TokenPair } from "./consents.ts";
import { flatError } from "./errors.ts";
import { type QontoFaults, answerWith, takeFault } from "./faults.ts";
import { Gate } from "./gate.ts";
import { listsApi } from "./lists-api.ts";
import { oauthApi } from "./oauth-api.ts";
import { type OnboardingWebhook, onboardingApi } from "./onboarding-api.ts";
import { type Window, documentedLimits } from "./rate-limit.ts";
import { type Scope, scopes as allScopes } from "./scopes.ts";
import { type Delivery, type Receiver, Sender, type SenderOptions, type Sending } from "./sender.ts";
import { type Subscription, subscriptionsApi } from "./subscriptions-api.ts";
import { type QontoWorld, isoAt, realQontoWorld } from "./world.ts";

/** The application that a relay is, unless a test registers others. */
export const exampleApplication: Application = {
  clientId: "qonto-client-id",
  clientSecret: "qonto-client-secret-of-test",
  redirectUris: ["https://relay.test/console/qonto/callback"],
};

export interface QontoOptions extends Partial<QontoWorld> {
  readonly organizationId?: string;
  readonly applications?: readonly [Application, ...Application[]];
  /** Each stands for a member of the first organization, and never expires; the first is `accessToken`. */
  readonly accessTokens?: readonly [string, ...string[]];
  /** With one the server is a sandbox, and asks for it. */
  readonly stagingToken?: string;
  /** Lets receivers be on this machine, over http. The real one does not. */
  readonly allowHttp?: boolean;
  readonly limits?: readonly Window[];
  /** Results of one query that can be listed. */
  readonly mostResults?: number;
  readonly sender?: Partial<SenderOptions>;
}

interface Granting {
  readonly organizationId?: string;
  readonly clientId?: string;
  readonly scopes?: readonly Scope[];
}

interface EmittedEvent {
  readonly id: string;
  readonly [field: string]: unknown;
}

/** Who got the tokens of `accessTokens` by hand: another application than the relay. */
const CLIENT_BY_HAND = "client-by-hand";

/**
 * A Qonto to test against: OAuth, both webhook systems, what the API lists, and a sender that behaves as documented. It runs in
 * Node, in workerd and in the simulation: time, ids and network are arguments.
 */
export class SimulatedQonto {
  /** The first organization. */
  readonly bank: Bank;
  readonly banks = new Map<string, Bank>();
  readonly consents: Consents;
  readonly applications: readonly [Application, ...Application[]];
  readonly subscriptions = new Map<string, Subscription>();
  readonly onboardingWebhooks = new Map<string, OnboardingWebhook>();
  readonly faults: QontoFaults = { paths: new Map() };
  /** Method and path with query of each call. */
  readonly calls: string[] = [];
  readonly sender: Sender;
  readonly accessToken: string;
  readonly #options: QontoOptions;
  readonly #world: QontoWorld;
  readonly #gate: Gate;
  readonly #app: Hono;
  readonly #afterPages: { readonly path: string; readonly page: number; readonly change: () => void }[] = [];

  constructor(options: QontoOptions = {}) {
    this.#options = options;
    this.#world = { ...realQontoWorld, ...options };
    this.bank = this.addBank(options.organizationId ?? "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d");
    this.consents = new Consents(this.#world);
    this.applications = options.applications ?? [exampleApplication];
    const [accessToken, ...others] = options.accessTokens ?? ["qonto-access-token"];
    this.accessToken = accessToken;
    const { organizationId, membershipId } = this.bank;
    const byHand = { clientId: CLIENT_BY_HAND, organizationId };
    this.consents.addStaticToken(accessToken, { ...byHand, membershipId });
    for (const token of others) {
      this.consents.addStaticToken(token, { ...byHand, membershipId: this.#world.randomId() });
    }
    this.#gate = new Gate({
      consents: this.consents,
      faults: this.faults,
      limits: options.limits ?? documentedLimits,
      stagingToken: options.stagingToken,
      world: this.#world,
    });
    const senderOptions = { backOffMs: [200, 400, 800, 1_600], signsEachRetry: true, ...options.sender };
    this.sender = new Sender(senderOptions, this.#world);
    this.#app = this.#createApp();
  }

  /** Another organization. */
  addBank(organizationId?: string): Bank {
    const bank = new Bank(this.#world, organizationId);
    this.banks.set(bank.organizationId, bank);
    return bank;
  }

  bankOf(organizationId: string): Bank {
    const bank = this.banks.get(organizationId);
    if (bank === undefined) throw new Error(`There is no organization ${organizationId}`);
    return bank;
  }

  /** Tokens as an application has them after a member has consented. */
  grant({
    organizationId = this.bank.organizationId,
    clientId = this.applications[0].clientId,
    scopes = allScopes,
  }: Granting = {}): TokenPair {
    const { membershipId } = this.bankOf(organizationId);
    return this.consents.grant({ clientId, organizationId, membershipId, scopes });
  }

  /** A member answers the consent page of an address. Answers the address to which the browser is sent back. */
  async decide(address: string, decision: "accept" | "deny", organizationId?: string): Promise<string> {
    const url = new URL(address);
    url.searchParams.set("simulate", decision);
    if (organizationId !== undefined) url.searchParams.set("organization_id", organizationId);
    const response = await this.fetch(url.href);
    const location = response.headers.get("location");
    if (location === null) throw new Error(`The consent page was refused: ${await response.text()}`);
    return location;
  }

  /**
   * A member revokes the consent in Qonto's interface: the tokens stop, and the subscriptions are told, and end. Answers the
   * deliveries of `v1/consent-revocations`.
   */
  async revokeConsent(
    organizationId = this.bank.organizationId,
    clientId = this.applications[0].clientId,
  ): Promise<Delivery[]> {
    for (const consent of this.consents.of(organizationId, clientId)) consent.hasEnded = true;
    const data = { client_id: clientId, revoked_at: isoAt(this.#world.now()) };
    const event = this.event("v1/consent-revocations", { data }, this.bankOf(organizationId));
    const ending = [...this.subscriptions.values()].filter(
      (one) => one.organization_id === organizationId && one.clientId === clientId,
    );
    const receivers = this.#receiversOf(event, ending);
    for (const { id } of ending) this.subscriptions.delete(id);
    return this.#send(event, receivers);
  }

  /** What the consents of an organization allow from now on is at most this. */
  reduceScopes(organizationId: string, scopes: readonly Scope[], clientId = this.applications[0].clientId): void {
    for (const consent of this.consents.of(organizationId, clientId)) {
      consent.scopes = consent.scopes.filter((scope) => scopes.includes(scope));
    }
  }

  /** A subscription that somebody has made by hand, of the first organization unless it says otherwise. */
  subscribe(changes: Pick<Subscription, "callback_url"> & Partial<Subscription>): Subscription {
    const now = isoAt(this.#world.now());
    const made = {
      id: this.#world.randomId(),
      organization_id: this.bank.organizationId,
      membership_id: this.bank.membershipId,
      clientId: CLIENT_BY_HAND,
      types: ["v1/transactions"],
      secret: `whsec_${"by-hand-".repeat(4)}`,
      description: null,
      enabled: true,
      created_at: now,
      updated_at: now,
      ...changes,
    };
    this.subscriptions.set(made.id, made);
    return made;
  }

  /** It vanishes, and nobody is told. */
  loseSubscription(id: string): void {
    if (!this.subscriptions.delete(id)) throw new Error(`There is no subscription ${id}`);
  }

  /** Somebody changes it at Qonto; `{ enabled: false }` disables it. */
  editSubscription(
    id: string,
    changes: Partial<Pick<Subscription, "callback_url" | "types" | "description" | "secret" | "enabled">>,
  ): void {
    const found = this.subscriptions.get(id);
    if (found === undefined) throw new Error(`There is no subscription ${id}`);
    Object.assign(found, changes, { updated_at: isoAt(this.#world.now()) });
  }

  /** Does something once that page of a list has been read, before the next: the list shifts while it is read. */
  afterPage(path: string, page: number, change: () => void): void {
    this.#afterPages.push({ path, page, change });
  }

  /** Something is made in a bank, and its event is sent. */
  async make(
    type: ListedType,
    changes: { readonly [field: string]: unknown } = {},
    bank: Bank = this.bank,
  ): Promise<Item> {
    const item = bank.make(type, changes);
    await this.emit(this.eventOf(type, item, "created", bank));
    return item;
  }

  /** Something is changed in a bank, and its event is sent. */
  async change(
    type: ListedType,
    id: string,
    changes: { readonly [field: string]: unknown },
    bank: Bank = this.bank,
  ): Promise<Item> {
    const item = bank.change(type, id, changes);
    await this.emit(this.eventOf(type, item, "updated", bank));
    return item;
  }

  /** The event of something in a bank. */
  eventOf(type: ListedType, item: Item, event: string, bank: Bank = this.bank) {
    return this.event(type, { data: { event, ...item } }, bank);
  }

  /** A made-up event of any type, under an id of its own. */
  event(type: SampleType, changes: { readonly [field: string]: unknown } = {}, bank: Bank = this.bank) {
    const own = sourceOfType(type) === "business" ? { organization_id: bank.organizationId } : {};
    const { now, randomId } = this.#world;
    return sampleEvent(type, { id: randomId(), created_at: isoAt(now()), ...own, ...changes });
  }

  /** Sends an event to all that subscribed to its type. */
  emit(event: EmittedEvent, sending: Sending = {}): Promise<Delivery[]> {
    return this.#send(event, this.#receiversOf(event, [...this.subscriptions.values()]), sending);
  }

  #send(event: EmittedEvent, receivers: readonly Receiver[], sending: Sending = {}): Promise<Delivery[]> {
    const reached = this.faults.losesWebhooks === true ? [] : receivers;
    return Promise.all(reached.map((receiver) => this.sender.send(event, receiver, sending)));
  }

  /** Calls it in the same process. */
  readonly fetch = (url: string, init: RequestInit = {}): Promise<Response> => {
    const answered = this.answer(new Request(url, init));
    return init.signal ? Promise.race([answered, aborted(init.signal)]) : answered;
  };

  /** Rejects with ConnectionCut when there is no answer. */
  async answer(request: Request): Promise<Response> {
    const { pathname, search, searchParams } = new URL(request.url);
    this.calls.push(`${request.method} ${pathname}${search}`);
    const fault = takeFault(this.faults, pathname);
    if (fault.delayMs !== undefined) await sleep(fault.delayMs, this.#world);
    const answered = await answerWith(
      fault,
      async () =>
        this.#gate.refuse(request, pathname, fault.status ?? this.faults.status) ?? (await this.#app.fetch(request)),
    );
    const response = new Response(answered.body, answered);
    const { clockSkewSeconds = 0 } = this.faults;
    response.headers.set("date", new Date(this.#world.now() + clockSkewSeconds * 1000).toUTCString());
    if (response.ok) this.#shiftAfter(pathname, Number(searchParams.get("page") ?? 1));
    return response;
  }

  #shiftAfter(path: string, page: number): void {
    const index = this.#afterPages.findIndex((one) => one.path === path && one.page === page);
    const [found] = index === -1 ? [] : this.#afterPages.splice(index, 1);
    found?.change();
  }

  #receiversOf(event: EmittedEvent, subscriptions: readonly Subscription[]): Receiver[] {
    const type = String(event["type"] ?? event["event_type"]);
    return sourceOfType(type) === "business"
      ? subscriptions
          .filter((one) => one.enabled && one.types.includes(type) && one.organization_id === event["organization_id"])
          .map(({ callback_url, secret }) => ({ source: "business", url: callback_url, secret }))
      : [...this.onboardingWebhooks.values()]
          .filter(({ enabled }) => enabled)
          .map(({ callback_url, secret }) => ({ source: "onboarding", url: callback_url, secret }));
  }

  #createApp(): Hono {
    const app = new Hono();
    const { allowHttp = false, stagingToken, mostResults } = this.#options;
    const consentOf = (request: Request) => this.#gate.consentOf(request);
    const bankOf = (request: Request) => this.bankOf(consentOf(request).organizationId);
    const customers = () => [...this.banks.values()];
    app.route(
      "/",
      subscriptionsApi(this.subscriptions, { world: this.#world, faults: this.faults, consentOf, allowHttp }),
    );
    app.route("/", listsApi(bankOf, mostResults));
    app.route("/", onboardingApi(this.onboardingWebhooks, this.#world));
    const { applications, consents } = this;
    app.route("/", oauthApi({ applications, consents, customers, stagingToken, world: this.#world }));
    app.notFound(() => flatError(404, "not_found", "There is nothing at this address"));
    return app;
  }
}

/** Rejects as `fetch` does once its caller hangs up. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
