import { z } from "zod";
import type { Counts } from "../domain/counters.ts";
import type { OperationalEvent } from "../domain/operational-event.ts";
import { batchOf, writeAll } from "./batch.ts";
import { allTimeCounts, readCounts } from "./counters.ts";
import { type CronStateName, allCronState, cronStateToWrite, readCronStateFrom } from "./cron-state.ts";
import type { Database } from "./database.ts";
import { windowOf, windowSql } from "./event-order.ts";
import { isReconciledSql } from "./events.ts";
import { isOperationalSql, recordOperationalEvent } from "./operational-events.ts";
import { json } from "./rows.ts";

/** Events among which the webhooks of all organizations are counted. */
const COUNTED_AT_MOST = 5_000;

/** Since when they are counted: ?1, or the receipt of the last event before those. */
const countedSinceSql = `max(?1, coalesce((
    SELECT received_at FROM events WHERE seq <= (SELECT max(seq) FROM events) - ${COUNTED_AT_MOST} ORDER BY seq DESC LIMIT 1), 0))`;

/** Webhooks of the Business API, as they came: reconciled events come when the relay asks. And what the relay has told. */
export const webhooksSql = `
  SELECT organization_id AS organizationId, ${countedSinceSql} AS countedSince,
    count(*) FILTER (WHERE NOT ${isOperationalSql("id")}) AS webhooks,
    coalesce(max(received_at) FILTER (WHERE NOT ${isOperationalSql("id")}), 0) AS lastAt,
    json_group_array(id) FILTER (WHERE ${isOperationalSql("id")}) AS told
  FROM events WHERE ${windowSql(COUNTED_AT_MOST)} AND source = 'business' AND NOT ${isReconciledSql("id")}
  GROUP BY organization_id`;

const webhooksRow = z.object({
  organizationId: z.string().nullable(),
  countedSince: z.number(),
  webhooks: z.number(),
  /** Receipt of the last of them; 0: none was counted. */
  lastAt: z.number(),
  /** Ids of the operational events about the organization. */
  told: json(z.array(z.string()).readonly()),
});

export const connectedSql = `
  SELECT id, organization_id AS organizationId, organization_name AS organizationName, connected_at AS connectedAt
  FROM connections WHERE status = 'connected' ORDER BY id`;

const connectedRow = z.object({
  id: z.string(),
  organizationId: z.string(),
  organizationName: z.string().nullable(),
  connectedAt: z.number(),
});

/** A connected organization as a source of webhooks. */
export interface ConnectedSource
  extends z.output<typeof connectedRow>, Omit<z.output<typeof webhooksRow>, "organizationId"> {}

/** What tells that webhooks may have been lost. Times are Unix milliseconds. */
export interface GapSigns {
  readonly connected: readonly ConnectedSource[];
  /** Of all time. */
  readonly counts: Counts;
  readonly cronState: ReadonlyMap<CronStateName, number>;
}

/** Webhooks are counted since an instant. One D1 call. */
export async function readGapSigns(db: Database, since: number): Promise<GapSigns> {
  const { connected, webhooks, counts, cronState } = await batchOf(db, {
    connected: db.prepare(connectedSql),
    webhooks: db.prepare(webhooksSql).bind(...windowOf({ since })),
    counts: allTimeCounts(db),
    cronState: allCronState(db),
  });
  const counted = z.array(webhooksRow).parse(webhooks.rows);
  const byOrganization = new Map(counted.map((row) => [row.organizationId, row]));
  const none = { countedSince: since, webhooks: 0, lastAt: 0, told: [] };
  return {
    connected: z
      .array(connectedRow)
      .parse(connected.rows)
      .map((row) => ({ ...(byOrganization.get(row.organizationId) ?? none), ...row })),
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
