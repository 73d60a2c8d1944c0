import { Hono } from "hono";
import { type SampleType, sampleEvent, sourceOfType } from "../../../src/qonto/sample-event.ts";
import { Bank, type Item, type ListedType } from "./bank.ts";
import { type Application, type Consent, Consents, type TokenPair } from "./consents.ts";
import { flatError, missingScope } from "./errors.ts";
import { listsApi } from "./lists-api.ts";
import { oauthApi } from "./oauth-api.ts";
import { type OnboardingWebhook, onboardingApi } from "./onboarding-api.ts";
import { RateLimit, type Window, documentedLimits, documentedUnauthorizedLimit } from "./rate-limit.ts";
import { type Scope, scopeOfPath, scopes as allScopes } from "./scopes.ts";
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

/** Faults of the API. Each lasts while it is set. */
export interface QontoFaults {
  /** Every call is answered so. */
  status?: number;
  /** The path of a list that is never answered. */
  hangs?: string;
  /** The path of a list for which the token lacks the scope. */
  forbidden?: string;
  /** How far its clock is ahead. */
  clockSkewSeconds?: number;
  /** 429 says how long to wait, unless this is set. */
  withoutRetryAfter?: boolean;
  /** Webhooks are neither sent nor tried again: Qonto has abandoned them. */
  losesWebhooks?: boolean;
}

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
  readonly faults: QontoFaults = {};
  /** Method and path with query of each call. */
  readonly calls: string[] = [];
  readonly sender: Sender;
  readonly accessToken: string;
  readonly #options: QontoOptions;
  readonly #world: QontoWorld;
  readonly #limit: RateLimit;
  readonly #unauthorized = new RateLimit([documentedUnauthorizedLimit]);
  readonly #app: Hono;

  constructor(options: QontoOptions = {}) {
    this.#options = options;
    this.#world = { ...realQontoWorld, ...options };
    this.bank = this.addBank(options.organizationId ?? "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d");
    this.consents = new Consents(this.#world);
    this.applications = options.applications ?? [exampleApplication];
    const [accessToken, ...others] = options.accessTokens ?? ["qonto-access-token"];
    this.accessToken = accessToken;
    const { clientId } = this.applications[0];
    const { organizationId, membershipId } = this.bank;
    this.consents.addStaticToken(accessToken, { clientId, organizationId, membershipId });
    for (const token of others) {
      this.consents.addStaticToken(token, { clientId, organizationId, membershipId: this.#world.randomId() });
    }
    this.#limit = new RateLimit(options.limits ?? documentedLimits);
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
  }: {
    readonly organizationId?: string;
    readonly clientId?: string;
    readonly scopes?: readonly Scope[];
  } = {}): TokenPair {
    const { membershipId } = this.bankOf(organizationId);
    return this.consents.grant({ clientId, organizationId, membershipId, scopes });
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
  async emit(
    event: { readonly id: string; readonly [field: string]: unknown },
    sending: Sending = {},
  ): Promise<Delivery[]> {
    const receivers = this.faults.losesWebhooks === true ? [] : this.#receiversOf(event);
    return Promise.all(receivers.map((receiver) => this.sender.send(event, receiver, sending)));
  }

  /** Calls it in the same process. */
  readonly fetch = (url: string, init: RequestInit = {}): Promise<Response> => {
    const answered = this.answer(new Request(url, init));
    return init.signal ? Promise.race([answered, aborted(init.signal)]) : answered;
  };

  /** Rejects with ConnectionCut when there is no answer. */
  async answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    this.calls.push(`${request.method} ${pathname}${search}`);
    const { hangs, clockSkewSeconds = 0 } = this.faults;
    if (pathname === hangs) await new Promise(() => undefined);
    const answered = this.#refuse(request, pathname) ?? (await this.#app.fetch(request));
    const response = new Response(answered.body, answered);
    response.headers.set("date", new Date(this.#world.now() + clockSkewSeconds * 1000).toUTCString());
    return response;
  }

  #receiversOf(event: { readonly [field: string]: unknown }): Receiver[] {
    const type = String(event["type"] ?? event["event_type"]);
    return sourceOfType(type) === "business"
      ? [...this.subscriptions.values()]
          .filter(({ enabled, types, organization_id }) => {
            return enabled && types.includes(type) && organization_id === event["organization_id"];
          })
          .map(({ callback_url, secret }) => ({ source: "business", url: callback_url, secret }))
      : [...this.onboardingWebhooks.values()]
          .filter(({ enabled }) => enabled)
          .map(({ callback_url, secret }) => ({ source: "onboarding", url: callback_url, secret }));
  }

  #createApp(): Hono {
    const app = new Hono();
    const { allowHttp = false, stagingToken, mostResults } = this.#options;
    const consentOf = (request: Request) => this.#consentOf(request);
    const bankOf = (request: Request) => this.bankOf(consentOf(request).organizationId);
    const customers = () =>
      [...this.banks.values()].map(({ organizationId, membershipId, name }) => ({
        organizationId,
        membershipId,
        name,
      }));
    app.route("/", subscriptionsApi(this.subscriptions, { world: this.#world, consentOf, allowHttp }));
    app.route("/", listsApi(bankOf, mostResults));
    app.route("/", onboardingApi(this.onboardingWebhooks, this.#world));
    const { applications, consents } = this;
    app.route("/", oauthApi({ applications, consents, customers, stagingToken, world: this.#world }));
    app.notFound(() => flatError(404, "not_found", "There is nothing at this address"));
    return app;
  }

  /** Whose token a call bears: it has passed `#refuse`. */
  #consentOf(request: Request): Consent {
    const consent = this.consents.consentOf(bearerOf(request));
    if (consent === null) throw new Error("A call without a valid token was let through");
    return consent;
  }

  /** What stands before every endpoint. */
  #refuse(request: Request, path: string): Response | null {
    const now = this.#world.now();
    const waitMs = Math.max(this.#limit.waitMs(now), this.#unauthorized.waitMs(now));
    if (waitMs > 0) return this.#tooMany(waitMs);
    this.#limit.note(now);
    const { status } = this.faults;
    if (status === 429) return this.#tooMany(1_000);
    if (status !== undefined) return flatError(status, "fault", "The API is not well");
    if (path.startsWith("/oauth2/")) return null;
    const consent = this.consents.consentOf(bearerOf(request));
    const { stagingToken } = this.#options;
    const isOfSandbox = stagingToken === undefined || request.headers.get("x-qonto-staging-token") === stagingToken;
    if (consent === null || !isOfSandbox) {
      this.#unauthorized.note(now);
      const detail = consent === null ? "The access token is invalid" : "The staging token is missing or wrong";
      return flatError(401, "unauthorized", detail);
    }
    const scope = scopeOfPath(path);
    return path === this.faults.forbidden || !consent.scopes.includes(scope) ? missingScope(scope) : null;
  }

  #tooMany(waitMs: number): Response {
    const response = flatError(429, "too_many_requests", "The rate limit is reached");
    if (this.faults.withoutRetryAfter !== true) response.headers.set("retry-after", String(Math.ceil(waitMs / 1000)));
    return response;
  }
}

function bearerOf(request: Request): string {
  return /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
}

/** Rejects as `fetch` does once its caller hangs up. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
