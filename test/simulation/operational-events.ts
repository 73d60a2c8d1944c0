import { type PlannedEvent, sentOnce } from "./events.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

const MS_PER_HOUR = 3_600_000;

/** What the relay tells of itself, and when that is right. */
export class OperationalEvents {
  readonly all: PlannedEvent[] = [];
  readonly #db: SqliteDatabase;
  readonly #learn: (event: PlannedEvent) => void;

  constructor(db: SqliteDatabase, learn: (event: PlannedEvent) => void) {
    this.#db = db;
    this.#learn = learn;
  }

  /** Whether an event is an operational one. Then it is known from now on. */
  adopt(id: string): boolean {
    const [row] = this.#db.query("SELECT type, body FROM events WHERE id = ?1", id);
    const type = String(row?.["type"]);
    if (!(id.startsWith("relay_") && type.startsWith("relay."))) return false;
    const event: PlannedEvent = { ...sentOnce, id, source: "business", type, body: String(row?.["body"]) };
    this.all.push(event);
    this.#learn(event);
    return true;
  }

  /**
   * Each failing is told before its end, and each end after it; a failing and dead deliveries of a destination at most once an
   * hour, and the quarantine too. A destination that has failed for long in the end was told of, if the cron has run
   * without faults for `peacefulMs` that are enough.
   */
  check(now: number, peacefulMs: number): void {
    const failing = new Set<string>();
    const toldAt = new Map<string, number>();
    for (const { id, type, body } of this.all) {
      const { created_at, data } = JSON.parse(body);
      const subject = String(data.destination_id ?? "");
      if (type === "relay.destination.failing" ? failing.has(subject) : isEnd(type) && !failing.delete(subject)) {
        throw new Error(`${id} tells what was told before`);
      }
      if (type === "relay.destination.failing") failing.add(subject);
      if (!paced.includes(type)) continue;
      const [at, key] = [Date.parse(created_at), `${type} ${subject}`];
      if (at - (toldAt.get(key) ?? 0) < MS_PER_HOUR) throw new Error(`${id} is told within the hour`);
      toldAt.set(key, at);
    }
    if (peacefulMs < LONG_MS) return;
    for (const { id } of this.#db.query(failingSql, now - LONG_MS, now + MS_PER_HOUR)) {
      if (!failing.has(String(id))) throw new Error(`${String(id)} has failed for long, and nobody was told`);
    }
  }
}

const paced = ["relay.destination.failing", "relay.delivery.dead", "relay.quarantine.received"];

function isEnd(type: string): boolean {
  return type === "relay.destination.recovered";
}

/** Of a failure that people should know, some runs of the cron included. */
const LONG_MS = 900_000;

/** Those of which nothing may be told within the hour are left out. */
const failingSql = `
  SELECT id FROM destinations LEFT JOIN alerts ON alerts.subject = id AND alerts.name = 'failing'
  WHERE enabled = 1 AND consecutive_failures > 1 AND failing_since < ?1 AND coalesce(paced_until, 0) <= ?2`;
