import { createExecutionContext, createMessageBatch, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import type { Bindings } from "../../../src/env.ts";
import { sleep } from "../../../src/platform/timeout.ts";
import { realWorld } from "../../../src/platform/world.ts";
import type { QueueMessage } from "../../../src/messages.ts";
import { createRelay } from "../../../src/relay.ts";
import { type Payload, type SignedRequest, businessRequest, onboardingRequest } from "../../support/qonto.ts";
import { SimulatedQonto } from "../../support/qonto-server/simulated-qonto.ts";
import { Clock } from "./clock.ts";
import { Destinations } from "./destinations.ts";
import { SEND_EVERY_MS } from "../../../src/receive/send-events.ts";

export const BUSINESS_SECRET = "test-secret";
/** Long enough for the secret of a subscription. */
export const ENCRYPTION_KEY = "test-encryption-key-of-32-characters-or-more";
const ONBOARDING_SECRET = "secret_key";

interface Waiting {
  readonly id: string;
  readonly body: QueueMessage;
  readonly dueAt: number;
  readonly tries: number;
}

/** A queue that holds its messages until the test lets them through, on the test's own clock. */
export class HeldQueue {
  waiting: Waiting[] = [];
  readonly sent: { readonly body: QueueMessage; readonly delaySeconds: number }[] = [];
  /** Awaited in each call that sends. */
  beforeSend: () => Promise<void> = async () => undefined;
  readonly #now: () => number;
  #made = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  readonly binding: Queue<QueueMessage> = {
    send: async (body, options) => {
      await this.beforeSend();
      return this.#add(body, options?.delaySeconds);
    },
    sendBatch: async (messages) => {
      await this.beforeSend();
      for (const { body, delaySeconds } of messages) this.#add(body, delaySeconds);
      return receipt;
    },
    metrics: async () => ({ backlogCount: this.waiting.length, backlogBytes: 0 }),
  };

  #add(body: QueueMessage, delaySeconds = 0) {
    // What the platform does to a message in transit.
    const sent = { body: structuredClone(body), delaySeconds };
    this.sent.push(sent);
    this.hold({
      id: `message-${(this.#made += 1)}`,
      body: sent.body,
      dueAt: this.#now() + delaySeconds * 1000,
      tries: 0,
    });
    return receipt;
  }

  hold(message: Waiting): void {
    this.waiting.push(message);
  }

  /** Takes out what is due, as the platform forms a batch. */
  takeDue(most: number): Waiting[] {
    const due = this.waiting.filter(({ dueAt }) => dueAt <= this.#now()).slice(0, most);
    this.waiting = this.waiting.filter((message) => !due.includes(message));
    return due;
  }

  /** When the next message comes due; Infinity when none waits. */
  get nextDueAt(): number {
    return Math.min(...this.waiting.map(({ dueAt }) => dueAt));
  }
}

const receipt = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };

const tables = [
  "events",
  "deliveries",
  "destinations",
  "resources",
  "registration_stages",
  "quarantine",
  "dead_letters",
  "replays",
  "tokens",
  "audit",
  "idempotency_keys",
  "counters",
  "ledger_hours",
  "cron_state",
  "alerts",
  "connections",
  "authorizations",
];

/** Of production and of the sandbox: its API, its authorization server. */
const qontoHosts = [
  "thirdparty.qonto.com",
  "oauth.qonto.com",
  "thirdparty-sandbox.staging.qonto.co",
  "oauth-sandbox.staging.qonto.co",
];

/** D1 is kept apart for each file; within one, tests that count begin with this. */
export async function emptyDatabase(): Promise<void> {
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
}

/** The whole relay on real D1, with its clock, its queues and the network in the test's hand. */
export class TestRelay {
  readonly clock = new Clock();
  readonly destinations = new Destinations(this.clock);
  /** Sends each event once: a test that wants a retry emits it again. */
  readonly qonto = new SimulatedQonto({
    now: this.clock.now,
    setTimer: this.clock.setTimer,
    send: (url, init) =>
      new URL(url).hostname === "relay.test" ? this.take(new Request(url, init)) : this.destinations.fetch(url, init),
    sender: { backOffMs: [] },
  });
  readonly events = new HeldQueue(this.clock.now);
  readonly retries = new HeldQueue(this.clock.now);
  readonly deadLetters = new HeldQueue(this.clock.now);
  /** Called between a batch's end and that of what goes on behind it. */
  whenBatchReturns: () => Promise<void> = async () => undefined;
  env: Bindings;
  /** What the runtime says of Cloudflare Access; undefined where it does not stand before the relay. */
  access: CloudflareAccessContext | undefined;
  /** Rejects when the process dies in which the Worker is running: whatever it was doing is over. */
  died: Promise<never> = new Promise(() => undefined);
  readonly relay = createRelay({
    ...realWorld,
    now: this.clock.now,
    setTimer: this.clock.setTimer,
    random: () => 0,
    fetch: (url, init) =>
      qontoHosts.includes(new URL(url).hostname) ? this.qonto.fetch(url, init) : this.destinations.fetch(url, init),
  });

  constructor(changes: Partial<Bindings> = {}) {
    // Nothing else of the test runtime's variables: they would bring in the .dev.vars of the person who runs the tests.
    this.env = {
      DB: env.DB,
      EVENTS: this.events.binding,
      RETRIES: this.retries.binding,
      DEAD_LETTERS: this.deadLetters.binding,
      QONTO_WEBHOOK_SECRETS: BUSINESS_SECRET,
      QONTO_ONBOARDING_SECRETS: ONBOARDING_SECRET,
      ADMIN_TOKEN,
      ENCRYPTION_KEYS: ENCRYPTION_KEY,
      ...changes,
    };
  }

  get now(): number {
    return this.clock.now();
  }

  set now(time: number) {
    this.clock.set(time);
  }

  passSeconds(seconds: number): void {
    this.now += seconds * 1000;
  }

  /** Jumps to an instant, unless it is past. */
  passTo(instant: number): void {
    this.now = Math.max(this.now, instant);
  }

  /** Sends a request to the Worker and waits for what goes on behind its answer. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    return this.take(new Request(`https://relay.test${path}`, init));
  }

  async take(request: Request): Promise<Response> {
    const context = createExecutionContext();
    const { access } = this;
    const given = access === undefined ? context : withAccess(context, access);
    const taken = request as Parameters<typeof this.relay.fetch>[0];
    const response = await this.#unlessItDies(() => this.relay.fetch(taken, this.env, given));
    const answeredAt = this.now;
    await this.#unlessItDies(() => waitOnExecutionContext(context));
    // A request that has sent a message pauses before the next: that takes none of the test's time.
    if (this.now - answeredAt <= SEND_EVERY_MS) this.now = answeredAt;
    return response;
  }

  /** Sends an event and takes the answer, whatever still hangs behind it. */
  async sendAndLeave(payload: Payload | string): Promise<Response> {
    const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
    const request = new Request("https://relay.test/webhooks/qonto", await this.signed(payload));
    return this.#unlessItDies(() =>
      this.relay.fetch(request as Parameters<typeof this.relay.fetch>[0], this.env, context as never),
    );
  }

  /**
   * Sends an event and takes the answer; what goes on behind it may go on for as long as a store takes that answers at
   * all.
   */
  async sendAndWaitABit(payload: Payload | string): Promise<Response> {
    const behind: Promise<unknown>[] = [];
    const waitUntil = (work: Promise<unknown>) => void behind.push(work.catch(() => undefined));
    const context = { waitUntil, passThroughOnException: () => undefined, props: {} };
    const request = new Request("https://relay.test/webhooks/qonto", await this.signed(payload));
    const response = await this.#unlessItDies(async () =>
      this.relay.fetch(request as Parameters<typeof this.relay.fetch>[0], this.env, context as never),
    );
    await this.#unlessItDies(() => Promise.race([Promise.all(behind), sleep(400, this.clock)]));
    return response;
  }

  /** Calls the operator's API; answers the parsed body. */
  async api(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
    const response = await this.fetch(path, {
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  }

  webhook(request: SignedRequest | RequestInit): Promise<Response> {
    return this.fetch("/webhooks/qonto", request);
  }

  /** Qonto sends an event, signed now. */
  async send(payload: Payload | string): Promise<Response> {
    return this.webhook(await this.signed(payload));
  }

  /** It sends some at the same moment: the first is handed to the queue by itself, the others a moment later. */
  async sendTogether(payloads: readonly (Payload | string)[]): Promise<Response[]> {
    const responses = await Promise.all(payloads.map((payload) => this.send(payload)));
    this.now += SEND_EVERY_MS;
    return responses;
  }

  signed(payload: Payload | string): Promise<SignedRequest> {
    return businessRequest(payload, { secret: BUSINESS_SECRET, timestamp: Math.floor(this.now / 1000) });
  }

  async sendOnboarding(payload: Payload | string): Promise<Response> {
    return this.webhook(await onboardingRequest(payload, { secret: ONBOARDING_SECRET }));
  }

  /** Adds a destination; answers its destination with the secret. */
  async addDestination(url: string, settings: object = {}): Promise<{ id: string; secret: string; url: string }> {
    const { status, body } = await this.api("POST", "/api/destinations", { url, ...settings });
    if (status !== 201) throw new Error(`The destination was refused: ${JSON.stringify(body)}`);
    return body;
  }

  /** It may die before its work has come to its first await. */
  #unlessItDies<Value>(work: () => Promise<Value> | Value): Promise<Value> {
    const { died } = this;
    return this.clock.waitFor(Promise.race([work(), died]));
  }

  /** Lets seconds pass, from one message that comes due to the next. */
  async liveThrough(seconds: number): Promise<void> {
    const end = this.now + seconds * 1000;
    while (this.now < end) {
      this.passTo(Math.min(end, this.nextDueAt));
      await this.runQueues();
    }
  }

  /** When the queues have something to do next; Infinity when nothing waits. */
  get nextDueAt(): number {
    return Math.min(this.events.nextDueAt, this.retries.nextDueAt);
  }

  /** Lets the queues run until nothing is due any more. Returns how many batches there were. */
  async runQueues(): Promise<number> {
    let batches = 0;
    while ((await this.runEventsBatch()) || (await this.runBatch(this.retries, "qonto-relay-retries", 1))) {
      batches += 1;
      if (batches > 1_000) throw new Error("The queues do not come to rest");
    }
    return batches;
  }

  async runCron(): Promise<void> {
    const controller = { cron: "* * * * *", scheduledTime: this.now, noRetry: () => undefined };
    await this.#unlessItDies(() => this.relay.scheduled(controller, this.env));
  }

  runEventsBatch(changes: Partial<Bindings> = {}): Promise<boolean> {
    return this.runBatch(this.events, "qonto-relay-events", MESSAGES_AT_ONCE, changes);
  }

  /** Hands one batch to its consumer and does with each message what the platform would. */
  async runBatch(queue: HeldQueue, name: string, most: number, changes: Partial<Bindings> = {}): Promise<boolean> {
    const due = queue.takeDue(most);
    if (due.length === 0) return false;
    const batch = createMessageBatch<QueueMessage>(
      name,
      due.map(({ id, body, tries }) => ({ id, body, timestamp: new Date(this.now), attempts: tries + 1 })),
    );
    const decisions = new Map<string, { acked: boolean; delaySeconds: number }>();
    for (const message of batch.messages) {
      message.ack = () =>
        void (decisions.has(message.id) || decisions.set(message.id, { acked: true, delaySeconds: 0 }));
      message.retry = (options) =>
        void (
          decisions.has(message.id) ||
          decisions.set(message.id, { acked: false, delaySeconds: options?.delaySeconds ?? RETRY_DELAY_SECONDS })
        );
    }
    let failed = false;
    try {
      const context = createExecutionContext();
      await this.#unlessItDies(() => this.relay.queue(batch, { ...this.env, ...changes }, context));
      await this.whenBatchReturns();
      await this.#unlessItDies(() => waitOnExecutionContext(context));
    } catch {
      failed = true;
    }
    for (const message of due) {
      const decision = decisions.get(message.id) ?? { acked: !failed, delaySeconds: RETRY_DELAY_SECONDS };
      if (!decision.acked) {
        queue.hold({ ...message, tries: message.tries + 1, dueAt: this.now + decision.delaySeconds * 1000 });
      }
    }
    return true;
  }
}

function withAccess(context: ExecutionContext, access: CloudflareAccessContext): ExecutionContext {
  const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
  const given: Partial<ExecutionContext> = { waitUntil, passThroughOnException: () => undefined, props: {}, access };
  return given as ExecutionContext;
}

/** As in wrangler.toml. */
const MESSAGES_AT_ONCE = 10;
const RETRY_DELAY_SECONDS = 10;
