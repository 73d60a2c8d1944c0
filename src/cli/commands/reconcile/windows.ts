import { MOST_RESULTS, type Page, TooManyResults } from "../../qonto-client.ts";
import { QontoRefusal } from "../../qonto-refusal.ts";

/** A time in which things were changed last, Unix milliseconds, both ends in it; `toMs` is null when it has no end. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number | null;
}

/** No date of Qonto's is known to be finer. */
const SHORTEST_MS = 1_000;

/**
 * The pages of a time. When it has more results than Qonto lists, of each of its halves, and so on; then some items come
 * twice: those already listed when that was seen, and those of the instant between two halves.
 */
export async function* pagesInWindows<Item>(
  window: Window,
  nowMs: number,
  pagesOf: (window: Window) => AsyncIterable<Page<Item>>,
): AsyncGenerator<readonly Item[]> {
  try {
    for await (const { items, total } of pagesOf(window)) {
      if (total !== null && total > MOST_RESULTS) throw new TooManyResults();
      yield items;
    }
  } catch (error) {
    const halves = isTooMuch(error) ? halvesOf(window, nowMs) : null;
    if (halves === null) throw error;
    for (const half of halves) yield* pagesInWindows(half, nowMs, pagesOf);
  }
}

/** Qonto says it with the status of any query that cannot be; one that never could be is refused in its shortest half as well. */
function isTooMuch(error: unknown): boolean {
  return error instanceof TooManyResults || (error instanceof QontoRefusal && error.status === 422);
}

/** Null when it is too short to be cut. */
function halvesOf({ fromMs, toMs }: Window, nowMs: number): [Window, Window] | null {
  const middleMs = Math.floor((fromMs + (toMs ?? nowMs)) / 2);
  if (middleMs - fromMs < SHORTEST_MS) return null;
  return [
    { fromMs, toMs: middleMs },
    { fromMs: middleMs, toMs },
  ];
}
