import { expect, it } from "vitest";
import { readTime } from "../../../src/cli/read-time.ts";

const NOW = Date.parse("2026-11-30T00:00:00Z");

it.each([
  ["2026-11-29T10:00", "2026-11-29T10:00:00.000Z"],
  ["2026-11-29T10:00Z", "2026-11-29T10:00:00.000Z"],
  ["2026-11-29T10:00:00+01:00", "2026-11-29T09:00:00.000Z"],
  ["2026-11-29 10:00:00.5 UTC", "2026-11-29T10:00:00.500Z"],
  ["2026-11-29", "2026-11-29T00:00:00.000Z"],
  ["1764410700", "2025-11-29T10:05:00.000Z"],
  ["1764410700123", "2025-11-29T10:05:00.123Z"],
  ["90s", "2026-11-29T23:58:30.000Z"],
  ["2h", "2026-11-29T22:00:00.000Z"],
  ["1w", "2026-11-23T00:00:00.000Z"],
])("the time %s is %s", (text, iso) => {
  expect(new Date(readTime(text, "--since", NOW)).toISOString()).toBe(iso);
});

it.each(["yesterday", "2026-11-31", "10:00", "2026", "2x", ""])("%j is no time", (text) => {
  expect(() => readTime(text, "--since", NOW)).toThrow("--since is no time.");
});
