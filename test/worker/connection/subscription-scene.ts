import { type Connection, claimConnection, releaseConnection } from "../../../src/store/connections.ts";
import type { Budget, ConnectionContext } from "../../../src/connection/context.ts";
import { checkSubscriptions } from "../../../src/connection/subscriptions.ts";
import type { Bindings } from "../../../src/env.ts";
import type { SampleType } from "../../../src/qonto/sample-event.ts";
import type { Subscription } from "../../support/qonto-server/subscriptions-api.ts";
import type { Scope } from "../../support/qonto-server/scopes.ts";
import { connectDirectly, qontoApplication } from "../support/connected-relay.ts";
import { TestRelay } from "../support/relay.ts";
import { contextOf, intercept, rowOf } from "./scene.ts";

export const CALLBACK_URL = "https://relay.test/webhooks/qonto";
export const LIST = "/v2/webhook_subscriptions";

const CHECKED_EVERY_SECONDS = 900;

interface SceneOptions {
  readonly variables?: Partial<Bindings>;
  readonly scopes?: readonly Scope[];
}

/** Answers a call, such as `GET /v2/webhook_subscriptions`; `answer` has Qonto do it. */
type OnCall = (call: string, answer: () => Promise<Response>) => Promise<Response>;

export const intact: OnCall = (_call, answer) => answer();

/** Calls that change something come to nothing. */
export const refusingChanges =
  (status: number): OnCall =>
  async (call, answer) =>
    call.startsWith("GET") ? answer() : Response.json({ code: "fault", detail: "Not now" }, { status });

/** A relay that is connected to the simulated Qonto, and looks after its subscriptions when a test says so. */
export class SubscriptionScene {
  readonly relay: TestRelay;
  readonly connectionId: string;
  /** Stands between the relay and Qonto. */
  onCall: OnCall = intact;
  /** Every value of the header `Authorization` that the relay has sent to Qonto. */
  readonly authorizations = new Set<string>();

  private constructor(relay: TestRelay, { id }: Connection) {
    this.relay = relay;
    this.connectionId = id;
  }

  static async begin({ variables = {}, scopes }: SceneOptions = {}): Promise<SubscriptionScene> {
    const relay = new TestRelay({ ...qontoApplication, QONTO_WEBHOOK_SECRETS: "", ...variables });
    return new SubscriptionScene(relay, await connectDirectly(relay, scopes === undefined ? {} : { scopes }));
  }

  /** The same after its first check. */
  static async beginSubscribed(options: SceneOptions = {}): Promise<SubscriptionScene> {
    const scene = await SubscriptionScene.begin(options);
    await scene.check();
    scene.relay.passSeconds(CHECKED_EVERY_SECONDS);
    scene.relay.qonto.calls.length = 0;
    return scene;
  }

  get qonto(): TestRelay["qonto"] {
    return this.relay.qonto;
  }

  /** What Qonto has at the relay's address. */
  get subscriptions(): Subscription[] {
    return [...this.qonto.subscriptions.values()].filter(({ callback_url }) => callback_url === CALLBACK_URL);
  }

  /** The only one. */
  get subscription(): Subscription {
    const [one, ...others] = this.subscriptions;
    if (one === undefined || others.length > 0) throw new Error(`There are ${this.subscriptions.length} subscriptions`);
    return one;
  }

  /** Calls that change something. */
  get changes(): string[] {
    return this.qonto.calls.filter((call) => call.includes(LIST) && !call.startsWith("GET "));
  }

  get context(): ConnectionContext {
    const fetch = (url: string, init: RequestInit) => {
      this.authorizations.add(new Headers(init.headers).get("authorization") ?? "");
      return this.onCall(`${init.method} ${new URL(url).pathname}`, () => this.qonto.fetch(url, init));
    };
    return contextOf(this.relay, { fetch });
  }

  /** Somebody else's, of the same member and application. */
  subscribeForeign(callback_url: string, changes: Partial<Subscription> = {}): Subscription {
    const { applications, bank } = this.qonto;
    const owner = { clientId: applications[0].clientId, membership_id: bank.membershipId };
    return this.qonto.subscribe({ ...owner, callback_url, ...changes });
  }

  async find(): Promise<Connection> {
    return rowOf({ id: this.connectionId });
  }

  /**
   * The process dies once Qonto has done so many calls of that method: D1 and Qonto refuse it from then on. Returns what brings up
   * another process.
   */
  dieAfter(method: string, calls = 1): () => void {
    const { onCall, relay } = this;
    const { env } = relay;
    let left = calls;
    const live = () => {
      if (left === 0) throw new Error("The process has died");
    };
    intercept(relay, async (_call, proceed) => {
      live();
      return proceed();
    });
    this.onCall = async (call, answer) => {
      live();
      const answered = await onCall(call, answer);
      if (call.startsWith(method)) left -= 1;
      return answered;
    };
    return () => {
      relay.env = env;
      this.onCall = onCall;
    };
  }

  /** One check, as a run of the cron makes it. Throws what the check throws. */
  async check(budget: Partial<Budget> = {}): Promise<string> {
    const { context, relay } = this;
    const { DB } = context.env;
    const now = relay.now;
    const claimed = await claimConnection(DB, this.connectionId, { now, leaseUntil: now + 90_000 });
    if (claimed === null) throw new Error("Another run has the connection");
    const whole = { until: now + 25_000, requests: 60, ...budget };
    try {
      return await relay.clock.waitFor(checkSubscriptions(claimed, context, whole));
    } finally {
      await releaseConnection(DB, claimed, relay.now, null);
    }
  }

  /** What a check comes to: its outcome, or the name of what stopped it. */
  async attempt(budget: Partial<Budget> = {}): Promise<string> {
    try {
      return await this.check(budget);
    } catch (error) {
      return error instanceof Error ? error.name : String(error);
    }
  }

  /** Qonto sends an event: how the relay answers each of its webhooks. */
  async emit(type: SampleType = "v1/transactions"): Promise<(number | null)[]> {
    const sent = await this.qonto.emit(this.qonto.event(type));
    const here = sent.filter(({ url }) => url === CALLBACK_URL);
    return here.flatMap(({ tries }) => tries.map(({ status }) => status));
  }
}
