import { type Timers, sleep } from "../platform/timeout.ts";
import type { World } from "../platform/world.ts";

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

/**
 * Errors of a D1 that has more to do than it can; nothing was done. To call again adds to that, so only a write is repeated
 * without which more would have to be done all over.
 */
const overload = ["overloaded", "Too many requests queued", "Requests queued for too long"];

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;

/** For how long a call is made again, Unix milliseconds, and by whose clock and chance. */
export interface Persistence {
  readonly until: number;
  readonly world: Pick<World, "now" | "random">;
}

/** Makes a D1 call again after a passing error or overload, at growing intervals with jitter, until a time. */
export async function retriedUntil<Value>(
  timers: Timers,
  { until, world }: Persistence,
  call: () => Promise<Value>,
): Promise<Value> {
  for (let longestMs = FIRST_WAIT_MS; ; longestMs = Math.min(2 * longestMs, LONGEST_WAIT_MS)) {
    try {
      return await call();
    } catch (error) {
      // Anything up to the longest, but never none at all.
      const waitMs = Math.ceil(longestMs * (1 - world.random()));
      if (!(isPassing(error) || isOverload(error)) || world.now() + waitMs > until) throw error;
      await sleep(waitMs, timers);
    }
  }
}

function isPassing(error: unknown): boolean {
  return saysOneOf(error, passing);
}

function isOverload(error: unknown): boolean {
  return saysOneOf(error, overload);
}

function saysOneOf(error: unknown, texts: readonly string[]): boolean {
  return error instanceof Error && texts.some((text) => error.message.includes(text));
}
