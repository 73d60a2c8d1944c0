import { z } from "zod";
import type { Counts } from "../domain/counters.ts";
import { type OperationalEvent, operationalId } from "../domain/operational-event.ts";
import { batchOf, writeAll } from "./batch.ts";
import { allTimeCounts, readCounts } from "./counters.ts";
import { type CronStateName, allCronState, cronStateToWrite, readCronStateFrom } from "./cron-state.ts";
import type { Database } from "./database.ts";
import { windowOf, windowSql } from "./event-order.ts";
import { isReconciledSql } from "./events.ts";
import { isOperationalSql, recordOperationalEvent } from "./operational-events.ts";
import { flag, reader } from "./rows.ts";

/** Events among which the webhooks of all organizations are counted. */
const COUNTED_AT_MOST = 5_000;

/** Since when they are counted: ?1, or the receipt of the last event before those. */
const countedSinceSql = `max(?1, coalesce((
    SELECT received_at FROM events WHERE seq <= (SELECT max(seq) FROM events) - ${COUNTED_AT_MOST} ORDER BY seq DESC LIMIT 1), 0))`;

/**
 * Webhooks are those of the Business API, as they came: reconciled events come when the relay asks. The event that tells the
 * silence behind the last one has its time in its id.
 */
export const connectedSql = `
  WITH counted AS MATERIALIZED (
    SELECT organization_id, count(*) AS webhooks, max(received_at) AS last_at FROM events
    WHERE ${windowSql(COUNTED_AT_MOST)} AND source = 'business'
      AND NOT ${isReconciledSql("id")} AND NOT ${isOperationalSql("events.id")}
    GROUP BY organization_id)
  SELECT connections.id, organization_id AS organizationId, organization_name AS organizationName,
    connected_at AS connectedAt, ${countedSinceSql} AS countedSince,
    coalesce(webhooks, 0) AS webhooks, coalesce(last_at, 0) AS lastAt,
    EXISTS (
      SELECT 1 FROM events WHERE events.id = '${operationalId("relay.source.silent", "")}' || connections.id || '_' || last_at
    ) AS isToldSilent
  FROM connections LEFT JOIN counted USING (organization_id)
  WHERE status = 'connected' ORDER BY connections.id`;

const readConnected = reader({
  id: z.string(),
  organizationId: z.string(),
  organizationName: z.string().nullable(),
  connectedAt: z.number(),
  countedSince: z.number(),
  webhooks: z.number(),
  /** Receipt of the last of them; 0: none was counted. */
  lastAt: z.number(),
  /** Whether the silence behind it has been told. */
  isToldSilent: flag,
});

/** A connected organization as a source of webhooks. */
export type ConnectedSource = ReturnType<typeof readConnected>;

/** What tells that webhooks may have been lost. Times are Unix milliseconds. */
export interface GapSigns {
  readonly connected: readonly ConnectedSource[];
  /** Of all time. */
  readonly counts: Counts;
  readonly cronState: ReadonlyMap<CronStateName, number>;
}

/** Webhooks are counted since an instant. One D1 call. */
export async function readGapSigns(db: Database, since: number): Promise<GapSigns> {
  const { connected, counts, cronState } = await batchOf(db, {
    connected: db.prepare(connectedSql).bind(...windowOf({ since })),
    counts: allTimeCounts(db),
    cronState: allCronState(db),
  });
  return {
    connected: connected.rows.map(readConnected),
    counts: readCounts(counts.rows),
    cronState: readCronStateFrom(cronState.rows),
  };
}

export const makeDueSql = `
  UPDATE connections SET reconciliation_due_at = ?1, subscriptions_due_at = ?1
  WHERE status = 'connected' AND id IN (SELECT value FROM json_each(?2))`;

export interface NoticedGaps {
  readonly now: number;
  /** What the next look compares with. */
  readonly seen: Partial<Record<CronStateName, number>>;
  /** Ids of the connections whose subscriptions and reconciliation are due. */
  readonly due: readonly string[];
  readonly told: readonly OperationalEvent[];
}

/** Notes what was seen and what follows from it, in one transaction. */
export async function noteGaps(db: Database, { now, seen, due, told }: NoticedGaps): Promise<void> {
  await writeAll(db, {
    due: due.length > 0 ? db.prepare(makeDueSql).bind(now, JSON.stringify(due)) : [],
    told: told.map((event) => recordOperationalEvent(db, event)),
    seen: cronStateToWrite(db, seen),
  });
}
