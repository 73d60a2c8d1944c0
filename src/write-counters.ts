import type { Database } from "./store/database.ts";
import type { Counters } from "./domain/counters.ts";
import { logFailure } from "./platform/log.ts";
import { explained } from "./store/schema.ts";
import { addCounts } from "./store/counters.ts";

/**
 * Writes down what an isolate has counted. Should D1 fail, it is counted again the next time: after a write whose answer was
 * lost, twice. It never fails what was counted.
 */
export async function writeCounters(db: Database, counters: Counters, now: number): Promise<void> {
  const counts = counters.take(now);
  if (Object.keys(counts).length === 0) return;
  try {
    await addCounts(db, counts, now);
  } catch (error) {
    counters.giveBack(counts);
    logFailure("write-counters", await explained(db, error));
  }
}
