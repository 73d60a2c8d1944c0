import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { playHistory } from "./history.ts";
import { importRelay } from "./load-relay.ts";
import { SqliteDatabase } from "./sqlite-database.ts";

/** Seeds to play, one after another. */
export interface Order {
  readonly from: number;
  readonly until: number;
}

export interface Violation {
  readonly seed: number;
  readonly message: string;
}

export interface Report {
  readonly played: number;
  readonly steps: number;
  readonly violations: readonly Violation[];
}

/** Plays histories, in a thread of its own or where it is called. */
export async function createPlayer(code: string): Promise<(order: Order) => Promise<Report>> {
  const relay = await importRelay(code);
  const db = new SqliteDatabase();
  return async ({ from, until }) => {
    const violations: Violation[] = [];
    let steps = 0;
    for (let seed = from; seed < until; seed += 1) {
      const played = await playHistory(relay, db, seed);
      steps += played.steps;
      if (played.violation !== null) violations.push({ seed, message: played.violation });
    }
    return { played: until - from, steps, violations };
  };
}

if (!isMainThread && parentPort !== null && typeof workerData === "string") {
  const port = parentPort;
  const play = await createPlayer(workerData);
  port.on("message", (order: Order) => void play(order).then((report) => port.postMessage(report)));
  port.postMessage("ready");
}
