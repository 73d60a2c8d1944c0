import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MOST_RESULTS, QontoUnavailable, TooManyResults } from "../../../src/qonto/api-client.ts";
import { readPage } from "../../../src/reconciliation/read-page.ts";
import { type Reading, beginReading } from "../../../src/reconciliation/reading.ts";
import { type ListAnswer, type ListQuery, qontoThat, readWhole } from "./qonto-lists.ts";

const begin = (type: string): Reading => {
  const reading = beginReading(type, { accountIds: [], sinceMs: 0, asOfMs: 0 });
  if (reading === null) throw new Error(`${type} comes with the organization`);
  return reading;
};

const itemsOf = (ids: Iterable<string>) => [...ids].map((id) => ({ id }));

describe("a time with more results than Qonto lists", () => {
  const NOW = 10_000_000;

  /** Ways in which more results than can be listed have been seen to be refused. */
  const refusals = {
    "by its first answer": (ids: readonly string[]) => ({ items: [], total: MOST_RESULTS + ids.length }),
    "before its first page": () => 422,
    "behind its first page": (ids: readonly string[], page: number) =>
      page === 1 ? { items: itemsOf(ids.slice(0, 1)), total: ids.length, next: 2 } : 422,
  } satisfies Record<string, (ids: readonly string[], page: number) => ListAnswer>;

  /** A bank in which things were changed at some instants, and that lists `most` of them at once. */
  function bank(instants: readonly number[], most: number, refuse: (typeof refusals)[keyof typeof refusals]) {
    return qontoThat(({ query, page }) => {
      const fromMs = Date.parse(query.get("updated_at_from") ?? "");
      const toMs = Date.parse(query.get("updated_at_to") ?? "") || Infinity;
      const ids = instants.flatMap((at, index) => (at >= fromMs && at <= toMs ? [String(index)] : []));
      return ids.length > most ? refuse(ids, page) : { items: itemsOf(ids), total: ids.length };
    });
  }

  const read = async (instants: readonly number[], most: number, refuse: (typeof refusals)[keyof typeof refusals]) =>
    (await readWhole("v1/transfers", bank(instants, most, refuse).client, { asOfMs: NOW })).ids.toSorted();

  it.each(Object.entries(refusals))("is read in shorter ones, each item once, refused %s", async (_title, refuse) => {
    // Apart by more than the shortest time, else some instant may have more than can be listed.
    const instants = fc.uniqueArray(fc.integer({ min: 0, max: NOW / 2_000 })).map((all) => all.map((at) => at * 2_000));
    await fc.assert(
      fc.asyncProperty(instants, fc.integer({ min: 2, max: 5 }), async (all, most) => {
        expect(await read(all, most, refuse)).toEqual([...all.keys()].map(String).toSorted());
      }),
    );
  });

  it("includes what changed after the run began", async () => {
    expect(await read([1_000, 2_000, 3_000, NOW + 60_000], 2, refusals["by its first answer"])).toHaveLength(4);
  });

  it("cannot be read when one instant has more", async () => {
    await expect(read([5, 5, 5], 2, refusals["by its first answer"])).rejects.toThrow(TooManyResults);
    await expect(read([5, 5, 5], 2, refusals["before its first page"])).rejects.toThrow("422");
  });

  it("is not what another refusal tells", async () => {
    const { client, asked } = qontoThat(() => 403);
    await expect(readWhole("v1/transfers", client)).rejects.toThrow("403");
    expect(asked).toHaveLength(1);
  });

  it("is a fault of a type that cannot be asked by time", async () => {
    const { client, asked } = qontoThat(({ page }) => (page === 1 ? { items: [{ id: "a" }], total: 2, next: 2 } : 422));
    await expect(readWhole("v1/products", client)).rejects.toThrow(TooManyResults);
    expect(asked.map(({ page }) => page)).toEqual([1, 2, 1]);
  });
});

describe("the pages of a list", () => {
  type Read = readonly { readonly ids: string; readonly total: number | null }[];

  const page = (ids: string, total: number | null) => ({ ids, total });
  const BECAME_SHORTER = "Qonto's list became shorter while it was read";

  /** A list that shows itself in another way each time it is read; in the end always in the last. */
  async function readAll(...reads: readonly Read[]) {
    let count = 0;
    const { client } = qontoThat((query) => {
      if (query.page === 1) count += 1;
      const pages = reads[count - 1] ?? reads.at(-1) ?? [];
      const { ids, total } = pages[query.page - 1] ?? page("", null);
      return { items: itemsOf(ids), total, next: query.page < pages.length ? query.page + 1 : null };
    });
    const { ids, ...rest } = await readWhole("v1/products", client);
    return { count, seen: ids.toSorted().join(""), ...rest };
  }

  it.each<[string, Read[], string]>([
    ["of one page", [[page("ab", 2)]], "ab"],
    ["of several pages", [[page("ab", 3), page("c", 3)]], "abc"],
    ["that is empty", [[page("", 0)]], ""],
    ["that is not counted", [[page("ab", null), page("b", null)]], "ab"],
    ["with an empty page in its middle", [[page("ab", 3), page("", 3), page("c", 3)]], "abc"],
    ["that repeats an item and shows all", [[page("ab", 3), page("bc", 3)]], "abc"],
    ["that repeats an item on one page", [[page("abb", 2)]], "ab"],
    // What is new pushes what is behind it to the next page: nothing is left out.
    ["that grows while it is read", [[page("ab", 3), page("bc", 4)]], "abc"],
  ])("a list %s is read once", async (_title, reads, seen) => {
    expect(await readAll(...reads)).toEqual({ count: 1, seen, fault: null, again: [] });
  });

  it.each<[string, Read[], string, string]>([
    // As where the items at the edge of two pages have the same `updated_at`.
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

  it("a list that never shows all that Qonto counts is a fault after three reads, and what it showed has come", async () => {
    const read = [page("ab", 3), page("b", 3)];
    expect(await readAll(read, read, [page("ab", 4), page("d", 4)])).toEqual({
      count: 3,
      seen: "abd",
      fault: "Qonto lists 3 of 4; it was read 3 times.",
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

  it("a busy time, of which things move on between any two pages, is read in shorter ones", async () => {
    let now = 10_000_000;
    // Changed once a second, one after another, for ever: most of them while they are listed.
    const changedAt = new Map(Array.from({ length: 400 }, (_, index) => [String(index), index * 25_000]));
    const { client, asked } = qontoThat(({ query, page: number }) => {
      now += 1_000;
      changedAt.set(String((asked.length * 149) % 400), now);
      const fromMs = Date.parse(query.get("updated_at_from") ?? "");
      const toMs = Date.parse(query.get("updated_at_to") ?? "") || Infinity;
      const within = [...changedAt].filter(([, at]) => at >= fromMs && at <= toMs);
      const ids = within.toSorted(([, one], [, other]) => other - one).map(([id]) => id);
      if (ids.length > 100) return { items: [], total: MOST_RESULTS + 1 };
      return {
        items: itemsOf(ids.slice((number - 1) * 10, number * 10)),
        total: ids.length,
        next: number * 10 < ids.length ? number + 1 : null,
      };
    });
    const { ids, fault } = await readWhole("v1/transfers", client, { asOfMs: 20_000_000 });
    expect(fault).toBeNull();
    expect(new Set(ids).size).toBe(400);
  });

  it("a list that ends before a page that it promised is read again", async () => {
    let isShorter = false;
    const { client, asked } = qontoThat(({ page: number }) => {
      if (number === 2) isShorter = true;
      if (number === 2) return 422;
      return isShorter ? { items: itemsOf("ac"), total: 2 } : { items: itemsOf("ab"), total: 3, next: 2 };
    });
    const { ids, again, fault } = await readWhole("v1/products", client);
    expect({ ids, again, fault }).toEqual({ ids: ["a", "b", "c"], again: [BECAME_SHORTER], fault: null });
    expect(asked.map(({ page: number }) => number)).toEqual([1, 2, 1, 1]);
  });
});

describe("a list that does not change", () => {
  /** Of each account its items, each with its instant; pages as long as `sizes` says, over and over. */
  const banks = fc.record({
    accounts: fc.array(
      fc.uniqueArray(fc.integer({ min: 0, max: 4_000 }), { maxLength: 30 }).map((all) => all.map((at) => at * 2_000)),
      { maxLength: 3 },
    ),
    sizes: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
    most: fc.integer({ min: 2, max: 20 }),
  });

  it("is yielded item by item, none twice, however it is cut into pages and times", async () => {
    await fc.assert(
      fc.asyncProperty(banks, async ({ accounts, sizes, most }) => {
        const { client } = qontoThat(({ query, page }) => {
          const account = Number(query.get("bank_account_id"));
          const fromMs = Date.parse(query.get("updated_at_from") ?? "");
          const toMs = Date.parse(query.get("updated_at_to") ?? "") || Infinity;
          const within = (accounts[account] ?? []).filter((at) => at >= fromMs && at <= toMs);
          if (within.length > most) return { items: [], total: MOST_RESULTS + 1 };
          const sizeOf = (number: number) => sizes[number % sizes.length] ?? 1;
          let start = 0;
          for (let number = 1; number < page; number += 1) start += sizeOf(number);
          const end = start + sizeOf(page);
          return {
            items: itemsOf(within.slice(start, end).map((at) => `${account}:${at}`)),
            total: within.length,
            next: end < within.length ? page + 1 : null,
          };
        });
        const accountIds = [...accounts.keys()].map(String);
        const { ids, again, fault } = await readWhole("v1/transactions", client, { accountIds });
        const all = accounts.flatMap((instants, account) => instants.map((at) => `${account}:${at}`));
        expect({ ids: ids.toSorted(), again, fault }).toEqual({ ids: all.toSorted(), again: [], fault: null });
      }),
    );
  });
});

describe("a list that shifts while it is read", () => {
  /**
   * What happens between two requests: things that come to the front, made or changed, fewer than a page of them; or things
   * that go. Counting cannot tell a thing that goes from another that comes in its place.
   */
  const shifts = fc.oneof(
    fc.record({ made: fc.nat(2), changed: fc.array(fc.nat(20), { maxLength: 1 }) }),
    fc.record({
      gone: fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }),
      changed: fc.array(fc.nat(20), { maxLength: 3 }),
    }),
    fc.constant({}),
  );
  type Shift = { made?: number; changed?: readonly number[]; gone?: readonly number[] };
  const PAGE_SIZE = 4;

  /** Reads a list of so many items; `shifts` happen one after another, the first after the first request. */
  async function readShifting(count: number, shiftsLeft: readonly Shift[]) {
    let made = 0;
    const make = (several: number) => Array.from({ length: several }, () => `i${(made += 1)}`);
    let all = make(count);
    const throughout = new Set(all);
    const left = [...shiftsLeft];
    const { client } = qontoThat(({ page }) => {
      const total = all.length;
      const items = itemsOf(all.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE));
      const next = page * PAGE_SIZE < total ? page + 1 : null;
      const answer = page > 1 && items.length === 0 ? 422 : { items, total, next };
      const shift = left.shift() ?? {};
      for (const index of shift.gone ?? []) {
        for (const id of all.splice(index % Math.max(1, all.length), 1)) throughout.delete(id);
      }
      for (const index of shift.changed ?? []) all.unshift(...all.splice(index % Math.max(1, all.length), 1));
      all = [...make(shift.made ?? 0), ...all];
      return answer;
    });
    const read = await readWhole("v1/products", client).catch((error: unknown) => {
      if (error instanceof TooManyResults) return { ids: [], again: [], fault: error.message };
      throw error;
    });
    return { ...read, missed: [...throughout.difference(new Set(read.ids))] };
  }

  it("is complete only when all was seen that was there throughout, and yields nothing twice", async () => {
    let complete = 0;
    let again = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(16), fc.array(shifts, { maxLength: 12 }), async (count, all) => {
        const read = await readShifting(count, all);
        expect(new Set(read.ids).size).toBe(read.ids.length);
        if (read.fault !== null) return;
        complete += 1;
        again += read.again.length;
        expect(read.missed).toEqual([]);
      }),
      { numRuns: 3_000 },
    );
    // Else it would say nothing.
    expect(complete).toBeGreaterThan(200);
    expect(again).toBeGreaterThan(50);
  });

  it("is complete at once when all that happens is that things are made", async () => {
    const { again, fault, missed } = await readShifting(10, [{ made: 2 }, { made: 1 }]);
    expect({ again, fault, missed }).toEqual({ again: [], fault: null, missed: [] });
  });
});

it("ids that are numbers beyond 2^53 are told apart by each digit", async () => {
  const numbers = ["9007199254740992", "9007199254740993"];
  const items = numbers.map((number) => ({ id: JSON.rawJSON(number) }));
  const { client } = qontoThat(() => ({ items, total: 2 }));
  expect((await readWhole("v1/products", client)).ids).toEqual(numbers);
});

it("an item without an id is no answer of Qonto's", async () => {
  const { client } = qontoThat(() => ({ items: [{ name: "nameless" }], total: 1 }));
  await expect(readWhole("v1/products", client)).rejects.toThrow(/not as documented .*v1\/products without an id/);
});

it("what Qonto does not answer is asked again in a later run, and nothing else", async () => {
  let isDown = false;
  const { client, asked } = qontoThat(({ page }) =>
    isDown ? 429 : { items: [{ id: `p${page}` }], total: 2, next: page === 1 ? 2 : null },
  );
  const first = await readPage(begin("v1/products"), client);
  const second = first.next ?? begin("v1/products");
  isDown = true;
  await expect(readPage(second, client)).rejects.toThrow(QontoUnavailable);
  isDown = false;
  expect(await readPage(second, client)).toMatchObject({ fresh: [{ id: "p2" }], next: null, again: null });
  expect(asked.map(({ page }) => page)).toEqual([1, 2, 2]);
});

it("a reading is some 110 KB of text at most, however much is listed", async () => {
  const sizes: number[] = [];
  const { client } = qontoThat(({ query, page }) => ({
    items: itemsOf(Array.from({ length: 100 }, (_, index) => `${query.get("bank_account_id")}-${page}-${index}`)),
    total: MOST_RESULTS,
    next: page < MOST_RESULTS / 100 ? page + 1 : null,
  }));
  let reading = beginReading("v1/transactions", { accountIds: ["a1", "a2"], sinceMs: 0, asOfMs: 0 });
  let read = 0;
  while (reading !== null) {
    const { fresh, next } = await readPage(reading, client);
    read += fresh.length;
    reading = next;
    sizes.push(JSON.stringify(next).length);
  }
  expect(read).toBe(2 * MOST_RESULTS);
  expect(Math.max(...sizes)).toBeGreaterThan(100_000);
  expect(Math.max(...sizes)).toBeLessThan(112_000);
});

describe("what is asked for", () => {
  const asked = async (type: string, accountIds: readonly string[] = []): Promise<readonly ListQuery[]> => {
    const qonto = qontoThat(() => ({ items: [], total: 0 }));
    await readWhole(type, qonto.client, { accountIds, sinceMs: Date.parse("2026-02-01T00:00:00Z") });
    return qonto.asked;
  };

  it("is each account's transactions, of all statuses, newest first", async () => {
    const queries = await asked("v1/transactions", ["a1", "a2"]);
    expect(queries.map(({ query }) => query.get("bank_account_id"))).toEqual(["a1", "a2"]);
    for (const { path, query } of queries) {
      expect(path).toBe("/v2/transactions");
      expect(query.getAll("status[]")).toEqual(["pending", "declined", "completed"]);
      expect(query.get("sort_by")).toBe("updated_at:desc");
      expect(query.get("updated_at_from")).toBe("2026-02-01T00:00:00.000Z");
      expect(query.has("updated_at_to")).toBe(false);
    }
  });

  it("is nothing where there is no account", async () => {
    expect(await asked("v1/transactions")).toEqual([]);
  });

  it("is what has changed since, where a list can be asked by time", async () => {
    const [invoices] = await asked("v1/client-invoices");
    expect(invoices?.query.get("filter[updated_at_from]")).toBe("2026-02-01T00:00:00.000Z");
    const [cards] = await asked("v1/cards");
    expect([...(cards?.query.keys() ?? [])]).toEqual(["per_page", "page"]);
  });
});
