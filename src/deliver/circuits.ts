import { type CircuitChange, judgeCircuit } from "../domain/breaker.ts";
import type { Attempt } from "../domain/delivery.ts";
import { logLine } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import type { Database } from "../store/database.ts";
import { changeCircuit, readBreakerRow } from "../store/destination-health.ts";
import type { JobResult } from "./attempt-all.ts";
import type { DrainRequest } from "./drain-messages.ts";

/**
 * Opens and closes the circuits of destinations. The failure counts in `breakerRows` include these attempts. Returns the
 * destinations' next drains.
 */
export async function changeCircuits(
  breakerRows: readonly unknown[],
  results: readonly JobResult[],
  { db, world }: { readonly db: Database; readonly world: Pick<World, "now" | "random"> },
): Promise<DrainRequest[]> {
  const now = world.now();
  const drains: DrainRequest[] = [];
  for (const { destinationId, breaker } of breakerRows.map(readBreakerRow)) {
    const its = results.filter(({ job }) => job.destination.id === destinationId);
    const maxPerSecond = its[0]?.job.destination.maxPerSecond ?? null;
    const change = judgeCircuit(breaker, failedProbeAmong(its), { now, random: world.random(), maxPerSecond });
    if (change === null || !(await changeCircuit(db, { destinationId, breaker }, change, now))) continue;
    logLine("deliver", {
      message: logMessageOf(change),
      destination_id: destinationId,
      failed_probes: change.failedProbes,
    });
    drains.push({ destinationId, at: change.nextDrainAt });
  }
  return drains;
}

function logMessageOf({ circuitOpenedAt, failedProbes }: CircuitChange): string {
  if (circuitOpenedAt === null) return "circuit.closed";
  return failedProbes === 0 ? "circuit.opened" : "circuit.probe_failed";
}

function failedProbeAmong(results: readonly JobResult[]): Attempt | null {
  const probe = results.find(
    ({ job, attempt }) => job.destination.circuitOpenedAt !== null && attempt?.outcome !== "delivered",
  );
  return probe?.attempt ?? null;
}
