import { type Alert, failingForLongSince, paced } from "../domain/alert.ts";
import { destinationName } from "../domain/destination-name.ts";
import { type Health, checkNames } from "../domain/health.ts";
import { isoTime } from "../domain/instant.ts";
import { type OperationalData, type OperationalType, operationalEvent } from "../domain/operational-event.ts";
import type { AlertChange, AlertKey, AlertSigns, DestinationSigns, QuarantineSigns } from "../store/alerts.ts";

type Known = Pick<AlertSigns, "alertOf"> & { readonly now: number };

/** The changes of all alerts: what is to be told, and what is only to be noted. */
export function judgeAlerts(
  { destinations, quarantine, alertOf }: AlertSigns,
  health: Health,
  now: number,
): AlertChange[] {
  const known = { alertOf, now };
  const changes = [
    ...destinations.flatMap((one) => [judgeFailing(one, known), judgeDisabled(one, known), judgeDead(one, known)]),
    quarantine && judgeQuarantine(quarantine, known),
    judgeHealth(health, known),
  ];
  return changes.filter((change) => change !== null);
}

/** A paused destination is neither failing nor recovered, and one that fails again has not recovered yet. */
function judgeFailing(signs: DestinationSigns, { alertOf, now }: Known): AlertChange | null {
  if (!signs.enabled) return null;
  const key = { subject: signs.destinationId, name: "failing" } as const;
  const before = alertOf(key);
  const since = failingForLongSince(signs, now);
  if (before.told === "" && since !== null) {
    const after = paced(before, String(since), now, 2);
    return telling({ key, before, after, now }, "relay.destination.failing", {
      ...aboutDestination(signs),
      failing_since: isoTime(since),
      consecutive_failures: signs.consecutiveFailures,
    });
  }
  if (before.told !== "" && signs.failingSince === null) {
    const after = paced(before, "", now, 2);
    return telling({ key, before, after, now }, "relay.destination.recovered", {
      ...aboutDestination(signs),
      failing_since: isoTime(Number(before.told)),
    });
  }
  return null;
}

function judgeDisabled(signs: DestinationSigns, { alertOf, now }: Known): AlertChange | null {
  const key = { subject: signs.destinationId, name: "disabled" } as const;
  const before = alertOf(key);
  const told = String(signs.goneAt);
  if (signs.goneAt === null || told === before.told) return null;
  const data = { ...aboutDestination(signs), disabled_at: isoTime(signs.goneAt) };
  return telling({ key, before, after: paced(before, told, now, 1), now }, "relay.destination.disabled", data);
}

/** Deliveries that an operator has replayed meanwhile need not be told. */
function judgeDead(signs: DestinationSigns, { alertOf, now }: Known): AlertChange | null {
  const { lastDeadAt, deadDeliveries } = signs;
  if (lastDeadAt === null || deadDeliveries === null) return null;
  const key = { subject: signs.destinationId, name: "dead" } as const;
  const before = alertOf(key);
  const told = String(lastDeadAt);
  if (deadDeliveries === 0) return { ...key, before, after: { ...before, told }, event: null };
  const data = { ...aboutDestination(signs), dead_deliveries: deadDeliveries, last_dead_at: isoTime(lastDeadAt) };
  return telling({ key, before, after: paced(before, told, now, 1), now }, "relay.delivery.dead", data);
}

/** Nor need events that were released meanwhile. */
function judgeQuarantine({ quarantinedAt, waiting }: QuarantineSigns, { alertOf, now }: Known): AlertChange | null {
  const key = { subject: "", name: "quarantine" } as const;
  const before = alertOf(key);
  const told = String(quarantinedAt);
  if (waiting === 0) return { ...key, before, after: { ...before, told }, event: null };
  const after = paced(before, told, now, 1);
  return telling({ key, before, after, now }, "relay.quarantine.received", { quarantined_events: waiting });
}

/**
 * A check counts as degraded when two runs in a row find it so, and the relay as healthy when two find no check degraded. A
 * further check that is degraded is told as well: it may be the one that matters.
 */
function judgeHealth({ checks }: Health, { alertOf, now }: Known): AlertChange | null {
  const key = { subject: "", name: "health" } as const;
  const before = alertOf(key);
  const degraded = checkNames.filter((name) => checks[name].status === "degraded");
  const seen = degraded.join(" ");
  const [seenBefore, told] = [namesIn(before.seen), namesIn(before.told)];
  const isWorse = degraded.some((name) => seenBefore.includes(name) && !told.includes(name));
  const isOver = told.length > 0 && degraded.length === 0 && seenBefore.length === 0;
  const after = isWorse || isOver ? paced({ ...before, seen }, seen, now, 2) : null;
  if (after === null) return seen === before.seen ? null : { ...key, before, after: { ...before, seen }, event: null };
  if (isOver) return telling({ key, before, after, now }, "relay.health.ok", { checks: told });
  const detail = degraded.map((name) => checks[name].detail).join(" ");
  return telling({ key, before, after, now }, "relay.health.degraded", { checks: degraded, detail });
}

function namesIn(text: string): string[] {
  return text === "" ? [] : text.split(" ");
}

function aboutDestination(signs: DestinationSigns) {
  return { destination_id: signs.destinationId, destination_name: destinationName(signs) };
}

/** `after` is null when it is too early. */
interface Telling {
  readonly key: AlertKey;
  readonly before: Alert;
  readonly after: Alert | null;
  readonly now: number;
}

function telling<Type extends OperationalType>(
  { key, before, after, now }: Telling,
  type: Type,
  data: OperationalData[Type],
): AlertChange | null {
  if (after === null) return null;
  const destinationId = key.subject === "" ? null : key.subject;
  // The pace is another one after each event, and the same for two runs that tell the same.
  const transition = [destinationId, after.pacedUntil].filter((part) => part !== null).join("_");
  const event = operationalEvent(type, { transition, organizationId: null, destinationId, at: now, data });
  return { ...key, before, after, event };
}
