import { type Timers, sleep } from "../platform/timeout.ts";

/** D1, and the timers by which a call waits until it is made again. */
export interface Database extends Pick<D1Database, "prepare" | "batch">, Timers {}

export function openDatabase(d1: D1Database, { setTimer }: Timers): Database {
  return { prepare: (sql) => d1.prepare(sql), batch: (statements) => d1.batch(statements), setTimer };
}

/**
 * Errors after which D1 asks to be called again, though it may have done what was asked: every write of the relay can be
 * repeated, at worst a failure is counted twice. D1's overload errors are not among them.
 */
const passing = ["Network connection lost", "storage caused object to be reset", "reset because its code was updated"];

const WAITS_MS = [20, 100];

/** Makes a D1 call again after a passing error; `call` is told how many there were before. D1 retries reads by itself. */
export async function retried<Value>(timers: Timers, call: (before: number) => Promise<Value>): Promise<Value> {
  for (const [before, waitMs] of WAITS_MS.entries()) {
    try {
      return await call(before);
    } catch (error) {
      if (!isPassing(error)) throw error;
      await sleep(waitMs, timers);
    }
  }
  return call(WAITS_MS.length);
}

function isPassing(error: unknown): boolean {
  return error instanceof Error && passing.some((text) => error.message.includes(text));
}
