import { expect, it } from "vitest";
import { IncompleteListing, completePages } from "../../../../src/cli/commands/reconcile/listings.ts";
import type { Page } from "../../../../src/cli/qonto-client.ts";

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
