import { Fault } from "../../fault.ts";
import type { Page } from "../../qonto-client.ts";

const MOST_READS = 3;

/** A list that Qonto does not show whole, however often it is read. */
export class IncompleteListing extends Fault {}

interface Reading<Item> {
  readonly idOf: (item: Item) => string;
  /** Hears that the list is read again, and why. */
  readonly onAgain: (why: string) => void;
}

/**
 * The pages of a list, read again while fewer items are seen than Qonto counts: where items tie in its order, or move while
 * it is read, a page repeats one and leaves out another. All that was read is yielded, so items come several times.
 */
export async function* completePages<Item>(
  read: () => AsyncIterable<Page<Item>>,
  { idOf, onAgain }: Reading<Item>,
): AsyncGenerator<Page<Item>> {
  let seen = new Set<string>();
  let counted = 0;
  for (let reads = 1; ; reads += 1) {
    // What comes to the list after its first page was read need not be seen.
    let due: number | null = null;
    let hasShrunk = false;
    for await (const page of read()) {
      const { items, total } = page;
      if (total !== null) {
        // What is gone counts no longer, and its place is taken by one that may have been on a later page.
        if (total < counted) {
          seen = new Set();
          hasShrunk = due !== null;
        }
        counted = total;
        due ??= total;
      }
      for (const item of items) seen.add(idOf(item));
      yield page;
    }
    if (due === null || (!hasShrunk && seen.size >= due)) return;
    const why = hasShrunk ? "Qonto's list became shorter while it was read" : `Qonto lists ${seen.size} of ${due}`;
    if (reads === MOST_READS) throw new IncompleteListing(`${why}; it was read ${reads} times.`);
    onAgain(why);
  }
}
