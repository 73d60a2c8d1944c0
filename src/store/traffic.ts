import { z } from "zod";
import type { Database } from "./database.ts";
import { withFoundSql } from "./each-key.ts";
import { windowOf, windowSql } from "./event-order.ts";
import { eventOutcomeSql, outcomes } from "./event-progress.ts";
import { isReconciledSql } from "./events.ts";
import { isOperationalSql } from "./operational-events.ts";
import { reader } from "./rows.ts";

/** What came lately, counted from the newest events. Each look at it is a fraction of a second's work for D1. */

/** On a row of `events`: it is one of the newest, of which there are `size` at most, and is not operational. */
const cameLatelySql = (size: number) => `${windowSql(size)} AND NOT ${isOperationalSql("events.id")}`;

/** Events that a chart counts. */
export const OUTCOMES_CHARTED_AT_MOST = 500;

/**
 * Most events were delivered at once. Their own row tells: each recipient has a value, and none has a row of deliveries. Only
 * the recipients of the others are looked at one by one.
 */
export const outcomesSql = `
  ${withFoundSql("destination_id", "deliveries")}
  SELECT CAST((received_at - ?1) / ?4 AS INTEGER) AS slot, outcome, count(*) AS events
  FROM (
    SELECT events.received_at, CASE
      WHEN instr(events.recipients, ':') > 0 AND instr(events.recipients, ':null') = 0 AND events.id NOT IN (
        SELECT deliveries.event_id FROM found CROSS JOIN deliveries ON deliveries.destination_id = found.id
          AND deliveries.received_at >= (
            SELECT received_at FROM events WHERE ${windowSql(OUTCOMES_CHARTED_AT_MOST)} ORDER BY seq LIMIT 1))
        THEN 'delivered'
      ELSE ${eventOutcomeSql} END AS outcome
    FROM events WHERE ${cameLatelySql(OUTCOMES_CHARTED_AT_MOST)}
  ) GROUP BY slot, outcome`;

/** A statement that counts events since an instant by time slot and outcome; its rows are for `readOutcomeRow`. */
export function outcomesSince(db: Database, since: number, slotMs: number): D1PreparedStatement {
  return db.prepare(outcomesSql).bind(...windowOf({ since }), slotMs);
}

export const readOutcomeRow = reader({
  /** 0 begins at the instant. */
  slot: z.number(),
  outcome: z.enum(outcomes),
  events: z.number(),
});

/** Events among which types and organizations are counted. */
export const KINDS_OF_AT_MOST = 2_000;

export const recentKindsSql = `
  SELECT type, organization_id AS organizationId, count(*) AS events, max(received_at) AS newestAt
  FROM events WHERE ${windowSql(KINDS_OF_AT_MOST)} GROUP BY type, organization_id ORDER BY events DESC`;

/** A statement that counts events since an instant by type and organization; its rows are for `readKindRow`. */
export function recentKinds(db: Database, since: number): D1PreparedStatement {
  return db.prepare(recentKindsSql).bind(...windowOf({ since }));
}

export const readKindRow = reader({
  type: z.string(),
  organizationId: z.string().nullable(),
  events: z.number(),
  /** Unix milliseconds. */
  newestAt: z.number(),
});

/** Events of one type of one organization. */
export type EventKind = ReturnType<typeof readKindRow>;

/** Events whose pauses are measured, and pairs of organization and type. */
const TRAFFIC_OF_AT_MOST = 20_000;
const MOST_SERIES = 1_000;

/** Without reconciled events: these come when the relay asks, also while no webhook arrives. */
export const trafficSql = `
  WITH gaps AS (
    SELECT received_at, type, organization_id,
      received_at - lag(received_at) OVER (PARTITION BY organization_id, type ORDER BY received_at) AS gap
    FROM events WHERE ${cameLatelySql(TRAFFIC_OF_AT_MOST)} AND NOT ${isReconciledSql("id")})
  SELECT organization_id AS organizationId, type, count(*) AS events, min(received_at) AS firstReceivedAt,
    max(received_at) AS lastReceivedAt, max(gap) AS longestGapMs
  FROM gaps GROUP BY organization_id, type ORDER BY organization_id, type LIMIT ${MOST_SERIES}`;

/** A statement over events received since an instant; its rows are for `readTrafficRow`. */
export function trafficSince(db: Database, since: number): D1PreparedStatement {
  return db.prepare(trafficSql).bind(...windowOf({ since }));
}

export const readTrafficRow = reader({
  organizationId: z.string().nullable(),
  type: z.string(),
  events: z.number(),
  /** Unix milliseconds. */
  firstReceivedAt: z.number(),
  /** Unix milliseconds. */
  lastReceivedAt: z.number(),
  /** Between two events; null when there was but one. */
  longestGapMs: z.number().nullable(),
});

/** Events of one type of one organization, and the pauses between them. */
export type Traffic = ReturnType<typeof readTrafficRow>;
