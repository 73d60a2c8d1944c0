import { createHmac } from "node:crypto";
import type { Chance } from "./chance.ts";

/** How a destination behaves while the storm lasts. Afterwards all are well, but for those that always fail. */
const characters = ["well", "well", "flaky", "down", "slow", "hanging", "busy", "gone", "failing"] as const;

export type Character = (typeof characters)[number];

/** What a simulated destination asks for, and how it behaves. */
export interface PlannedDestination {
  readonly url: string;
  readonly character: Character;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly types: readonly string[] | null;
  readonly maxPerSecond: number | null;
}

export function drawDestination(chance: Chance, index: number): PlannedDestination {
  const character = chance.pick(characters);
  const types = chance.pick([null, null, ["v1/transactions"], ["v1/transactions", "v1/cards"], ["v1/c*"]]);
  const maxPerSecond = chance.happens(0.15) ? chance.pick([0.5, 1, 2, 3.5]) : null;
  return {
    url: `https://d${index}.example.com/hook`,
    character,
    types,
    maxPerSecond,
    settings: {
      ...(types === null ? {} : { types }),
      ...(maxPerSecond === null ? {} : { max_per_second: maxPerSecond }),
      ...(chance.happens(0.3) ? { timeout_ms: chance.pick([500, 2_000, 25_000]) } : {}),
      // Long enough for whoever recovers, quickly over for whoever never does; now and then the usual days.
      ...(character === "failing"
        ? { retry_schedule_seconds: [1, 2] }
        : chance.happens(0.9)
          ? { retry_schedule_seconds: [...Array(3).fill(chance.pick([1, 5])), ...Array(47).fill(20)] }
          : {}),
    },
  };
}

export interface ReceivedRequest {
  readonly at: number;
  readonly eventId: string;
  readonly status: number;
}

interface Behaviour {
  readonly status: number;
  /** Infinity: it never answers. */
  readonly afterMs: number;
  readonly headers?: Record<string, string>;
}

/** A destination on the simulated network. */
export class SimulatedDestination {
  readonly planned: PlannedDestination;
  readonly received: ReceivedRequest[] = [];
  /** Starts of the requests that the relay made, whether they came to anything or not. */
  readonly attempts: number[] = [];
  /** What it was told to verify with. */
  readonly secrets: string[] = [];
  id = "";
  /** Whether an operator has paused, filled, rotated or removed it: then what it gets is no longer foreseen. */
  isMeddledWith = false;
  readonly #chance: Chance;
  readonly #calmFrom: number;

  constructor(planned: PlannedDestination, chance: Chance, calmFrom: number) {
    this.planned = planned;
    this.#chance = chance;
    this.#calmFrom = calmFrom;
  }

  wants(type: string): boolean {
    const { types } = this.planned;
    return (
      types === null ||
      types.some((pattern) => (pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : pattern === type))
    );
  }

  /** Takes a request; says what it answers and after how long. */
  take(eventId: string, at: number): Behaviour {
    const behaviour = this.#behave(at);
    this.received.push({ at, eventId, status: behaviour.afterMs === Number.POSITIVE_INFINITY ? 0 : behaviour.status });
    return behaviour;
  }

  hasAccepted(eventId: string): boolean {
    return this.received.some((one) => one.eventId === eventId && one.status >= 200 && one.status < 300);
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
        return chance.happens(0.7)
          ? { status: 200, afterMs: Number.POSITIVE_INFINITY }
          : { status: 200, afterMs: soon };
      case "busy":
        return chance.happens(0.5)
          ? { status: 429, afterMs: soon, headers: { "retry-after": String(chance.whole(1, 60)) } }
          : { status: 200, afterMs: soon };
      case "gone":
        return { status: chance.happens(0.3) ? 410 : 200, afterMs: soon };
    }
  }

  /** Standard Webhooks, as their specification says it. */
  isSigned(headers: Headers, body: Uint8Array): boolean {
    const signed = `${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.`;
    const given = (headers.get("webhook-signature") ?? "").split(" ");
    return this.secrets.some((secret) => {
      const key = Buffer.from(secret.slice("whsec_".length), "base64");
      return given.includes(`v1,${createHmac("sha256", key).update(signed).update(body).digest("base64")}`);
    });
  }
}
