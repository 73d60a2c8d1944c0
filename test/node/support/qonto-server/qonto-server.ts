import { Hono } from "hono";
import { type SampleType, sampleEvent, sourceOfType } from "../../../../src/qonto/sample-event.ts";
import { Bank, type Item, type ListedType } from "./bank.ts";
import { flatError } from "./errors.ts";
import { HttpServer } from "./http-server.ts";
import { listsApi } from "./lists-api.ts";
import { type OnboardingWebhook, onboardingApi } from "./onboarding-api.ts";
import { RateLimit, type Window, documentedLimits, documentedUnauthorizedLimit } from "./rate-limit.ts";
import { type Delivery, type Receiver, Sender, type SenderOptions, type Sending } from "./sender.ts";
import { type Subscription, subscriptionsApi } from "./subscriptions-api.ts";

export interface QontoOptions {
  readonly port?: number;
  readonly organizationId?: string;
  /** Each stands for a user; the first is `accessToken`. */
  readonly accessTokens?: readonly [string, ...string[]];
  /** With one the server is a sandbox, and asks for it. */
  readonly stagingToken?: string;
  /** Lets receivers be on this machine, over http. The real one does not. */
  readonly allowHttp?: boolean;
  readonly limits?: readonly Window[];
  /** The clock by which requests are counted, Unix milliseconds. */
  readonly now?: () => number;
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
}

/** A Qonto to test against: both webhook systems, what the API lists, and a sender that behaves as documented. */
export class QontoServer {
  readonly bank: Bank;
  readonly subscriptions = new Map<string, Subscription>();
  readonly onboardingWebhooks = new Map<string, OnboardingWebhook>();
  readonly faults: QontoFaults = {};
  /** Method and path with query of each call. */
  readonly calls: string[] = [];
  readonly sender: Sender;
  readonly accessToken: string;
  readonly #options: QontoOptions;
  readonly #limit: RateLimit;
  readonly #unauthorized = new RateLimit([documentedUnauthorizedLimit]);
  #http: HttpServer | undefined;

  private constructor(options: QontoOptions) {
    this.#options = options;
    this.bank = new Bank(options.organizationId);
    this.#limit = new RateLimit(options.limits ?? documentedLimits);
    this.accessToken = options.accessTokens?.[0] ?? "qonto-access-token";
    this.sender = new Sender({ backOffMs: [200, 400, 800, 1_600], signsEachRetry: true, ...options.sender });
  }

  static async start(options: QontoOptions = {}): Promise<QontoServer> {
    const server = new QontoServer(options);
    const app = server.#createApp();
    server.#http = await HttpServer.start((request) => server.#answer(request, app), options.port);
    return server;
  }

  get url(): string {
    return this.#http?.url ?? "";
  }

  async stop(): Promise<void> {
    this.sender.stop();
    await this.#http?.stop();
  }

  /** Something is made in the bank, and its event is sent. */
  async make(type: ListedType, changes: { readonly [field: string]: unknown } = {}): Promise<Item> {
    const item = this.bank.make(type, changes);
    await this.emit(this.eventOf(type, item, "created"));
    return item;
  }

  /** Something is changed in the bank, and its event is sent. */
  async change(type: ListedType, id: string, changes: { readonly [field: string]: unknown }): Promise<Item> {
    const item = this.bank.change(type, id, changes);
    await this.emit(this.eventOf(type, item, "updated"));
    return item;
  }

  /** The event of something in the bank. */
  eventOf(type: ListedType, item: Item, event: string) {
    return this.event(type, { data: { event, ...item } });
  }

  /** A made-up event of any type, under an id of its own. */
  event(type: SampleType, changes: { readonly [field: string]: unknown } = {}) {
    const own = sourceOfType(type) === "business" ? { organization_id: this.bank.organizationId } : {};
    return sampleEvent(type, { id: crypto.randomUUID(), created_at: new Date().toISOString(), ...own, ...changes });
  }

  /** Sends an event to all that subscribed to its type. */
  async emit(
    event: { readonly id: string; readonly [field: string]: unknown },
    sending: Sending = {},
  ): Promise<Delivery[]> {
    const receivers = this.#receiversOf(String(event["type"] ?? event["event_type"]));
    return Promise.all(receivers.map((receiver) => this.sender.send(event, receiver, sending)));
  }

  #receiversOf(type: string): Receiver[] {
    return sourceOfType(type) === "business"
      ? [...this.subscriptions.values()]
          .filter(({ types }) => types.includes(type))
          .map(({ callback_url, secret }) => ({ source: "business", url: callback_url, secret }))
      : [...this.onboardingWebhooks.values()]
          .filter(({ enabled }) => enabled)
          .map(({ callback_url, secret }) => ({ source: "onboarding", url: callback_url, secret }));
  }

  #createApp(): Hono {
    const app = new Hono();
    const { allowHttp = false } = this.#options;
    app.route("/", subscriptionsApi(this.subscriptions, { ownerOf: bearerOf, allowHttp }));
    app.route("/", listsApi(this.bank, this.#options.mostResults));
    app.route("/", onboardingApi(this.onboardingWebhooks));
    app.notFound(() => flatError(404, "not_found", "There is nothing at this address"));
    return app;
  }

  async #answer(request: Request, app: Hono): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    this.calls.push(`${request.method} ${pathname}${search}`);
    const { hangs, clockSkewSeconds } = this.faults;
    if (pathname === hangs) await new Promise(() => undefined);
    const response = this.#refuse(request, pathname) ?? (await app.fetch(request));
    if (clockSkewSeconds !== undefined) {
      response.headers.set("date", new Date(Date.now() + clockSkewSeconds * 1000).toUTCString());
    }
    return response;
  }

  /** What stands before every endpoint. */
  #refuse(request: Request, path: string): Response | null {
    const now = (this.#options.now ?? Date.now)();
    const waitMs = Math.max(this.#limit.waitMs(now), this.#unauthorized.waitMs(now));
    if (waitMs > 0) return this.#tooMany(waitMs);
    this.#limit.note(now);
    const { status } = this.faults;
    if (status === 429) return this.#tooMany(1_000);
    if (status !== undefined) return flatError(status, "fault", "The API is not well");
    const accessTokens = this.#options.accessTokens ?? [this.accessToken];
    const { stagingToken } = this.#options;
    const isKnown = accessTokens.includes(bearerOf(request));
    const isOfSandbox = stagingToken === undefined || request.headers.get("x-qonto-staging-token") === stagingToken;
    if (isKnown && isOfSandbox) {
      return path === this.faults.forbidden ? flatError(403, "forbidden", "The token lacks a scope") : null;
    }
    this.#unauthorized.note(now);
    return flatError(
      401,
      "unauthorized",
      isKnown ? "The staging token is missing or wrong" : "The access token is invalid",
    );
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
