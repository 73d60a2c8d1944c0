import { createHmac } from "node:crypto";
import type { Chance } from "./chance.ts";
import type { PlannedEvent } from "./events.ts";

/** How a destination behaves during the storm. Afterwards all recover, except those that always fail. */
const characters = ["well", "well", "flaky", "down", "slow", "hanging", "busy", "gone", "failing"] as const;

type Character = (typeof characters)[number];

/** The settings of a simulated destination, and how it behaves. */
export interface PlannedDestination {
  readonly url: string;
  readonly character: Character;
  readonly types: readonly string[] | null;
  readonly maxPerSecond: number | null;
  readonly timeoutMs: number;
  /** Null: the default. */
  readonly retryScheduleSeconds: readonly number[] | null;
}

const USUAL_TIMEOUT_MS = 10_000;

export function drawDestination(chance: Chance, index: number): PlannedDestination {
  const character = chance.pick(characters);
  return {
    url: `https://d${index}.example.com/hook`,
    character,
    types: chance.pick([null, null, ["v1/transactions"], ["v1/transactions", "v1/cards"], ["v1/c*"]]),
    maxPerSecond: chance.happens(0.2) ? chance.pick([0.5, 1, 2, 3.5]) : null,
    timeoutMs: chance.happens(0.3) ? chance.pick([500, 2_000, 25_000]) : USUAL_TIMEOUT_MS,
    // Long enough for one that recovers, short for one that always fails, sometimes the default.
    retryScheduleSeconds:
      character === "failing"
        ? [1, 2]
        : chance.happens(0.9)
          ? [...Array(3).fill(chance.pick([1, 5])), ...Array(47).fill(20)]
          : null,
  };
}

/** As the operator's API expects it. */
export function toSettings({ url, types, maxPerSecond, timeoutMs, retryScheduleSeconds }: PlannedDestination): object {
  return {
    url,
    timeout_ms: timeoutMs,
    ...(types === null ? {} : { types }),
    ...(maxPerSecond === null ? {} : { max_per_second: maxPerSecond }),
    ...(retryScheduleSeconds === null ? {} : { retry_schedule_seconds: retryScheduleSeconds }),
  };
}

/** A request that the relay makes. */
export interface Attempt {
  readonly eventId: string;
  readonly at: number;
  /** It is a retry, and no first attempt can be in flight beside it. */
  readonly isIsolatedFromStart: boolean;
  /** Until the relay has an answer, or knows that there will be none. */
  isOpen: boolean;
}

interface Behaviour {
  readonly status: number;
  /** Infinity: it never answers. */
  readonly afterMs: number;
  readonly headers?: Record<string, string>;
}

/** No timeout is shorter. */
const LATE_MS = 250;

/** How long the old secret still signs after a rotation. */
const OVERLAP_MS = 86_400_000;

/** A destination on the simulated network. */
export class SimulatedDestination {
  readonly planned: PlannedDestination;
  /** Requests of the relay, with any outcome. */
  readonly attempts: Attempt[] = [];
  /** Of these, the ones without a 2xx in time, so far. */
  failed = 0;
  late = 0;
  /** When the relay first got a 2xx, by event. */
  readonly accepted = new Map<string, number>();
  /** How often the relay got another 2xx, by event. */
  readonly repeats = new Map<string, number>();
  /** Events that were delivered at some time. */
  readonly delivered = new Set<string>();
  /** Its secrets, oldest first. */
  readonly secrets: string[] = [];
  /** Whether the first of these is its original secret. Otherwise nobody knows that one, and it signs as Qonto does. */
  knowsOldest = false;
  id = "";
  /** Ids of events that an operator has replayed to it, whether it wants them or not. */
  readonly asked = new Set<string>();
  /** Whether an operator has replayed to it whatever it lacks, which includes the past. */
  hasAskedForPast = false;
  /** Whether it was created late, paused or removed: then it may lack some events. */
  mayLackEvents = false;
  /** Whether its circuit breaker was open at some time. */
  circuitHasOpened = false;
  /** It answered 429 or 503 with Retry-After: it is drained exclusively until nothing is due. */
  hasBeenHeld = false;
  /** How often an operator has replayed to it. */
  resends = 0;
  /** When an operator last changed it, Unix milliseconds. */
  operatedAt: number | null = null;
  /** When an operator first rotated its secret, Unix milliseconds. */
  rotatedAt: number | null = null;
  rotations = 0;
  /** Events whose requests it answered with 2xx, whether the answer arrived or not. */
  readonly #answeredWell = new Set<string>();
  readonly #chance: Chance;
  readonly #calmFrom: number;

  constructor(planned: PlannedDestination, chance: Chance, calmFrom: number) {
    this.planned = planned;
    this.#chance = chance;
    this.#calmFrom = calmFrom;
  }

  wants({ id, type }: Pick<PlannedEvent, "id" | "type">): boolean {
    const { types } = this.planned;
    // What the relay tells of the destination itself goes to others.
    if (type.startsWith("relay.") && id.includes(this.id) && !this.asked.has(id)) return false;
    return (
      (types === null && !type.startsWith("relay.")) ||
      this.asked.has(id) ||
      (types ?? []).some((pattern) =>
        pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : pattern === type,
      )
    );
  }

  /** The relay begins a request. */
  begin(eventId: string, at: number, isIsolatedFromStart: boolean): Attempt {
    const attempt = { eventId, at, isIsolatedFromStart, isOpen: true };
    this.attempts.push(attempt);
    this.failed += 1;
    this.late += 1;
    return attempt;
  }

  /** The relay repeats an attempt's request as soon as the one before has failed. */
  goOn(attempt: Attempt, at: number): void {
    attempt.isOpen = true;
    if (at - attempt.at <= LATE_MS) this.late += 1;
  }

  /** The relay has an answer to a request; null: its timeout has passed. */
  end(attempt: Attempt, status: number | null, at: number): void {
    attempt.isOpen = false;
    if (at - attempt.at <= LATE_MS) this.late -= 1;
    if (status === null || status < 200 || status >= 300) return;
    this.failed -= 1;
    if (this.accepted.has(attempt.eventId)) {
      this.repeats.set(attempt.eventId, (this.repeats.get(attempt.eventId) ?? 0) + 1);
    } else {
      this.accepted.set(attempt.eventId, at);
    }
  }

  /** Returns the answer to a request, and after how long it is given. */
  take(eventId: string, at: number): Behaviour {
    const behaviour = this.#behave(at);
    if (behaviour.status >= 200 && behaviour.status < 300) this.#answeredWell.add(eventId);
    return behaviour;
  }

  hasAnsweredWell(eventId: string): boolean {
    return this.#answeredWell.has(eventId);
  }

  #behave(at: number): Behaviour {
    const chance = this.#chance;
    const soon = chance.whole(1, 30);
    const { character } = this.planned;
    if (character === "failing") return { status: 500, afterMs: soon };
    if (at >= this.#calmFrom) return { status: 200, afterMs: soon };
    switch (character) {
      case "well":
        return { status: chance.pick([200, 200, 201, 204]), afterMs: soon };
      case "flaky":
        return { status: chance.pick([200, 200, 500, 503, 302, 404]), afterMs: soon };
      case "down":
        return { status: 503, afterMs: soon };
      case "slow":
        return { status: 200, afterMs: chance.whole(800, 12_000) };
      case "hanging":
        return chance.happens(0.7) ? { status: 0, afterMs: Number.POSITIVE_INFINITY } : { status: 200, afterMs: soon };
      case "busy":
        return chance.happens(0.5)
          ? { status: 429, afterMs: soon, headers: { "retry-after": String(chance.whole(1, 60)) } }
          : { status: 200, afterMs: soon };
      case "gone":
        return { status: chance.happens(0.3) ? 410 : 200, afterMs: soon };
    }
  }

  /**
   * Whether a request is signed as the contract says: by Standard Webhooks, with the oldest secret that still signs; and as
   * Qonto signs, with the same secret unless an older one is unknown here.
   */
  isSigned(headers: Headers, body: Uint8Array, at: number): boolean {
    const [secret] = this.secrets;
    // The answer to its creation was lost: nobody knows its secret.
    if (secret === undefined) return true;
    if (this.rotatedAt !== null && at - this.rotatedAt > OVERLAP_MS) return true;
    const timestamp = headers.get("webhook-timestamp") ?? "";
    const key = Buffer.from(secret.slice("whsec_".length), "base64");
    const digest = createHmac("sha256", key)
      .update(`${headers.get("webhook-id")}.${timestamp}.`)
      .update(body)
      .digest("base64");
    const isStandard = (headers.get("webhook-signature") ?? "").split(" ").includes(`v1,${digest}`);
    if (!isStandard || !this.knowsOldest) return isStandard;
    const asQonto = createHmac("sha256", secret).update(`${timestamp}.`).update(body).digest("hex");
    return headers.get("x-qonto-signature") === `t=${timestamp},v1=${asQonto}`;
  }
}
