/** How a promise stood when its time was up. */
export type TimeBoxed<Value> =
  | { readonly state: "done"; readonly value: Value }
  | { readonly state: "failed"; readonly error: unknown }
  | { readonly state: "late" };

/** Waits for a promise, but no longer than `limitMs`. The work itself goes on: neither D1 nor a queue can be cancelled. */
export async function settleWithin<Value>(promise: Promise<Value>, limitMs: number): Promise<TimeBoxed<Value>> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<TimeBoxed<Value>>((resolve) => {
    timer = setTimeout(() => resolve({ state: "late" }), limitMs);
  });
  const settled = promise.then(
    (value): TimeBoxed<Value> => ({ state: "done", value }),
    (error: unknown): TimeBoxed<Value> => ({ state: "failed", error }),
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}
