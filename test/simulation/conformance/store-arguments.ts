import type { Database } from "../../../src/store/database.ts";
import type { Attempt, Delivery, DeliveryKey } from "../../../src/domain/delivery.ts";
import { readFilter } from "../../../src/domain/read-filter.ts";
import type { Destination } from "../../../src/domain/destination.ts";
import type { RelayEvent } from "../../../src/domain/event.ts";
import type { Alert } from "../../../src/domain/alert.ts";
import { type OperationalEvent, operationalEvent, operationalSamples } from "../../../src/domain/operational-event.ts";
import type { Replay } from "../../../src/domain/replay.ts";
import { type Quarantined, quarantineId } from "../../../src/store/quarantine.ts";
import type { CutOff } from "../../../src/store/retention.ts";
import type { Chance } from "../../chaos/chance.ts";

/**
 * Arguments for the store by chance. There are few of each thing and few instants, so that the same rows are met again and
 * again.
 */

/** A call of one of the store's functions, or several that belong together. */
export type StoreMove = (db: Database, chance: Chance) => Promise<unknown>;

export const START = Date.parse("2026-03-01T12:00:00Z");
const HOUR_MS = 3_600_000;

export const eventIds = ["e1", "e2", "e3", "e4", "e5", "reconciled_é𝄞", "relay_connection_lost_1"];
export const destinationIds = ["d1", "d2", "d3"];
export const organizationIds = ["o1", "o2"];
export const types = ["v1/transactions", "v1/organizations", "relay.connection.lost"];
export const instants = [0, 1000, 2000, 3000, 60_000, 61_000, HOUR_MS, 2 * HOUR_MS].map((ms) => START + ms);

export function pick<Item>(chance: Chance, items: readonly Item[]): Item {
  return items[Math.floor(chance() * items.length)] as Item;
}

export function some<Item>(chance: Chance, items: readonly Item[]): Item[] {
  return items.filter(() => chance() < 0.5);
}

export const isSo = (chance: Chance) => chance() < 0.5;
export const at = (chance: Chance) => pick(chance, instants);
/** A duplicate mostly has the receipt of the first. */
const receiptOf = (id: string, chance: Chance) => (chance() < 0.8 ? START + 1000 * eventIds.indexOf(id) : at(chance));
/** Of the consumer that an event's message goes to. */
export const leaseBy = (chance: Chance) => (chance() < 0.7 ? START + 60_000 : perhapsAt(chance));
export const perhapsAt = (chance: Chance) => pick(chance, [null, ...instants]);

export function eventBy(chance: Chance, id = pick(chance, eventIds)): RelayEvent {
  const isUnreadable = chance() < 0.1;
  return {
    id,
    source: pick(chance, ["business", "onboarding"] as const),
    type: pick(chance, types),
    event: pick(chance, [null, "created"]),
    organizationId: pick(chance, [null, ...organizationIds]),
    resourceId: pick(chance, [null, "r1"]),
    createdAt: pick(chance, [null, "2026-03-01T12:00:00Z"]),
    receivedAt: receiptOf(id, chance),
    contentType: pick(chance, [null, "application/json"]),
    contentEncoding: pick(chance, [null, "gzip"]),
    isUnreadable,
    body: isUnreadable ? "AP8=" : pick(chance, ["{}", '{"a":"é\\u0000𝄞"}', "\u0000"]),
  };
}

export function operationalEventBy(chance: Chance): OperationalEvent {
  const type = "relay.connection.lost";
  const organizationId = pick(chance, [null, ...organizationIds]);
  return operationalEvent(type, { transition: "1", organizationId, at: at(chance), data: operationalSamples[type] });
}

export function alertBy(chance: Chance): Alert {
  return { told: pick(chance, ["", "1"]), seen: "", pacedUntil: pick(chance, [0, START]) };
}

export function destinationBy(chance: Chance): Destination {
  return {
    id: pick(chance, destinationIds),
    url: "https://destination.example.com/hook",
    description: pick(chance, [null, "The destination's"]),
    types: pick(chance, [[], ["v1/*"], ["v1/transactions"], ["relay.*"]]),
    organizations: pick(chance, [null, ["o1"]]),
    enabled: chance() < 0.9,
    retryScheduleSeconds: pick(chance, [null, [1, 5]]),
    timeoutMs: 10_000,
    maxPerSecond: pick(chance, [null, 2, 0.5]),
    format: "qonto",
    filter: pick(chance, [null, readFilter({ "data.side": "credit" }).filter]),
    template: null,
    relayUrl: null,
    headerNames: [],
    encryptedHeaders: null,
    encryptedSecret: pick(chance, ["s1", "s2"]),
    previousSecrets: [],
    isIsolated: isSo(chance),
    isFailing: false,
    hasSucceeded: true,
    circuitOpenedAt: null,
    nextDrainAt: null,
    heldUntil: null,
    createdAt: at(chance),
    updatedAt: at(chance),
  };
}

export function attemptBy(chance: Chance): Attempt {
  return {
    attempt: pick(chance, [1, 2]),
    at: at(chance),
    outcome: pick(chance, ["delivered", "rejected", "timed_out"] as const),
    status: pick(chance, [null, 200, 503]),
    durationMs: pick(chance, [5, 2_500, 10_000]),
    responseExcerpt: pick(chance, [null, "no\u0001"]),
    retryAfterSeconds: pick(chance, [null, 30]),
  };
}

export function keyBy(chance: Chance): DeliveryKey {
  const eventId = pick(chance, eventIds);
  return { destinationId: pick(chance, destinationIds), eventId, receivedAt: receiptOf(eventId, chance) };
}

export function deliveryBy(chance: Chance): Delivery {
  const status = pick(chance, ["pending", "delivered", "dead"] as const);
  return {
    ...keyBy(chance),
    status,
    attempts: some(chance, [1, 2, 3]).map(() => attemptBy(chance)),
    step: pick(chance, [0, 1, 2]),
    nextAttemptAt: status === "pending" ? at(chance) : null,
  };
}

export async function quarantinedBy(chance: Chance): Promise<Quarantined> {
  const eventId = pick(chance, [null, ...eventIds]);
  const body = pick(chance, [new Uint8Array([0, 255, 65]), Uint8Array.from(Buffer.from("{}")), new Uint8Array()]);
  return {
    id: await quarantineId(eventId, body),
    eventId,
    reason: pick(chance, ["timestamp_too_old", "unreadable"] as const),
    source: "business",
    receivedAt: at(chance),
    contentType: null,
    contentEncoding: pick(chance, [null, "gzip"]),
    body,
  };
}

export function replayBy(chance: Chance): Replay {
  return {
    id: pick(chance, ["p1", "p2"]),
    destinationId: pick(chance, destinationIds),
    which: pick(chance, ["failed", "missing", "all"] as const),
    since: START,
    until: at(chance),
    reached: { receivedAt: pick(chance, [0, START, START + 1000]), id: pick(chance, ["", ...eventIds]) },
    createdAt: at(chance),
    finishedAt: null,
  };
}

export function cutOffBy(chance: Chance): CutOff {
  return {
    settledBefore: at(chance),
    deadBefore: at(chance),
    keysBefore: at(chance),
    firstAuditId: pick(chance, ["aud1", "aud3"]),
  };
}
