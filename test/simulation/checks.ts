import type { QueueMessage } from "../../src/messages.ts";
import type { SimulatedDestination } from "./destination.ts";
import type { PlannedEvent } from "./events.ts";
import type { SimulatedQueue } from "./queue.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

/** What must be true at every moment. Looks from outside: at D1, at the queues, at what destinations answered. */
export interface Watched {
  readonly db: SqliteDatabase;
  readonly queues: Readonly<Record<"events" | "retries" | "dead_letters", SimulatedQueue>>;
  readonly destinations: readonly SimulatedDestination[];
  readonly events: readonly PlannedEvent[];
  /** How many calls have gone wrong so far. */
  readonly faultsMet: () => number;
  /** Ids of the events that Qonto was told are accepted. */
  readonly acknowledged: ReadonlySet<string>;
  /** Bodies that Qonto was told are in quarantine. */
  readonly quarantined: ReadonlySet<string>;
  readonly now: () => number;
}

/** Nothing is claimed for longer: a lease of first attempts, of an attempt, of a destination's turn. */
const LONGEST_LEASE_MS = 60_000;

/** Checks what must be true after every step. Throws an error that says what is not. */
export class Checks {
  readonly #watched: Watched;
  #seenChanges = -1;
  #seenAcknowledged = -1;
  #seenMessages = -1;
  readonly #versions = new Map<string, string>();

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  /** Cheap where nothing has changed since the last time. */
  afterStep(): void {
    const { db, acknowledged, quarantined, queues } = this.#watched;
    const changes = db.totalChanges;
    const told = acknowledged.size + quarantined.size;
    const messages = queues.events.messages.size + queues.dead_letters.messages.size;
    const isSame = changes === this.#seenChanges;
    if (!isSame || told !== this.#seenAcknowledged || messages < this.#seenMessages) this.#nothingIsLost();
    this.#seenAcknowledged = told;
    this.#seenMessages = messages;
    this.#oneMessageForEachFailedDelivery();
    if (isSame) return;
    this.#seenChanges = changes;
    this.#deliveredWasAccepted();
    this.#versionsGrow();
    this.#leasesEnd();
  }

  /** An acknowledged event is in D1 or in a queue message. */
  #nothingIsLost(): void {
    const { db, acknowledged, quarantined } = this.#watched;
    const recorded = new Set(db.query("SELECT id FROM events").map(({ id }) => id));
    for (const id of acknowledged) {
      if (!recorded.has(id) && !this.#isQueued((body) => body.kind === "event" && body.id === id)) {
        throw new Error(`${id} was acknowledged and is neither in D1 nor in a queue`);
      }
    }
    for (const body of quarantined) {
      const isKept =
        db.query("SELECT 1 FROM quarantine WHERE body = ?1", Buffer.from(body)).length > 0 ||
        this.#isQueued(
          (message) => message.kind === "quarantine" && Buffer.from(message.body_base64, "base64").toString() === body,
        );
      if (!isKept) throw new Error(`The quarantined body ${body} is neither in D1 nor in a queue`);
    }
  }

  #isQueued(test: (body: QueueMessage) => boolean): boolean {
    const { events, dead_letters } = this.#watched.queues;
    return events.has(test) || dead_letters.has(test);
  }

  /** Who is said to have an event has said so itself. */
  #deliveredWasAccepted(): void {
    const { db, destinations } = this.#watched;
    for (const row of db.query("SELECT destination_id, event_id FROM deliveries WHERE status = 'delivered'")) {
      const destination = destinations.find(({ id }) => id === row["destination_id"]);
      if (destination !== undefined && !destination.hasAccepted(String(row["event_id"]))) {
        throw new Error(
          `${String(row["event_id"])} counts as delivered to ${destination.planned.url}, which did not accept it`,
        );
      }
    }
  }

  #versionsGrow(): void {
    const rows = this.#watched.db.query(
      "SELECT organization_id || ' ' || type || ' ' || resource_id AS resource, version FROM resources",
    );
    for (const { resource, version } of rows) {
      const before = this.#versions.get(String(resource));
      if (before !== undefined && before > String(version)) {
        throw new Error(`${String(resource)} went back from ${before} to ${String(version)}`);
      }
      this.#versions.set(String(resource), String(version));
    }
  }

  #leasesEnd(): void {
    const { db, now } = this.#watched;
    const latest = now() + LONGEST_LEASE_MS;
    const [claim] = db.query("SELECT id FROM events WHERE claimed_until > ?1 LIMIT 1", latest);
    if (claim !== undefined) throw new Error(`${String(claim["id"])} is claimed for longer than a lease`);
  }

  /**
   * A failed delivery calls for one message, and so does the end of a turn that made attempts. Whatever sends more would go
   * on sending: messages would multiply.
   */
  #oneMessageForEachFailedDelivery(): void {
    const { queues, destinations, events, faultsMet } = this.#watched;
    for (const { id, planned, attempts } of destinations) {
      const sent = queues.retries.sentByBatches.get(id) ?? 0;
      const called = 2 * attempts.length + 2 * events.length + faultsMet() + MESSAGES_TO_SPARE;
      if (sent > called) throw new Error(`${sent} messages for ${attempts.length} attempts at ${planned.url}`);
    }
  }
}

/** A breaker that has turned. */
const MESSAGES_TO_SPARE = 3;

/** No second of a destination's time holds more attempts than its `max_per_second` allows. */
export function checkPace({ planned, attempts }: SimulatedDestination): void {
  const { maxPerSecond } = planned;
  if (maxPerSecond === null) return;
  const whole = Math.max(1, Math.floor(maxPerSecond));
  const windowMs = maxPerSecond < 1 ? 1000 / maxPerSecond : 1000;
  for (const [index, at] of attempts.entries()) {
    const later = attempts[index + whole];
    if (later !== undefined && later - at < windowMs) {
      throw new Error(
        `${planned.url} was sent more than ${maxPerSecond} a second: ${attempts.slice(index, index + whole + 1).join()}`,
      );
    }
  }
}
