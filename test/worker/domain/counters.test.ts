import { describe, expect, it } from "vitest";
import { Counters, boundOf, seriesOf, sumOf } from "../../../src/domain/counters.ts";

describe("counters", () => {
  it("count by name and labels, and are empty after they are taken", () => {
    const counters = new Counters();
    counters.count("a", { x: "1" });
    counters.count("a", { x: "1" }, 2);
    counters.count("a", { x: "2" });
    expect(counters.take(0)).toEqual({ 'a{x="1"}': 3, 'a{x="2"}': 1 });
    expect(counters.take(0)).toEqual({});
  });

  it("take back counts that could not be written, and add to them", () => {
    const counters = new Counters();
    counters.count("a", {});
    const taken = counters.take(0);
    counters.count("a", {});
    counters.giveBack(taken);
    expect(counters.take(0)).toEqual({ a: 2 });
  });

  it.each([
    [0, ["0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "0.75", "1", "+Inf"]],
    [10, ["0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "0.75", "1", "+Inf"]],
    [11, ["0.025", "0.05", "0.1", "0.25", "0.5", "0.75", "1", "+Inf"]],
    [1_000, ["1", "+Inf"]],
    [1_001, ["+Inf"]],
  ])("put %i ms into the buckets %j", (durationMs, buckets) => {
    const counters = new Counters();
    counters.observe("t", durationMs);
    const { t_sum, t_count, ...counts } = counters.take(0);
    expect(counts).toEqual(Object.fromEntries(buckets.map((le) => [`t_bucket{le="${le}"}`, 1])));
    expect([t_sum, t_count]).toEqual([durationMs / 1000, 1]);
  });

  it("are due after a minute, unless nothing was counted", () => {
    const counters = new Counters();
    expect(counters.isDue(1_000)).toBe(false);
    expect(counters.isDue(100_000)).toBe(false);
    counters.count("a", {});
    expect(counters.isDue(60_999)).toBe(false);
    expect(counters.isDue(61_000)).toBe(true);
    counters.take(61_000);
    counters.count("a", {});
    expect(counters.isDue(120_999)).toBe(false);
    expect(counters.isDue(121_000)).toBe(true);
  });

  it("hold a bounded number of series", () => {
    const counters = new Counters();
    for (let number = 0; number < 3_000; number += 1) counters.count("a", { number: String(number) });
    counters.count("a", { number: "0" });
    const counts = counters.take(0);
    expect(Object.keys(counts)).toHaveLength(2_000);
    expect(counts['a{number="0"}']).toBe(2);
  });
});

it("labels are escaped as in the text format of Prometheus", () => {
  expect(seriesOf("a", { x: 'say "hi"\\\n' })).toBe('a{x="say \\"hi\\"\\\\\\n"}');
});

describe("counts", () => {
  it("are summed over the series of a name that have a label", () => {
    const counters = new Counters();
    counters.count("a", { x: "1", y: "1" }, 1);
    counters.count("a", { x: "1", y: "2" }, 2);
    counters.count("a", { x: 'x="1"' }, 4);
    counters.count("ab", { x: "1" }, 8);
    const counts = counters.take(0);
    expect(sumOf(counts, "a")).toBe(7);
    expect(sumOf(counts, "a", { x: "1" })).toBe(3);
    expect(sumOf(counts, "a", { x: "1", y: "2" })).toBe(2);
    expect(sumOf(counts, "a", { x: "2" })).toBe(0);
  });

  it("give the bound within which a share of the durations lies", () => {
    const counters = new Counters();
    expect(boundOf({}, "t", 0.5)).toBeNull();
    for (let time = 0; time < 99; time += 1) counters.observe("t", 10);
    counters.observe("t", 1_001);
    const counts = counters.take(0);
    expect(boundOf(counts, "t", 0.5)).toBe(10);
    expect(boundOf(counts, "t", 0.99)).toBe(10);
    expect(boundOf(counts, "t", 0.991)).toBe(Infinity);
  });
});
