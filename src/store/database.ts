import { type Timers, sleep, withTimeout } from "../platform/timeout.ts";
import type { World } from "../platform/world.ts";

/** D1, and the timers for the pauses between the tries of a call. */
export interface Database extends Pick<D1Database, "prepare" | "batch">, Timers {}

export function openDatabase(d1: D1Database, { setTimer }: Timers): Database {
  return { prepare: (sql) => d1.prepare(sql), batch: (statements) => d1.batch(statements), setTimer };
}

/**
 * Errors after which D1 wants to be called again, though it may have done its work: every write of the relay can be repeated, at
 * worst a failure is counted twice. Its overload errors are not among them.
 */
const transient = [
  "Network connection lost",
  "storage caused object to be reset",
  "reset because its code was updated",
];

const WAITS_MS = [20, 100];

/** Repeats a D1 call after a transient error; `call` gets the number of calls before. D1 retries reads by itself. */
export async function retried<Value>(timers: Timers, call: (before: number) => Promise<Value>): Promise<Value> {
  for (const [before, waitMs] of WAITS_MS.entries()) {
    try {
      return await call(before);
    } catch (error) {
      if (!isTransient(error)) throw error;
      await sleep(waitMs, timers);
    }
  }
  return call(WAITS_MS.length);
}

/** Executes a statement that writes, with repetitions after a transient error. Its result has the rows that it returns. */
export async function write(timers: Timers, statement: D1PreparedStatement): Promise<D1Result> {
  return retried(timers, () => statement.all());
}

/**
 * Errors of a D1 that is overloaded; nothing was done. Another call adds to the load, so only a write is repeated whose loss would
 * cost more.
 */
const overload = ["overloaded", "Too many requests queued", "Requests queued for too long"];

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;

/** `until`: when a call is retried no more, Unix milliseconds. `world`: clock and randomness for the pauses. */
export interface RetryDeadline {
  readonly until: number;
  readonly world: Pick<World, "now" | "random">;
}

/** Repeats a D1 call after a transient error or overload, at growing intervals with jitter, until a time. */
export async function retriedUntil<Value>(
  timers: Timers,
  { until, world }: RetryDeadline,
  call: () => Promise<Value>,
): Promise<Value> {
  for (let longestMs = FIRST_WAIT_MS; ; longestMs = Math.min(2 * longestMs, LONGEST_WAIT_MS)) {
    try {
      return await call();
    } catch (error) {
      // Anything up to the longest, but never none at all.
      const waitMs = Math.ceil(longestMs * (1 - world.random()));
      if (!(isTransient(error) || saysOneOf(error, overload)) || world.now() + waitMs > until) throw error;
      await sleep(waitMs, timers);
    }
  }
}

/** D1 stalls for 60 to 80 s, and takes the calls that are made meanwhile up in the end. */
const CALL_TIMEOUT_MS = 10_000;

/**
 * Repeats a write that must not be lost, whatever D1 answers, and also if it does not answer at all, until a time. It may be made
 * more than once, and late. Throws the last error.
 */
export async function persistentlyUntil<Value>(
  timers: Timers,
  { until, world }: RetryDeadline,
  call: () => Promise<Value>,
): Promise<Value> {
  for (;;) {
    const settled = await withTimeout(call(), CALL_TIMEOUT_MS, timers);
    if (settled.state === "done") return settled.value;
    const waitMs = Math.ceil(LONGEST_WAIT_MS * (1 - world.random()));
    if (world.now() + waitMs > until) {
      throw settled.state === "failed" ? settled.error : new Error("D1 does not answer");
    }
    await sleep(waitMs, timers);
  }
}

function isTransient(error: unknown): boolean {
  return saysOneOf(error, transient);
}

function saysOneOf(error: unknown, texts: readonly string[]): boolean {
  return error instanceof Error && texts.some((text) => error.message.includes(text));
}
