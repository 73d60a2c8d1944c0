import type { QueueMessage } from "../../src/messages.ts";
import type { Cloud, Ended, InvocationKind } from "./cloud.ts";
import type { Door } from "./faults.ts";

export interface QueueSettings {
  readonly door: Extract<Door, "events" | "retries" | "dead_letters">;
  readonly name: string;
  readonly stage: Extract<InvocationKind, "fan-out" | "retry" | "dead-letter">;
  readonly maxBatchSize: number;
  readonly maxBatchTimeoutMs: number;
  readonly maxRetries: number;
  readonly retryDelaySeconds: number;
}

/** A message, and what the platform knows of it. */
export interface Queued {
  readonly id: string;
  readonly body: QueueMessage;
  dueAt: number;
  /** Deliveries to a consumer. */
  attempts: number;
  /** A consumer has it. */
  isHeld: boolean;
}

/** Consumers of a queue that run at one moment. */
const MOST_CONSUMERS = 3;

/** A consumer that does not end is ended by the platform after a quarter of an hour at the latest. */
const CONSUMER_MS: readonly [number, ...number[]] = [60_000, 120_000, 300_000, 900_000];

/** How often an acknowledged message is redelivered. */
const COMES_AGAIN = 0.02;

/** Without disturbances no batch of first attempts takes longer, however slow its destinations are. */
const PROMPT_BATCH_MS = 8_000;

/** More than any storm needs. */
const MANY_ATTEMPTS = 50;

/** How often a second consumer gets a message, as if the first one had been lost. */
const GIVEN_TWICE = 0.02;

/** A queue of the platform: at least once, in no order, in batches, to several consumers at once. */
export class SimulatedQueue {
  readonly settings: QueueSettings;
  readonly messages = new Map<string, Queued>();
  /** How many messages consumers have sent about each destination. */
  readonly sentByBatches = new Map<string, number>();
  /** The dead-letter queue. */
  deadLetters: SimulatedQueue | null = null;
  /** Ids of events of which two consumers had the same message at one moment. */
  readonly heldTwice = new Set<string>();
  /** How many consumers have an event's message for the first time at this moment. */
  readonly #held = new Map<string, number>();
  readonly #cloud: Cloud;
  #made = 0;
  #consumers = 0;
  #isBatchPlanned = false;

  constructor(cloud: Cloud, settings: QueueSettings) {
    this.#cloud = cloud;
    this.settings = settings;
  }

  /** The binding of one isolate. */
  makeBinding(): Queue<QueueMessage> {
    const send = (messages: readonly MessageSendRequest<QueueMessage>[]) => {
      const sent = messages.map(({ body, delaySeconds }) => ({ body: { ...body }, delaySeconds }));
      const sentBy = this.#cloud.caller?.kind;
      const isFromStage = sentBy === "fan-out" || sentBy === "retry";
      let times = 0;
      const what = () => `send ${sent.map(({ body }) => summaryOf(body)).join(", ")}`;
      const refusal = refusalOf(sent);
      if (refusal !== null) return Promise.reject(new Error(refusal));
      return this.#cloud.call(this.settings.door, what, () => {
        times += 1;
        for (const { body, delaySeconds } of sent) {
          this.add(body, delaySeconds);
          if (times === 1 && isFromStage) this.#count(body);
        }
        return { value: receipt, afterMs: this.#cloud.latencyMs() };
      });
    };
    return {
      send: (body, options) => send([{ body, ...options }]),
      sendBatch: (messages) => send([...messages]),
      metrics: async () => ({ backlogCount: this.messages.size, backlogBytes: 0 }),
    };
  }

  add(body: QueueMessage, delaySeconds = 0): void {
    const id = `${this.settings.door}-${(this.#made += 1)}`;
    const dueAt = this.#cloud.agenda.now + delaySeconds * 1000;
    this.messages.set(id, { id, body, dueAt, attempts: 0, isHeld: false });
    this.#planBatch(delaySeconds * 1000);
  }

  #count(body: QueueMessage): void {
    if (body.kind !== "drain") return;
    this.sentByBatches.set(body.destination_id, (this.sentByBatches.get(body.destination_id) ?? 0) + 1);
  }

  /** Whether some message passes. */
  has(test: (body: QueueMessage) => boolean): boolean {
    return this.messages.values().some(({ body }) => test(body));
  }

  /** Drops all messages, as a developer's machine does when it is switched off. */
  lose(): void {
    this.messages.clear();
  }

  #planBatch(ms: number): void {
    const { agenda, chance } = this.#cloud;
    agenda.add(ms + chance.whole(0, this.settings.maxBatchTimeoutMs), () => this.#beginBatch());
  }

  #beginBatch(): void {
    const { agenda, chance } = this.#cloud;
    const due = this.messages
      .values()
      .filter(({ isHeld, dueAt }) => !isHeld && dueAt <= agenda.now)
      .toArray();
    if (due.length === 0) return;
    if (this.#consumers >= MOST_CONSUMERS) {
      if (!this.#isBatchPlanned) {
        this.#isBatchPlanned = true;
        agenda.add(chance.whole(1, 1_000), () => {
          this.#isBatchPlanned = false;
          this.#beginBatch();
        });
      }
      return;
    }
    const taken = chance.some(
      due,
      chance.happens(0.3) ? chance.whole(1, this.settings.maxBatchSize) : this.settings.maxBatchSize,
    );
    this.#consume(taken);
    if (taken.length < due.length) this.#planBatch(0);
  }

  #consume(taken: readonly Queued[]): void {
    const { agenda, chance } = this.#cloud;
    for (const one of taken) {
      one.attempts += 1;
      one.isHeld = !chance.happens(GIVEN_TWICE);
      if (!one.isHeld) this.#planBatch(0);
    }
    this.#consumers += 1;
    const decisions = new Map<string, number | "acked">();
    const decide = (id: string, decision: number | "acked") => {
      if (!decisions.has(id)) decisions.set(id, decision);
    };
    const retryMs = (options?: QueueRetryOptions) => (options?.delaySeconds ?? this.settings.retryDelaySeconds) * 1000;
    const messages = taken.map(({ id, body, attempts }) => ({
      id,
      body: { ...body },
      timestamp: new Date(agenda.now),
      attempts,
      ack: () => decide(id, "acked"),
      retry: (options?: QueueRetryOptions) => decide(id, retryMs(options)),
    }));
    const batch = {
      queue: this.settings.name,
      messages,
      metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } },
      ackAll: () => messages.forEach(({ ack }) => ack()),
      retryAll: (options?: QueueRetryOptions) => messages.forEach(({ retry }) => retry(options)),
    } as MessageBatch;
    this.#cloud.note(
      () => `${this.settings.door} → batch of ${taken.map(({ id, body }) => `${id} ${summaryOf(body)}`).join(", ")}`,
    );
    const firstEvents = taken.flatMap(({ body, attempts }) =>
      body.kind === "events" && attempts === 1
        ? body.events.flatMap(({ id, lease_until }) => (lease_until === null ? [] : `${id} ${lease_until}`))
        : [],
    );
    this.#hold(firstEvents);
    const startedAt = agenda.now;
    const { disturbances } = this.#cloud;
    const conclude = (how: Ended<void>) => {
      stopWaiting();
      this.#consumers -= 1;
      if (this.settings.door === "events" && disturbances === this.#cloud.disturbances) {
        const tookMs = agenda.now - startedAt;
        if (tookMs > PROMPT_BATCH_MS) this.#cloud.accuse(`First attempts held up all others for ${tookMs} ms`);
      }
      this.#release(firstEvents);
      if (how.state !== "returned") {
        this.#cloud.note(() => `batch of ${taken.map(({ id }) => id).join(", ")} ${how.state}`);
      }
      // The decisions of a consumer that is ended may have arrived or not.
      const counts = how.state !== "cut off" || chance.happens(0.3);
      for (const one of taken) {
        const otherwise = how.state === "returned" ? "acked" : this.settings.retryDelaySeconds * 1000;
        this.#conclude(one, counts ? (decisions.get(one.id) ?? otherwise) : chance.whole(0, 30_000));
      }
    };
    const invocation = this.#cloud.start(
      this.settings.stage,
      async ({ relay, bindings }, context) => relay.queue(batch, bindings, context),
      conclude,
    );
    const stopWaiting = agenda.add(chance.pick(CONSUMER_MS), () => this.#cloud.cutOff(invocation));
  }

  /** Notes the events of which two consumers have the same message: they may be handled twice. */
  #hold(keys: readonly string[]): void {
    for (const key of keys) {
      if (this.#held.has(key)) this.heldTwice.add(key.slice(0, key.indexOf(" ")));
      this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    }
  }

  #release(keys: readonly string[]): void {
    for (const key of keys) {
      const holders = (this.#held.get(key) ?? 1) - 1;
      if (holders === 0) this.#held.delete(key);
      else this.#held.set(key, holders);
    }
  }

  #conclude(one: Queued, decision: number | "acked"): void {
    const { agenda, chance } = this.#cloud;
    // A machine that was switched off has lost it.
    if (!this.messages.has(one.id)) return;
    one.isHeld = false;
    if (decision === "acked") {
      if (!chance.happens(COMES_AGAIN)) {
        this.messages.delete(one.id);
        return;
      }
      one.dueAt = agenda.now + chance.whole(0, 20_000);
      // As if no consumer had had it.
      one.attempts -= 1;
    } else {
      one.dueAt = agenda.now + decision;
      if (one.attempts > this.settings.maxRetries) {
        if (one.attempts > MANY_ATTEMPTS) this.#cloud.accuse(`${summaryOf(one.body)} failed ${one.attempts} times`);
        this.messages.delete(one.id);
        this.deadLetters?.add(one.body);
        return;
      }
    }
    this.#planBatch(one.dueAt - agenda.now);
  }
}

const receipt = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };

/** The platform's limits, in messages, bytes and seconds. */
const MOST_MESSAGES = 100;
const LARGEST_MESSAGE = 128_000;
const LARGEST_BATCH = 256_000;
const LONGEST_DELAY = 86_400;

/** Why the platform refuses these messages; null when it accepts them. */
function refusalOf(
  messages: readonly { readonly body: QueueMessage; readonly delaySeconds: number | undefined }[],
): string | null {
  if (messages.length > MOST_MESSAGES) return "A batch holds 100 messages at most";
  if (messages.some(({ delaySeconds = 0 }) => delaySeconds > LONGEST_DELAY)) return "A delay is a day at most";
  const sizes = messages.map(({ body }) => sizeOf(body));
  if (sizes.some((size) => size > LARGEST_MESSAGE)) return "A message has 128 KB at most";
  return sizes.reduce((sum, size) => sum + size, 0) > LARGEST_BATCH ? "A batch has 256 KB at most" : null;
}

function sizeOf(body: QueueMessage): number {
  if (body.kind !== "events" && body.kind !== "quarantine") return 100;
  return Buffer.byteLength(JSON.stringify(body));
}

function summaryOf(body: QueueMessage): string {
  if (body.kind === "events") {
    return `events ${body.events.map(({ id, inline }) => (inline === null ? `${id} by id` : id)).join(" and ")}`;
  }
  return body.kind === "drain" ? `drain ${body.destination_id.slice(-4)}` : body.kind;
}
