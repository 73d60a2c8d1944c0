import { expect, it } from "vitest";
import { describeTimes, undisturbed } from "../../chaos/latency.ts";

const passage = (acknowledgedAt: number) => ({ acknowledgedAt, arrivedAt: acknowledgedAt + 1_000 });

it("a passage is disturbed from five seconds before a kill until the relay is back", () => {
  const outages = [{ from: 10_000, until: 16_000 }];
  const passages = [4_999, 5_000, 16_000, 16_001].map(passage);
  expect(undisturbed(passages, outages)).toEqual([passage(4_999), passage(16_001)]);
});

it("times are told by their median, 99th percentile and greatest", () => {
  const times = Array.from({ length: 200 }, (_, index) => index + 1).toReversed();
  expect(describeTimes(times)).toBe("p50 101 ms, p99 199 ms, max 200 ms (200)");
  expect(describeTimes([-3])).toBe("p50 0 ms, p99 0 ms, max 0 ms (1)");
  expect(describeTimes([])).toBe("none");
});
