import { announceOperationalEvent } from "../announce.ts";
import { type Counts, sumOf } from "../domain/counters.ts";
import { type OperationalEvent, operationalEvent } from "../domain/operational-event.ts";
import { logLine } from "../platform/log.ts";
import { type GapSigns, type NoticedGaps, noteGaps, readGapSigns } from "../store/gaps.ts";
import type { ConnectionContext } from "./context.ts";

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 86_400_000;

/** Refused webhooks that may have been Qonto's own. Strangers can bring about some of them. */
const gapRefusals = ["timestamp_too_old", "not_stored", "not_ready", "not_configured", "signature_mismatch"];

/** From one gap that is noticed to the next, whatever strangers do. */
const LEAST_PAUSE_MS = 15 * MS_PER_MINUTE;

/** A silence is unusual when it is longer than this, and than so many times the usual pause between two webhooks. */
const SHORTEST_SILENCE_MS = 10 * MS_PER_MINUTE;
const USUAL_PAUSES = 10;

/**
 * Looks for signs that webhooks were lost, and makes the reconciliation of every connection due if there are new ones. One D1
 * call, and another where it finds something.
 */
export async function noticeGaps({ env, world }: Pick<ConnectionContext, "env" | "world">): Promise<void> {
  const now = world.now();
  const signs = await readGapSigns(env.DB, now - MS_PER_DAY);
  const noticed = judgeGaps(signs, now);
  if (noticed === null) return;
  await noteGaps(env.DB, noticed);
  for (const { id } of noticed.told) await announceOperationalEvent(env, id, world);
  if (noticed.isDue) {
    logLine("connection", {
      message: "gap.noticed",
      refusals: noticed.seen.gap_refusals,
      is_silent: noticed.told.length > 0,
    });
  }
}

/** What follows from the signs; null: nothing. */
export function judgeGaps({ connected, counts, webhooks, cronState }: GapSigns, now: number): NoticedGaps | null {
  if (connected.length === 0 || now < (cronState.get("gap_noticed_at") ?? 0) + LEAST_PAUSE_MS) return null;
  const refusals = refusalsIn(counts);
  const seenRefusals = cronState.get("gap_refusals");
  // Before the first look there may be refusals of years.
  const hasRefused = seenRefusals !== undefined && refusals !== seenRefusals;
  const silentSince = isSilent(webhooks, now) ? webhooks.lastAt : null;
  const isNewlySilent = silentSince !== null && silentSince !== cronState.get("silent_since");
  if (!hasRefused && !isNewlySilent) {
    return seenRefusals === undefined ? { now, seen: { gap_refusals: refusals }, isDue: false, told: [] } : null;
  }
  return {
    now,
    seen: { gap_noticed_at: now, gap_refusals: refusals, ...(isNewlySilent && { silent_since: silentSince }) },
    isDue: true,
    told: isNewlySilent ? connected.map((one) => silenceOf(one, silentSince, now)) : [],
  };
}

function refusalsIn(counts: Counts): number {
  return gapRefusals.reduce((sum, code) => sum + sumOf(counts, "qonto_relay_refusals_total", { code }), 0);
}

function isSilent({ events, lastAt }: GapSigns["webhooks"], now: number): boolean {
  return lastAt !== null && now - lastAt > Math.max(SHORTEST_SILENCE_MS, (USUAL_PAUSES * MS_PER_DAY) / events);
}

function silenceOf(
  { id, organizationId, organizationName }: GapSigns["connected"][number],
  silentSince: number,
  now: number,
): OperationalEvent {
  return operationalEvent("relay.source.silent", {
    transition: `${id}_${silentSince}`,
    organizationId,
    at: now,
    data: {
      connection_id: id,
      organization_name: organizationName,
      last_event_at: new Date(silentSince).toISOString(),
    },
  });
}
