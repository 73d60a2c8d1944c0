import type { Database } from "../store/database.ts";
import type { RelayEvent } from "../domain/event.ts";
import { CANARY_TYPE } from "../domain/canary.ts";
import type { Timers } from "../platform/timeout.ts";
import { recordReceiverCanary } from "../store/cron-state.ts";
import { type NotDurable, makeDurable } from "./make-durable.ts";

/** The doctor's own event, of either system: verified and written like any other, so that its answer takes as long. */
export function isCanary({ type }: RelayEvent): boolean {
  return type === CANARY_TYPE;
}

/** Null once it is written down. */
export async function recordCanary(
  { receivedAt }: RelayEvent,
  {
    db,
    timers,
    waitUntil,
  }: { readonly db: Database; readonly timers: Timers; readonly waitUntil: (work: Promise<unknown>) => void },
): Promise<NotDurable | null> {
  const durable = await makeDurable(
    { record: () => recordReceiverCanary(db, receivedAt), send: () => null },
    { timers, waitUntil },
  );
  return typeof durable === "string" ? durable : null;
}
