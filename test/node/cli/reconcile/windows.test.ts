import * as fc from "fast-check";
import { expect, it } from "vitest";
import { type Window, pagesInWindows } from "../../../../src/cli/commands/reconcile/listings.ts";
import { MOST_RESULTS, QontoRefusal, TooManyResults } from "../../../../src/cli/qonto-client.ts";

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
    const instants = fc.uniqueArray(fc.integer({ min: 0, max: NOW / 2_000 })).map((all) => all.map((at) => at * 2_000));
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
