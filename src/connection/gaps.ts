import { announceEvents } from "../announce.ts";
import { type Counts, sumOf } from "../domain/counters.ts";
import { isoTime } from "../domain/instant.ts";
import { type OperationalEvent, operationalEvent } from "../domain/operational-event.ts";
import { byId } from "../messages.ts";
import { logLine } from "../platform/log.ts";
import { type ConnectedSource, type GapSigns, type NoticedGaps, noteGaps, readGapSigns } from "../store/gaps.ts";
import type { ConnectionContext } from "./context.ts";

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 86_400_000;

/** Refused webhooks that may have been Qonto's own. Strangers can bring about some of them. */
const gapRefusals = ["timestamp_too_old", "not_stored", "not_ready", "not_configured", "signature_mismatch"];

/** From one look that finds something to the next, whatever strangers do and however many organizations are silent. */
const LEAST_PAUSE_MS = 15 * MS_PER_MINUTE;

/**
 * A silence is unusual when it is longer than this, and than so many times the organization's usual pause between two webhooks.
 */
const SHORTEST_SILENCE_MS = 10 * MS_PER_MINUTE;
const USUAL_PAUSES = 10;

/** Counting webhooks reads up to ten thousand rows, so silences are not looked for every minute. */
const MINUTES_BETWEEN_COUNTS = 5;

/**
 * Looks for signs that webhooks were lost: further refusals make the reconciliation of every connection due, a silence that of
 * its own. One D1 call, and another where it finds something.
 */
export async function noticeGaps({ env, world }: Pick<ConnectionContext, "env" | "world">): Promise<void> {
  const now = world.now();
  const isToCount = Math.floor(now / MS_PER_MINUTE) % MINUTES_BETWEEN_COUNTS === 0;
  const noticed = judgeGaps(await readGapSigns(env.DB, isToCount ? now - MS_PER_DAY : now), now);
  if (noticed === null) return;
  const { seen, due, told } = noticed;
  await noteGaps(env.DB, noticed);
  await announceEvents(
    env,
    told.map(({ id }) => byId(id, null)),
    world,
  );
  if (due.length > 0) {
    logLine("connection", {
      message: "gap.noticed",
      refusals: seen.gap_refusals,
      due_connections: due.length,
      silent_connections: told.length,
    });
  }
}

/** What follows from the signs; null: nothing. */
export function judgeGaps({ connected, counts, cronState }: GapSigns, now: number): NoticedGaps | null {
  // The last gap may be ahead of a clock that was set back.
  const sinceLastMs = Math.abs(now - (cronState.get("gap_noticed_at") ?? 0));
  if (connected.length === 0 || sinceLastMs < LEAST_PAUSE_MS) return null;
  const refusals = refusalsIn(counts);
  const seenRefusals = cronState.get("gap_refusals");
  // Before the first look there may be refusals of years.
  const hasRefused = seenRefusals !== undefined && refusals !== seenRefusals;
  const silent = connected.filter(
    (source) => isSilent(source, now) && !source.told.includes(silenceOf(source, now).id),
  );
  const due = (hasRefused ? connected : silent).map(({ id }) => id);
  const told = silent.map((source) => silenceOf(source, now));
  if (due.length > 0) return { now, seen: { gap_noticed_at: now, gap_refusals: refusals }, due, told };
  return seenRefusals === undefined ? { now, seen: { gap_refusals: refusals }, due, told } : null;
}

function refusalsIn(counts: Counts): number {
  return gapRefusals.reduce((sum, code) => sum + sumOf(counts, "qonto_relay_refusals_total", { code }), 0);
}

/** The silence before it was connected (again) is none. */
function isSilent({ webhooks, countedSince, lastAt, connectedAt }: ConnectedSource, now: number): boolean {
  const usualPauseMs = (now - countedSince) / webhooks;
  return (
    webhooks > 0 && now - Math.max(lastAt, connectedAt) > Math.max(SHORTEST_SILENCE_MS, USUAL_PAUSES * usualPauseMs)
  );
}

function silenceOf({ id, organizationId, organizationName, lastAt }: ConnectedSource, now: number): OperationalEvent {
  return operationalEvent("relay.source.silent", {
    transition: `${id}_${lastAt}`,
    organizationId,
    at: now,
    data: {
      connection_id: id,
      organization_name: organizationName,
      last_event_at: isoTime(lastAt),
    },
  });
}
