import type { Mistake } from "./mistakes.ts";

/** A way in which something may have been meant; the first of a list is the right one, and no mistake. */
export interface Guess<Value> {
  readonly value: Value;
  readonly mistake: Mistake | null;
}

/** Leaves out what comes to the same as a guess before it. */
export function distinct<Value>(guesses: readonly Guess<Value>[], keyOf: (value: Value) => string): Guess<Value>[] {
  const seen = new Set<string>();
  return guesses.filter(({ value }) => {
    const key = keyOf(value);
    return !seen.has(key) && seen.add(key);
  });
}
