import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  IncompleteListing,
  type Window,
  completePages,
  pagesInWindows,
} from "../../../../src/cli/commands/reconcile/listings.ts";
import { MOST_RESULTS, type Page, QontoRefusal, TooManyResults } from "../../../../src/cli/qonto-client.ts";

describe("a time with more results than Qonto lists", () => {
  const NOW = 10_000_000;

  /** Ways in which more results than can be listed have been seen to be refused. */
  const refusals = {
    "by its first answer": (_items: readonly number[], total: number) => [{ items: [], total: MOST_RESULTS + total }],
    "before its first page": () => {
      throw new QontoRefusal(422, "too many");
    },
    "behind its first page": (items: readonly number[], total: number) => [{ items: items.slice(0, 1), total }, null],
  };

  /** A bank in which things were changed at some instants, and that lists `most` of them at once. */
  function bank(instants: readonly number[], most: number, refuse: (typeof refusals)[keyof typeof refusals]) {
    return async function* ({ fromMs, toMs }: Window) {
      const within = instants.filter((at) => at >= fromMs && (toMs === null || at <= toMs));
      const pages = within.length > most ? refuse(within, within.length) : [{ items: within, total: within.length }];
      for (const page of pages) {
        if (page === null) throw new TooManyResults();
        yield page;
      }
    };
  }

  const listed = async (pages: AsyncIterable<readonly number[]>) => new Set((await Array.fromAsync(pages)).flat());

  it.each(Object.entries(refusals))(
    "everything is listed, however many there are, refused %s",
    async (_title, refuse) => {
      // Apart by more than the shortest time, else some instant may have more than can be listed.
      const instants = fc
        .uniqueArray(fc.integer({ min: 0, max: NOW / 2_000 }))
        .map((all) => all.map((at) => at * 2_000));
      await fc.assert(
        fc.asyncProperty(instants, fc.integer({ min: 2, max: 5 }), async (all, most) => {
          const pages = pagesInWindows({ fromMs: 0, toMs: null }, NOW, bank(all, most, refuse));
          expect(await listed(pages)).toEqual(new Set(all));
        }),
      );
    },
  );

  it("what changed after the run began is listed too", async () => {
    const all = [1_000, 2_000, 3_000, NOW + 60_000];
    const pages = pagesInWindows({ fromMs: 0, toMs: null }, NOW, bank(all, 2, refusals["by its first answer"]));
    expect(await listed(pages)).toEqual(new Set(all));
  });

  it("an instant that has more than can be listed is a fault", async () => {
    const pages = pagesInWindows({ fromMs: 0, toMs: null }, NOW, bank([5, 5, 5], 2, refusals["by its first answer"]));
    await expect(listed(pages)).rejects.toThrow("no more than");
  });

  it("what is refused for another reason is not asked for in parts", async () => {
    let asked = 0;
    const pages = pagesInWindows({ fromMs: 0, toMs: null }, NOW, async function* () {
      asked += 1;
      if (asked > 0) throw new QontoRefusal(403, "no");
      yield { items: [], total: 0 };
    });
    await expect(Array.fromAsync(pages)).rejects.toThrow("403");
    expect(asked).toBe(1);
  });
});

describe("the pages of a list", () => {
  type Read = readonly Page<string>[];

  const page = (items: string, total: number | null): Page<string> => ({ items: items.split(""), total });

  /** A list that shows itself in another way each time it is read; in the end always in the last. */
  async function readAll(...reads: readonly Read[]) {
    let count = 0;
    const again: string[] = [];
    const read = async function* () {
      count += 1;
      yield* reads[count - 1] ?? reads.at(-1) ?? [];
    };
    const pages = completePages(read, { idOf: (item) => item, onAgain: (why) => again.push(why) });
    const items: string[] = [];
    const fault = await (async () => {
      for await (const { items: some } of pages) items.push(...some);
    })().then(
      () => null,
      (error: unknown) => {
        if (error instanceof IncompleteListing) return error.message;
        throw error;
      },
    );
    return { count, seen: [...new Set(items)].toSorted().join(""), fault, again };
  }

  it.each<[string, Read[], string]>([
    ["of one page", [[page("ab", 2)]], "ab"],
    ["of several pages", [[page("ab", 3), page("c", 3)]], "abc"],
    ["that is empty", [[page("", 0)]], ""],
    ["that is not counted", [[page("ab", null), page("b", null)]], "ab"],
    ["with an empty page in its middle", [[page("ab", 3), page("", 3), page("c", 3)]], "abc"],
    ["that repeats an item and shows all", [[page("ab", 3), page("bc", 3)]], "abc"],
    // What is new pushes what is behind it to the next page: nothing is left out.
    ["that grows while it is read", [[page("ab", 3), page("bc", 4)]], "abc"],
  ])("a list %s is read once", async (_title, reads, seen) => {
    expect(await readAll(...reads)).toEqual({ count: 1, seen, fault: null, again: [] });
  });

  it.each<[string, Read[], string, string]>([
    [
      "left one out",
      [
        [page("ab", 3), page("b", 3)],
        [page("ab", 3), page("c", 3)],
      ],
      "abc",
      "Qonto lists 2 of 3",
    ],
    [
      "left another out each time",
      [
        [page("ab", 3), page("b", 3)],
        [page("ac", 3), page("a", 3)],
      ],
      "abc",
      "2 of 3",
    ],
    ["had no last page", [[page("ab", 3)], [page("ab", 3), page("c", 3)]], "abc", "2 of 3"],
    // `a` is gone and `c` has taken its place on the page that was read: what was seen counts for nothing.
    [
      "became shorter",
      [
        [page("ab", 4), page("d", 3)],
        [page("bc", 3), page("d", 3)],
      ],
      "abcd",
      "became shorter",
    ],
    ["was shorter when it was read again", [[page("ab", 4), page("b", 4)], [page("bc", 2)]], "abc", "2 of 4"],
  ])("a list that %s is read again", async (_title, reads, seen, why) => {
    const result = await readAll(...reads);
    expect(result).toEqual({ count: 2, seen, fault: null, again: [expect.stringContaining(why)] });
  });

  it("what was seen before the list became shorter does not stand for what is left", async () => {
    const { count, fault } = await readAll([page("ab", 4), page("b", 4)], [page("c", 3), page("c", 3)]);
    expect({ count, fault }).toEqual({ count: 3, fault: "Qonto lists 1 of 3; it was read 3 times." });
  });

  it("a list that never shows all that Qonto counts is a fault after three reads", async () => {
    const read = [page("ab", 3), page("b", 3)];
    expect(await readAll(read)).toEqual({
      count: 3,
      seen: "ab",
      fault: "Qonto lists 2 of 3; it was read 3 times.",
      again: ["Qonto lists 2 of 3", "Qonto lists 2 of 3"],
    });
  });

  it("a list that becomes shorter each time it is read is a fault after three reads", async () => {
    const { count, fault } = await readAll(
      [page("ab", 9), page("c", 8)],
      [page("ab", 8), page("c", 7)],
      [page("ab", 7), page("c", 6)],
    );
    expect(count).toBe(3);
    expect(fault).toBe("Qonto's list became shorter while it was read; it was read 3 times.");
  });
});
