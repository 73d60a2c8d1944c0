import type { World } from "./world.ts";

export type Timers = Pick<World, "setTimer">;

export function sleep(ms: number, { setTimer }: Timers): Promise<void> {
  return new Promise((resolve) => void setTimer(ms, resolve));
}

/** The state of a promise when it settled, or when its time was up. */
export type Settled<Value> =
  | { readonly state: "done"; readonly value: Value }
  | { readonly state: "failed"; readonly error: unknown }
  | { readonly state: "late" };

/** Waits for a promise, but no longer than `ms`. The work itself continues: neither D1 nor a queue can be cancelled. */
export function withTimeout<Value>(promise: Promise<Value>, ms: number, { setTimer }: Timers): Promise<Settled<Value>> {
  return new Promise((resolve) => {
    const clear = setTimer(ms, () => resolve({ state: "late" }));
    const settle = (settled: Settled<Value>) => {
      clear();
      resolve(settled);
    };
    promise.then(
      (value) => settle({ state: "done", value }),
      (error: unknown) => settle({ state: "failed", error }),
    );
  });
}
