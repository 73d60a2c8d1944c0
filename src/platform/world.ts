/** Clock, timers, randomness and network, injected so that tests can replace them. */
export interface World {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Calls back after so many milliseconds, unless the function that it returns is called before. */
  readonly setTimer: (ms: number, callback: () => void) => () => void;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
  /** Bytes that nobody can guess: for ids, secrets and nonces. */
  readonly randomBytes: (length: number) => Uint8Array<ArrayBuffer>;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
}

export const realWorld: World = {
  now: Date.now,
  setTimer: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  fetch: (url, init) => fetch(url, init),
};
