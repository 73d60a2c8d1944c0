import { type CircuitChange, judgeCircuit } from "../domain/breaker.ts";
import { logLine } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { changeCircuit } from "../store/circuits.ts";
import type { Database } from "../store/database.ts";
import { readBreakerRow } from "../store/destination-health.ts";
import type { AttemptedJob } from "./attempt-all.ts";
import type { DrainRequest } from "./drain-messages.ts";

/**
 * Opens and closes the circuits of destinations. The failure counts in `breakerRows` include these attempts. Returns the
 * destinations' next drains.
 */
export async function changeCircuits(
  breakerRows: readonly unknown[],
  attempted: readonly AttemptedJob[],
  { db, world }: { readonly db: Database; readonly world: Pick<World, "now" | "random"> },
): Promise<DrainRequest[]> {
  const now = world.now();
  const drains: DrainRequest[] = [];
  for (const breaker of breakerRows.map(readBreakerRow)) {
    const { destinationId } = breaker;
    const ofDestination = attempted.filter(({ destination }) => destination.id === destinationId);
    const failedProbe = ofDestination.find(
      ({ destination, attempt }) => destination.circuitOpenedAt !== null && attempt.outcome !== "delivered",
    );
    const change = judgeCircuit(breaker, failedProbe?.attempt ?? null, {
      now,
      random: world.random(),
      maxPerSecond: ofDestination[0]?.destination.maxPerSecond ?? null,
    });
    if (change === null || !(await changeCircuit(db, breaker, change, now))) continue;
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
