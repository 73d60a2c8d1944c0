import type { Database } from "./store/database.ts";
import type { Tally } from "./domain/tally.ts";
import { logFailure } from "./platform/log.ts";
import { explained } from "./store/schema.ts";
import { addCounts } from "./store/tallies.ts";

/**
 * Writes down what an isolate has counted. Should D1 fail, it is counted again the next time: after a write whose answer was
 * lost, twice. It never fails what was counted.
 */
export async function writeTally(db: Database, tally: Tally, now: number): Promise<void> {
  const counts = tally.take(now);
  if (Object.keys(counts).length === 0) return;
  try {
    await addCounts(db, counts, now);
  } catch (error) {
    tally.giveBack(counts);
    logFailure("write-tally", await explained(db, error));
  }
}
