import { describe, expect, it } from "vitest";
import { GroupCommit } from "../../../src/platform/group-commit.ts";
import { sleep } from "../../../src/platform/timeout.ts";
import { Clock } from "../support/clock.ts";

const clock = new Clock();

const pass = (ms: number) => clock.waitFor(sleep(ms, clock));

const WRITE_MS = 10;

interface Write {
  readonly items: readonly string[];
  readonly isRepeated: boolean;
}

type Answer = (write: Write) => Promise<readonly string[]>;

const written: Answer = async ({ items }) => {
  await sleep(WRITE_MS, clock);
  return items.map((item) => `${item} is written`);
};

function groupOf(answers: readonly Answer[], limit = { items: 10, weight: 1_000 }) {
  const writes: Write[] = [];
  const write = (items: readonly string[], isRepeated: boolean) => {
    writes.push({ items, isRepeated });
    return (answers[writes.length - 1] ?? written)({ items, isRepeated });
  };
  return { group: new GroupCommit(write, { weigh: (item: string) => item.length, limit, timers: clock }), writes };
}

const itemsOf = (writes: readonly Write[]) => writes.map(({ items }) => items.join(""));

async function outcomes(promises: readonly Promise<string>[]): Promise<string[]> {
  const settled = await clock.waitFor(Promise.allSettled(promises));
  return settled.map((one) => (one.status === "fulfilled" ? one.value : String(one.reason)));
}

const fails: Answer = () => Promise.reject(new Error("no"));
const hangs: Answer = () => new Promise(() => undefined);

describe("an item", () => {
  it("that is alone is written at once", async () => {
    const { group, writes } = groupOf([]);
    void group.add("a");
    expect(writes).toEqual([{ items: ["a"], isRepeated: false }]);
    await pass(WRITE_MS);
    void group.add("b");
    expect(itemsOf(writes)).toEqual(["a", "b"]);
  });

  it("that comes while another is written goes with the next write, and each gets its own outcome", async () => {
    const { group, writes } = groupOf([]);
    const all = ["a", "b", "c", "d"].map((item) => group.add(item));
    expect(await outcomes(all)).toEqual(["a is written", "b is written", "c is written", "d is written"]);
    expect(itemsOf(writes)).toEqual(["a", "bcd"]);
  });

  it("that comes during the next write goes with the one after that", async () => {
    const { group, writes } = groupOf([]);
    const all = ["a", "b"].map((item) => group.add(item));
    await pass(WRITE_MS + 5);
    all.push(group.add("c"), group.add("d"));
    expect(await outcomes(all)).toHaveLength(4);
    expect(itemsOf(writes)).toEqual(["a", "b", "cd"]);
  });

  it.each([
    ["number", { items: 2, weight: 1_000 }, ["1", "2", "3", "4", "5"], ["1", "23", "45"]],
    ["weight", { items: 10, weight: 4 }, ["1", "22", "22", "333", "4", "55555"], ["1", "2222", "3334", "55555"]],
  ])("goes with as many others as there is room for, by %s", async (_title, limit, items, expected) => {
    const { group, writes } = groupOf([], limit);
    await outcomes(items.map((item) => group.add(item)));
    expect(itemsOf(writes)).toEqual(expected);
  });
});

describe("a write that fails", () => {
  it("is repeated for each item of the group alone, so that none fails by another", async () => {
    const poisoned: Answer = (write) => (write.items.includes("c") ? fails(write) : written(write));
    const { group, writes } = groupOf(Array.from({ length: 5 }, () => poisoned));
    const all = ["a", "b", "c", "d"].map((item) => group.add(item));
    expect(await outcomes(all)).toEqual(["a is written", "b is written", "Error: no", "d is written"]);
    expect(writes.slice(2).every(({ items, isRepeated }) => items.length === 1 && isRepeated)).toBe(true);
  });

  it("of one item fails, and those that wait are written", async () => {
    const { group } = groupOf([fails]);
    expect(await outcomes(["a", "b"].map((item) => group.add(item)))).toEqual(["Error: no", "b is written"]);
  });

  it("to return outcomes for all of a group is made again for the others", async () => {
    const { group, writes } = groupOf([written, async () => ["b is written"]]);
    const all = ["a", "b", "c"].map((item) => group.add(item));
    expect(await outcomes(all)).toEqual(["a is written", "b is written", "c is written"]);
    expect(writes.at(-1)).toEqual({ items: ["c"], isRepeated: true });
  });
});

describe("a write that hangs", () => {
  it("is waited for a tenth of a second, and then the next write begins", async () => {
    const { group, writes } = groupOf([hangs]);
    void group.add("a");
    const waiting = ["b", "c"].map((item) => group.add(item));
    await pass(99);
    expect(itemsOf(writes)).toEqual(["a"]);
    expect(await outcomes(waiting)).toEqual(["b is written", "c is written"]);
    expect(itemsOf(writes)).toEqual(["a", "bc"]);
    await outcomes([group.add("d")]);
    expect(itemsOf(writes)).toEqual(["a", "bc", "d"]);
  });

  it("fails its whole group in the end", async () => {
    const { group } = groupOf([written, hangs]);
    const all = ["a", "b", "c"].map((item) => group.add(item));
    const last = await clock.waitFor(Promise.allSettled([all[2]]));
    expect(last).toEqual([{ status: "rejected", reason: expect.any(Error) }]);
  });

  it("delays nobody when it ends after all", async () => {
    const late: Answer = async (write) => {
      await sleep(500, clock);
      return written(write);
    };
    const { group, writes } = groupOf([late]);
    const all = ["a", "b"].map((item) => group.add(item));
    await pass(300);
    all.push(group.add("c"));
    expect(await outcomes(all)).toEqual(["a is written", "b is written", "c is written"]);
    expect(itemsOf(writes)).toEqual(["a", "b", "c"]);
  });
});
