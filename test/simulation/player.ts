import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { playHistory } from "./history.ts";
import { importRelay } from "./load-relay.ts";
import { SqliteDatabase } from "./sqlite-database.ts";

/** Seeds to play, one after another. */
export interface Order {
  readonly from: number;
  readonly until: number;
  readonly stopsAtViolation: boolean;
}

export interface Violation {
  readonly seed: number;
  readonly message: string;
}

export interface Report {
  readonly played: number;
  readonly steps: number;
  /** Processor time that the thread has taken. */
  readonly cpuMs: number;
  readonly violations: readonly Violation[];
}

/** Plays the histories of an order with the relay that `buildRelay` has built. */
async function createPlayer(code: string): Promise<(order: Order) => Promise<Report>> {
  const relay = await importRelay(code);
  const db = new SqliteDatabase();
  return async ({ from, until, stopsAtViolation }) => {
    const before = process.threadCpuUsage();
    const violations: Violation[] = [];
    let played = 0;
    let steps = 0;
    for (let seed = from; seed < until; seed += 1) {
      const { violation, steps: itsSteps } = await playHistory(relay, db, seed);
      played += 1;
      steps += itsSteps;
      if (violation === null) continue;
      violations.push({ seed, message: violation });
      if (stopsAtViolation) break;
    }
    const { user, system } = process.threadCpuUsage(before);
    return { played, steps, cpuMs: (user + system) / 1000, violations };
  };
}

if (!isMainThread && parentPort !== null && typeof workerData === "string") {
  const port = parentPort;
  const play = await createPlayer(workerData);
  port.on("message", (order: Order) => void play(order).then((report) => port.postMessage(report)));
  port.postMessage("ready");
}
