import { setTimeout as wait } from "node:timers/promises";
import type { World as WorkersWorld } from "../platform/world.ts";

/** Time and the network, as a run has them: tests put others in their place. */
export interface World {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds, from any beginning, to measure with. */
  readonly elapsedMs: () => number;
  /** Rejects when the signal aborts. */
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<unknown>;
  /** A signal that aborts after so long. */
  readonly timeout: (ms: number) => AbortSignal;
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>;
}

export const realWorld: World = {
  now: () => Date.now(),
  elapsedMs: () => performance.now(),
  wait: (ms, signal) => wait(ms, undefined, signal === undefined ? {} : { signal }),
  timeout: (ms) => AbortSignal.timeout(ms),
  fetch: globalThis.fetch,
};

/** The same world until the signal aborts: then whatever waits or asks in it fails. */
export function endingWith(ending: AbortSignal, world: World): World {
  const orEnding = (signal?: AbortSignal | null) => (signal ? AbortSignal.any([signal, ending]) : ending);
  return {
    ...world,
    wait: (ms, signal) => world.wait(ms, orEnding(signal)),
    fetch: (url, init) => world.fetch(url, { ...init, signal: orEnding(init?.signal) }),
  };
}

/** The same world with the timers of the Worker's. */
export function withTimers(world: World): World & Pick<WorkersWorld, "setTimer"> {
  return {
    ...world,
    setTimer: (ms, callback) => {
      const timeout = world.timeout(ms);
      timeout.addEventListener("abort", callback);
      return () => timeout.removeEventListener("abort", callback);
    },
  };
}
