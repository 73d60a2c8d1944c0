import type { Database } from "../store/database.ts";
import type { RelayEvent } from "../domain/event.ts";
import { PROBE_TYPE } from "../domain/probe.ts";
import type { Timers } from "../platform/timeout.ts";
import { recordReceiverProbe } from "../store/cron-state.ts";
import { type NotDurable, makeDurable } from "./make-durable.ts";

/** The doctor's own event, of either system: verified and written like any other, so that its answer takes as long. */
export function isProbe({ type }: RelayEvent): boolean {
  return type === PROBE_TYPE;
}

/** Null once it is written down. */
export async function recordProbe(
  { receivedAt }: RelayEvent,
  {
    db,
    timers,
    waitUntil,
  }: { readonly db: Database; readonly timers: Timers; readonly waitUntil: (work: Promise<unknown>) => void },
): Promise<NotDurable | null> {
  const durable = await makeDurable(
    { record: () => recordReceiverProbe(db, receivedAt), send: () => null },
    { timers, waitUntil },
  );
  return typeof durable === "string" ? durable : null;
}
