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
import { reader } from "./rows.ts";

/** Events among which webhooks are counted. */
const COUNTED_AT_MOST = 2_000;

/** Of the Business API alone, and as they came: reconciled events come when the relay asks. */
export const webhooksSql = `
  SELECT count(*) AS events, max(received_at) AS lastAt FROM events
  WHERE ${windowSql(COUNTED_AT_MOST)} AND source = 'business'
    AND NOT ${isReconciledSql("id")} AND NOT ${isOperationalSql("events.id")}`;

const readWebhooks = reader({ events: z.number(), lastAt: z.number().nullable() });

export const connectedSql = `
  SELECT id, organization_id AS organizationId, organization_name AS organizationName FROM connections
  WHERE status = 'connected' ORDER BY id`;

const readConnected = reader({ id: z.string(), organizationId: z.string(), organizationName: z.string().nullable() });

/** What tells that webhooks may have been lost. Times are Unix milliseconds. */
export interface GapSigns {
  readonly connected: readonly ReturnType<typeof readConnected>[];
  /** Of all time. */
  readonly counts: Counts;
  /** Those that have come since a time, as far as they are counted; `lastAt` is null when there are none. */
  readonly webhooks: ReturnType<typeof readWebhooks>;
  readonly cronState: ReadonlyMap<CronStateName, number>;
}

/** One D1 call. */
export async function readGapSigns(db: Database, since: number): Promise<GapSigns> {
  const { connected, counts, webhooks, cronState } = await batchOf(db, {
    connected: db.prepare(connectedSql),
    counts: allTimeCounts(db),
    webhooks: db.prepare(webhooksSql).bind(...windowOf({ since })),
    cronState: allCronState(db),
  });
  return {
    connected: connected.rows.map(readConnected),
    counts: readCounts(counts.rows),
    webhooks: readWebhooks(webhooks.rows[0]),
    cronState: readCronStateFrom(cronState.rows),
  };
}

export const reconcileAllSql = "UPDATE connections SET reconciliation_due_at = ?1 WHERE status = 'connected'";

export interface NoticedGaps {
  readonly now: number;
  /** What the next look compares with. */
  readonly seen: Partial<Record<CronStateName, number>>;
  /** Whether the reconciliation of every connection is due. */
  readonly isDue: boolean;
  readonly told: readonly OperationalEvent[];
}

/** Notes what was seen and what follows from it, in one transaction. */
export async function noteGaps(db: Database, { now, seen, isDue, told }: NoticedGaps): Promise<void> {
  await writeAll(db, {
    due: isDue ? db.prepare(reconcileAllSql).bind(now) : [],
    told: told.map((event) => recordOperationalEvent(db, event)),
    seen: cronStateToWrite(db, seen),
  });
}
