import { parseInstant } from "../domain/instant.ts";
import { wrongUsage } from "./fault.ts";

const unitsMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Unix milliseconds of an instant (ISO 8601, or Unix seconds), in UTC without a zone, or of a time ago (`90s`, `2h`, `3d`). */
export function readTime(text: string, option: string, nowMs: number): number {
  const [, amount, unit = ""] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  if (amount !== undefined) return nowMs - Number(amount) * (unitsMs[unit] ?? 0);
  const instant = parseInstant(text);
  if (instant === null) {
    throw wrongUsage(
      `${option} is no time.`,
      "Write an instant, 2026-01-31T10:00:00Z or 2026-01-31T10:00+01:00, or how long ago: 90s, 15m, 2h, 3d.",
    );
  }
  return Date.parse(instant.iso);
}
