import { everyDeliverySql } from "../support/deliveries.ts";
import type { QueueMessage } from "../../src/messages.ts";
import type { SimulatedDestination } from "./destination.ts";
import type { PlannedEvent } from "./events.ts";
import type { SimulatedQueue } from "./queue.ts";
import type { SqlStatement } from "./d1-binding.ts";
import type { Row, SqliteDatabase } from "./sqlite-database.ts";

/** What must be true at every moment, seen from outside: in D1, in the queues, in the answers of destinations. */
export interface Watched {
  readonly db: SqliteDatabase;
  readonly queues: Readonly<Record<"events" | "retries" | "dead_letters", SimulatedQueue>>;
  readonly destinations: readonly SimulatedDestination[];
  /** By id. */
  readonly events: ReadonlyMap<string, PlannedEvent>;
  /** Whether the relay itself has made an event. Then it is among the known ones. */
  readonly adopt: (id: string) => boolean;
  /** What has gone wrong so far. */
  readonly disturbances: () => number;
  /** How often an operator has replayed something. */
  readonly replays: () => number;
  /** Ids of the acknowledged events. */
  readonly acknowledged: { has(id: string): boolean; keys(): Iterable<string>; readonly size: number };
  /** Requests with each event, by id. */
  readonly sendings: ReadonlyMap<string, number>;
  readonly now: () => number;
}

/** No claim is longer: of first attempts, an attempt, an exclusive drain. */
const LONGEST_LEASE_MS = 60_000;

/** Retries have a tenth of jitter. */
const JITTER = 1.1;

/** Simulated destinations ask for no longer wait, and no circuit stays open longer before a probe. */
const LONGEST_REST_MS = 60_000 * JITTER;

const LONGEST_USUAL_WAIT_MS = 86_400_000;

const tables = ["events", "deliveries", "destinations", "resources", "quarantine"] as const;

type Table = (typeof tables)[number];

/** Checks what must be true after every step. Throws an error that names what is not. */
export class Checks {
  readonly #watched: Watched;
  #seenChanges = -1;
  #seenAcknowledged = 0;
  #seenMessages = 0;
  readonly #written = new Set<Table>(tables);
  #events = new Map<string, Row>();
  #newest = { seq: 0, receivedAt: 0 };
  /** The earlier status of each delivery, by destination and event. */
  #statuses = new Map<string, string>();
  readonly #versions = new Map<string, string>();

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  /** Notes the tables that a statement may have changed. */
  afterCall(statements: readonly SqlStatement[]): void {
    for (const { sql } of statements) for (const table of writtenBy(sql)) this.#written.add(table);
  }

  /** Checks only the tables that have changed. */
  afterStep(): void {
    const { db, acknowledged, queues, destinations } = this.#watched;
    if (db.totalChanges === this.#seenChanges) this.#written.clear();
    this.#seenChanges = db.totalChanges;
    const written = new Set(this.#written);
    this.#written.clear();
    const messages = queues.events.messages.size + queues.dead_letters.messages.size;
    if (written.has("events")) this.#readEvents();
    if (
      written.has("events") ||
      written.has("quarantine") ||
      acknowledged.size !== this.#seenAcknowledged ||
      messages < this.#seenMessages
    ) {
      this.#nothingIsLost();
    }
    this.#seenAcknowledged = acknowledged.size;
    this.#seenMessages = messages;
    if (written.has("events") || written.has("deliveries")) this.#deliveriesAreRight();
    if (written.has("resources")) this.#versionsGrow();
    if (written.has("destinations")) this.#drainsEnd();
    for (const destination of destinations) this.#oneMessageForEachFailedDelivery(destination);
  }

  #readEvents(): void {
    const { db, events, adopt, sendings, now, disturbances } = this.#watched;
    const before = this.#events;
    this.#events = new Map();
    const newest = { seq: 0, receivedAt: 0 };
    const eventsSql =
      "SELECT seq, id, received_at, recipients, lease_until, claims, duplicates FROM events ORDER BY seq";
    for (const row of db.query(eventsSql)) {
      const id = String(row["id"]);
      if (!events.has(id) && !adopt(id)) throw new Error(`${id} is recorded, which Qonto has not sent`);
      if (Number(row["lease_until"] ?? 0) > now() + LONGEST_LEASE_MS) throw new Error(`${id} is claimed for too long`);
      // The request that D1 was late for may record the event before the consumer does.
      const sent = (sendings.get(id) ?? 1) + (Number(row["claims"]) > 0 ? 1 : 0);
      if (Number(row["duplicates"]) >= sent + disturbances()) {
        throw new Error(`${id} was sent ${sendings.get(id)} times, and counted ${Number(row["duplicates"]) + 1} times`);
      }
      const [seq, receivedAt] = [Number(row["seq"]), Number(row["received_at"])];
      if (receivedAt < newest.receivedAt) throw new Error(`${id} is recorded behind a younger event`);
      if (!before.has(id) && (seq <= this.#newest.seq || receivedAt < this.#newest.receivedAt)) {
        throw new Error(`${id} is recorded behind what a reader has seen already`);
      }
      Object.assign(newest, { seq, receivedAt });
      this.#events.set(id, row);
    }
    this.#newest = newest;
  }

  /** An acknowledged event is in D1 or in a queue message. */
  #nothingIsLost(): void {
    for (const id of this.#watched.acknowledged.keys()) {
      if (!this.#events.has(id) && !this.#isElsewhere(id)) {
        throw new Error(`${id} was acknowledged and is neither in D1 nor in a queue`);
      }
    }
  }

  #isElsewhere(id: string): boolean {
    const { db, queues, events } = this.#watched;
    const body = events.get(id)?.body ?? "";
    const isIt = (message: QueueMessage) =>
      (message.kind === "events" && message.events.some((one) => one.id === id && one.inline !== null)) ||
      (message.kind === "quarantine" && Buffer.from(message.body_base64, "base64").toString() === body);
    return (
      queues.events.has(isIt) ||
      queues.dead_letters.has(isIt) ||
      db.query("SELECT 1 FROM quarantine WHERE body = ?1", Buffer.from(body)).length > 0
    );
  }

  /** Only an event's recipients have a delivery of it, and each status follows from the one before. */
  #deliveriesAreRight(): void {
    const { db, destinations } = this.#watched;
    for (const row of db.query("SELECT destination_id, event_id, received_at FROM deliveries")) {
      const event = this.#events.get(String(row["event_id"]));
      const recipients = typeof event?.["recipients"] === "string" ? JSON.parse(event["recipients"]) : {};
      if (event?.["received_at"] !== row["received_at"] || !(String(row["destination_id"]) in recipients))
        throw new Error(`A delivery of which no event knows: ${JSON.stringify(row)}`);
    }
    const statuses = new Map<string, string>();
    const rows = db.query(
      `SELECT destination_id, event_id, status, next_attempt_at, attempts ->> '$[#-1].outcome' AS outcome FROM ${everyDeliverySql}`,
    );
    for (const row of rows) {
      const key = `${String(row["destination_id"])} ${String(row["event_id"])}`;
      statuses.set(key, String(row["status"]));
      const destination = destinations.find(({ id }) => id === row["destination_id"]);
      if (destination !== undefined) this.#delivery(row, destination, this.#statuses.get(key));
    }
    this.#statuses = statuses;
  }

  #delivery(row: Row, destination: SimulatedDestination, before: string | undefined): void {
    const { db, now, replays } = this.#watched;
    const { url, retryScheduleSeconds } = destination.planned;
    const { event_id: eventId, status } = row;
    if (status === "delivered" && !destination.hasAnsweredWell(String(eventId))) {
      throw new Error(`${String(eventId)} counts as delivered to ${url}, which did not accept it`);
    }
    const maySendAgain = before === "dead" ? replays() > 0 : destination.resends > 0;
    if (before !== undefined && before !== "pending" && status !== before && !maySendAgain) {
      throw new Error(`${String(eventId)} at ${url} was ${before}, and is ${String(status)}`);
    }
    if (status === "delivered") destination.delivered.add(String(eventId));
    else if (status === "dead" && destination.delivered.has(String(eventId)) && !destination.mayLackEvents) {
      throw new Error(`${String(eventId)} was delivered to ${url}, and is dead`);
    }
    const waitsMs = retryScheduleSeconds === null ? LONGEST_USUAL_WAIT_MS : Math.max(...retryScheduleSeconds) * 1000;
    const latest = now() + Math.max(LONGEST_LEASE_MS, LONGEST_REST_MS, waitsMs * JITTER);
    if (Number(row["next_attempt_at"] ?? 0) > latest)
      throw new Error(`${String(eventId)} at ${url} waits for too long`);
    if (status === "dead" && before === "pending" && row["outcome"] === "gone") {
      const [found] = db.query("SELECT enabled FROM destinations WHERE id = ?1", destination.id);
      if (found?.["enabled"] === 1) throw new Error(`${url} wants no more, and is not paused`);
    }
  }

  #versionsGrow(): void {
    const rows = this.#watched.db.query("SELECT organization_id, type, resource_id, version FROM resources");
    for (const { organization_id, type, resource_id, version } of rows) {
      const resource = `${String(organization_id)} ${String(type)} ${String(resource_id)}`;
      const before = this.#versions.get(resource);
      if (before !== undefined && before > String(version)) {
        throw new Error(`${resource} went back from ${before} to ${String(version)}`);
      }
      this.#versions.set(resource, String(version));
    }
  }

  #drainsEnd(): void {
    const { db, now, destinations } = this.#watched;
    for (const row of db.query("SELECT id, url, next_drain_at, circuit_opened_at, held_until FROM destinations")) {
      const { id, url, next_drain_at, circuit_opened_at, held_until } = row;
      const destination = destinations.find(({ planned }) => planned.url === url);
      if (destination !== undefined) {
        destination.id = String(id);
        destination.circuitHasOpened ||= circuit_opened_at !== null;
        destination.hasBeenHeld ||= held_until !== null;
      }
      if (Number(next_drain_at ?? 0) > now() + LONGEST_REST_MS)
        throw new Error(`An exclusive drain of ${String(url)} lasts too long`);
    }
  }

  /**
   * One message follows a failed delivery, the end of an exclusive drain, a drain that leaves due deliveries (it takes five
   * at once), and a late attempt, which defers others. With more, messages would multiply.
   */
  #oneMessageForEachFailedDelivery(destination: SimulatedDestination): void {
    const { id, planned, attempts, failed, late, circuitHasOpened, hasBeenHeld } = destination;
    const { queues, events, disturbances } = this.#watched;
    const sent = queues.retries.sentByBatches.get(id) ?? 0;
    const turns = planned.maxPerSecond === null && !circuitHasOpened && !hasBeenHeld ? 0 : attempts.length;
    const expected = failed + events.size + attempts.length / 5 + turns + 5 * (late + disturbances()) + TO_SPARE;
    if (sent > expected)
      throw new Error(`${sent} messages for ${failed} failed of ${attempts.length} attempts at ${planned.url}`);
  }
}

/** Messages that follow the change of a circuit. */
const TO_SPARE = 3;

const written = new Map<string, readonly Table[]>();

/** The checked tables that a statement writes. */
function writtenBy(sql: string): readonly Table[] {
  let found = written.get(sql);
  if (found === undefined) {
    const names = [...sql.matchAll(/(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)/g)].map(([, name]) => name);
    found = tables.filter((table) => names.includes(table));
    written.set(sql, found);
  }
  return found;
}
