import type { World } from "../../../src/platform/world.ts";

/** Clock, timers, ids and network of the simulated Qonto, injected so that a test or the simulation decides them. */
export interface QontoWorld extends Pick<World, "now" | "setTimer"> {
  /** A UUID that nobody has had before. */
  readonly randomId: () => string;
  /** How webhooks leave. */
  readonly send: (url: string, init: RequestInit) => Promise<Response>;
}

export const realQontoWorld: QontoWorld = {
  now: Date.now,
  setTimer: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  randomId: () => crypto.randomUUID(),
  send: (url, init) => fetch(url, init),
};

export function isoAt(ms: number): string {
  return new Date(ms).toISOString();
}
