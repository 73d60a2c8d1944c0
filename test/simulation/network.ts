import type { Cloud } from "./cloud.ts";
import type { Attempt, SimulatedDestination } from "./destination.ts";
import type { PlannedEvent } from "./events.ts";
import type { Row, SqliteDatabase } from "./sqlite-database.ts";
import { everyDeliverySql } from "../support/deliveries.ts";

/** A consumer attempts a claimed delivery by then, or not at all. */
const CLAIM_ENDS_MS = 60_000;

/** From a circuit's opening to its first probe; all others take longer. */
const SHORTEST_REST_MS = 5_000;

/** Deliveries that were claimed before a circuit opened are attempted by then. */
const VISIT_BEGINS_MS = 20_000;

/** What is left of a lease when an attempt begins under it: a first one, and a retry. */
const FIRST_LEASE_MS = 4_000;
const LATER_LEASE_MS = 40_000;

export interface NetworkEnds {
  readonly cloud: Cloud;
  readonly db: SqliteDatabase;
  readonly destinations: readonly SimulatedDestination[];
  /** By id. */
  readonly events: ReadonlyMap<string, PlannedEvent>;
  /** Ids of events that two consumers may handle at once. */
  readonly heldTwice: ReadonlySet<string>;
}

/** The network between the relay and its destinations. It checks whether each request may be made. */
export class SimulatedNetwork {
  readonly #ends: NetworkEnds;
  /** By their timeouts: requests with the same one belong to the same attempt. */
  readonly #begun = new WeakMap<AbortSignal, { readonly attempt: Attempt; mayBeRepeated: boolean }>();

  constructor(ends: NetworkEnds) {
    this.#ends = ends;
  }

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const { cloud, destinations } = this.#ends;
    const destination = destinations.find(({ planned }) => planned.url === url);
    if (destination === undefined) throw new TypeError(`Nobody is at ${url}`);
    const headers = new Headers(init.headers as HeadersInit);
    const body = init.body as Uint8Array;
    const eventId = headers.get("webhook-id") ?? "";
    const { now } = cloud.agenda;
    const attempt = this.#repeat(destination, init.signal) ?? this.#begin(destination, eventId, init.signal);
    const isOutdated = cloud.caller?.isolate.isOutdated === true;
    const take = () => {
      const event = this.#ends.events.get(eventId);
      if (event?.body !== Buffer.from(body).toString()) cloud.accuse(`${url} got another body than that of ${eventId}`);
      if (!destination.isSigned(headers, body, now)) {
        // The next version may have encrypted the secret with a key that this one does not know.
        if (isOutdated) return { value: { status: 401, answered: {} }, afterMs: 0 };
        cloud.accuse(`${eventId} came to ${url} without its signature`);
      }
      if (event !== undefined && !destination.wants(event)) cloud.accuse(`${url} got ${eventId}, a ${event.type}`);
      if (event?.isHistory === true && !destination.hasAskedForPast)
        cloud.accuse(`${url} got ${eventId}, which is history`);
      const { status, afterMs, headers: answered = {} } = destination.take(eventId, cloud.agenda.now);
      return { value: { status, answered }, afterMs };
    };
    try {
      const { status, answered } = await cloud.call("network", () => `${eventId} to ${url}`, take, init.signal);
      destination.end(attempt, status, cloud.agenda.now);
      return new Response(status === 204 ? null : "thanks", { status, headers: answered });
    } catch (error) {
      destination.end(attempt, null, cloud.agenda.now);
      const begun = init.signal && this.#begun.get(init.signal);
      if (begun && !isConnectionLost(error)) begun.mayBeRepeated = false;
      throw error;
    }
  };

  #begin(destination: SimulatedDestination, eventId: string, signal: RequestInit["signal"]): Attempt {
    this.#judge(destination, eventId);
    const { now } = this.#ends.cloud.agenda;
    const attempt = destination.begin(eventId, now, this.#isIsolatedFromStart(eventId, destination));
    if (signal) this.#begun.set(signal, { attempt, mayBeRepeated: true });
    this.#expectEnd(destination, attempt);
    return attempt;
  }

  /** An attempt repeats its request after a lost connection; null: this is the first request of its attempt. */
  #repeat(destination: SimulatedDestination, signal: RequestInit["signal"]): Attempt | null {
    const { cloud } = this.#ends;
    const begun = signal && this.#begun.get(signal);
    if (!begun) return null;
    if (!begun.mayBeRepeated) cloud.accuse(`An attempt at ${destination.planned.url} makes its request again`);
    begun.mayBeRepeated = false;
    destination.goOn(begun.attempt, cloud.agenda.now);
    return begun.attempt;
  }

  /** An attempt ends at its timeout, or earlier with its consumer. */
  #expectEnd(destination: SimulatedDestination, attempt: Attempt): void {
    const { cloud } = this.#ends;
    const { url, timeoutMs } = destination.planned;
    const invocation = cloud.caller;
    cloud.agenda.add(timeoutMs + 1, () => {
      if (!attempt.isOpen) return;
      if (invocation?.isOver === true) attempt.isOpen = false;
      else cloud.accuse(`An attempt at ${url} takes longer than its timeout`);
    });
  }

  /**
   * Whether no first attempt can be in flight beside this one. A first attempt under a claim, or to a new destination, can be,
   * and a replay does not see it.
   */
  #isIsolatedFromStart(eventId: string, { mayLackEvents }: SimulatedDestination): boolean {
    const { cloud, db } = this.#ends;
    if (cloud.caller?.kind !== "retry" || mayLackEvents) return false;
    const finished = db.query(
      `SELECT 1 FROM events WHERE id = ?1 AND claims = 0 AND recipients IS NOT NULL AND NOT EXISTS (
         SELECT 1 FROM json_each(events.recipients) AS recipient WHERE recipient.value IS NULL AND NOT EXISTS (
           SELECT 1 FROM deliveries WHERE destination_id = recipient.key AND event_id = events.id))`,
      eventId,
    );
    return finished.length > 0;
  }

  /** What D1 says at this moment must allow the attempt. */
  #judge(destination: SimulatedDestination, eventId: string): void {
    const { cloud, db, heldTwice } = this.#ends;
    const { url } = destination.planned;
    const { now } = cloud.agenda;
    const tooMany = tooManyWith(destination, now);
    if (tooMany !== null)
      cloud.accuse(`${url} was sent more than ${destination.planned.maxPerSecond} a second: ${tooMany}`);

    const [row] = db.query("SELECT enabled, updated_at, circuit_opened_at FROM destinations WHERE url = ?1", url);
    if (row !== undefined) {
      if (row["enabled"] === 0 && now - Number(row["updated_at"]) > CLAIM_ENDS_MS) {
        cloud.accuse(`${url} is paused, and got ${eventId}`);
      }
      if (isTooSoonForProbe(destination, row, now)) cloud.accuse(`${url} rests, and got two probes within moments`);
    }
    const [delivery] = db.query(
      `SELECT status, coalesce(step, 0) AS step, next_attempt_at, attempts ->> '$[#-1].at' + (attempts ->> '$[#-1].duration_ms') AS ended_at,
         attempts ->> '$[#-1].retry_after_seconds' AS retry_after_seconds
       FROM ${everyDeliverySql} WHERE destination_id = ?1 AND event_id = ?2`,
      destination.id,
      eventId,
    );
    const isUnderWay = destination.attempts.some(
      (one) => one.isOpen && one.isIsolatedFromStart && one.eventId === eventId,
    );
    if (destination.resends > 0) return;
    if (cloud.caller?.kind === "retry" && isUnderWay && cloud.reasonsToRepeat === 0) {
      cloud.accuse(`${url} gets ${eventId} by two drains`);
    }
    if (heldTwice.has(eventId)) return;
    if (delivery === undefined) {
      const [event] = db.query("SELECT lease_until FROM events WHERE id = ?1", eventId);
      if (event !== undefined && Number(event["lease_until"]) < now + FIRST_LEASE_MS) {
        cloud.accuse(`${url} got ${eventId}, which nobody had claimed`);
      }
      return;
    }
    const dueAt = earliestAttempt(destination, delivery);
    if (now < dueAt) cloud.accuse(`${url} got ${eventId} ${dueAt - now} ms too early`);
    // A late write may overwrite a newer claim: the end counts the repetition.
    if (cloud.reasonsToRepeat > 0) return;
    if (delivery["status"] === "delivered") cloud.accuse(`${url} has ${eventId}, and got it again`);
    const { next_attempt_at: leaseUntil, step } = delivery;
    if (leaseUntil !== null && Number(leaseUntil) < now + LATER_LEASE_MS && Number(step) > 0) {
      cloud.accuse(`${url} got ${eventId} again, which nobody had claimed`);
    }
  }
}

function isConnectionLost(error: unknown): boolean {
  return error instanceof Error && error.message.includes("Network connection lost");
}

/** The starts of attempts that fill a second; null when there is room for another. */
function tooManyWith({ planned: { maxPerSecond }, attempts }: SimulatedDestination, now: number): string | null {
  if (maxPerSecond === null) return null;
  const whole = Math.max(1, Math.floor(maxPerSecond));
  const windowMs = maxPerSecond < 1 ? 1000 / maxPerSecond : 1000;
  const first = attempts[attempts.length - whole];
  if (first === undefined || now - first.at >= windowMs) return null;
  return [...attempts.slice(-whole).map(({ at }) => at), now].join();
}

/** Consumers that ran when the circuit opened end within a lease. A change by an operator allows a probe at once. */
function isTooSoonForProbe({ planned, attempts, operatedAt }: SimulatedDestination, row: Row, now: number): boolean {
  const circuitOpenedAt = row["circuit_opened_at"];
  const last = attempts.at(-1);
  if (typeof circuitOpenedAt !== "number" || last === undefined) return false;
  // With max_per_second one drain follows another.
  const othersBeginMs = planned.maxPerSecond === null ? VISIT_BEGINS_MS : 0;
  if (now - circuitOpenedAt < othersBeginMs || (operatedAt !== null && now - operatedAt < CLAIM_ENDS_MS)) return false;
  return now - last.at < SHORTEST_REST_MS;
}

/**
 * The earliest retry of a failed delivery, by Retry-After and by the schedule. The schedule does not count after the circuit
 * has opened, or an operator has changed the destination.
 */
function earliestAttempt({ planned, circuitHasOpened, operatedAt }: SimulatedDestination, delivery: Row): number {
  const endedAt = delivery["ended_at"];
  if (typeof endedAt !== "number") return 0;
  const askedMs = Number(delivery["retry_after_seconds"] ?? 0) * 1000;
  const scheduled = planned.retryScheduleSeconds?.[Number(delivery["step"]) - 1] ?? 0;
  return endedAt + Math.max(askedMs, circuitHasOpened || operatedAt !== null ? 0 : scheduled * 1000);
}
