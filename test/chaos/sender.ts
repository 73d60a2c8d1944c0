import { setTimeout as wait } from "node:timers/promises";
import { sourceOfType } from "../../src/qonto/sample-event.ts";
import { type SignedRequest, businessRequest, onboardingRequest } from "../support/qonto.ts";
import type { Chance } from "./chance.ts";
import type { PlannedEvent } from "./load.ts";

/** Qonto hangs up after a second. */
const ANSWER_WITHIN_MS = 1_000;

/** Waits after the first, second, … request that was not acknowledged; the last one goes on. Qonto's own are far longer. */
const backOffMs = [500, 1_000, 2_000, 4_000];

/** Part of the acknowledged events that Qonto sends again, and how much later. */
const DUPLICATES = 0.05;
const DUPLICATE_WITHIN_MS = 5_000;

/** An event that was sent. */
export interface SentWebhook {
  readonly event: PlannedEvent;
  readonly body: Uint8Array;
  /** Unix milliseconds of the first 200; null before. */
  readonly acknowledgedAt: number | null;
}

/** One request, and how it ended. */
export interface SentRequest {
  /** Start, Unix milliseconds. */
  readonly at: number;
  readonly durationMs: number;
  readonly answer: string;
  readonly isAcknowledged: boolean;
}

export interface Secrets {
  readonly business: string;
  readonly onboarding: string;
}

/** Qonto: signs, sends at a steady rate, waits a second for the 200, and sends again until it gets one. */
export class Sender {
  readonly webhooks = new Map<string, SentWebhook>();
  readonly requests: SentRequest[] = [];
  readonly #url: string;
  readonly #secrets: Secrets;
  readonly #chance: Chance;

  constructor(relayUrl: string, secrets: Secrets, chance: Chance) {
    this.#url = `${relayUrl}/webhooks/qonto`;
    this.#secrets = secrets;
    this.#chance = chance;
  }

  /** Sends events one by one; then waits up to `graceMs` for those that are not acknowledged yet. */
  async send(events: readonly PlannedEvent[], perSecond: number, graceMs: number): Promise<void> {
    const startedAt = Date.now();
    const endAt = startedAt + (events.length / perSecond) * 1000 + graceMs;
    const sending: Promise<void>[] = [];
    for (const [index, event] of events.entries()) {
      await wait(Math.max(0, startedAt + (index / perSecond) * 1000 - Date.now()));
      sending.push(this.#sendUntilAcknowledged(event, endAt));
    }
    await Promise.all(sending);
  }

  async #sendUntilAcknowledged(event: PlannedEvent, endAt: number): Promise<void> {
    for (let failures = 0; Date.now() < endAt; failures += 1) {
      if (await this.#request(event)) return this.#sometimesRepeat(event);
      const backOff = backOffMs[Math.min(failures, backOffMs.length - 1)] ?? 0;
      await wait(backOff * (0.8 + 0.4 * this.#chance()));
    }
  }

  async #sometimesRepeat(event: PlannedEvent): Promise<void> {
    if (this.#chance() >= DUPLICATES) return;
    await wait(this.#chance() * DUPLICATE_WITHIN_MS);
    await this.#request(event);
  }

  /** One request, signed now; whether it was acknowledged. */
  async #request(event: PlannedEvent): Promise<boolean> {
    const signed =
      sourceOfType(event.type) === "business"
        ? await businessRequest(event.payload, {
            secret: this.#secrets.business,
            timestamp: Math.floor(Date.now() / 1000),
          })
        : await onboardingRequest(event.payload, { secret: this.#secrets.onboarding });
    const webhook = this.webhooks.get(event.id) ?? { event, body: signed.body, acknowledgedAt: null };
    this.webhooks.set(event.id, webhook);
    const at = Date.now();
    const { answer, isAcknowledged } = await this.#exchange(signed);
    const now = Date.now();
    this.requests.push({ at, durationMs: now - at, answer, isAcknowledged });
    const acknowledgedAt = this.webhooks.get(event.id)?.acknowledgedAt ?? now;
    if (isAcknowledged) this.webhooks.set(event.id, { ...webhook, acknowledgedAt });
    return isAcknowledged;
  }

  async #exchange(signed: SignedRequest): Promise<Pick<SentRequest, "answer" | "isAcknowledged">> {
    try {
      const response = await fetch(this.#url, { ...signed, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
      const { status } = (await response.json()) as { status: unknown };
      return { answer: String(status), isAcknowledged: response.status === 200 };
    } catch (error) {
      const isLate = error instanceof Error && error.name === "TimeoutError";
      return { answer: isLate ? "no answer in time" : "no connection", isAcknowledged: false };
    }
  }
}
