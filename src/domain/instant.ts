/** A point in time with whatever precision its text had. */
export interface Instant {
  /** ISO 8601 in UTC. */
  readonly iso: string;
  /** Sorts as the instants do, to the nanosecond. */
  readonly sortKey: string;
}

const pattern =
  /^(?<date>\d{4}-\d{2}-\d{2})(?:[Tt ](?<time>\d{2}:\d{2}:\d{2})(?:[.,](?<fraction>\d+))?(?<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;

const SECONDS_FROM_YEAR_0_TO_1970 = 62_167_219_200;

/**
 * Reads an ISO 8601 date or date-time; without a zone it is UTC. Returns null for anything that names no instant:
 * Qonto's own examples hold `2022-11-31`.
 */
export function parseInstant(text: unknown): Instant | null {
  if (typeof text !== "string") return null;
  const parts = pattern.exec(text)?.groups;
  if (parts === undefined) return null;

  const wallClock = `${parts["date"]}T${parts["time"] ?? "00:00:00"}`;
  const wallClockMs = Date.parse(`${wallClock}Z`);
  // Date.parse rolls 31 November over to 1 December.
  if (Number.isNaN(wallClockMs) || !new Date(wallClockMs).toISOString().startsWith(wallClock)) return null;
  const offsetSeconds = zoneOffsetSeconds(parts["zone"] ?? "Z");
  if (offsetSeconds === null) return null;

  const seconds = wallClockMs / 1000 - offsetSeconds;
  const fraction = parts["fraction"] ?? "";
  return {
    iso: utcText(seconds, fraction),
    sortKey: `${String(seconds + SECONDS_FROM_YEAR_0_TO_1970).padStart(12, "0")}.${fraction.slice(0, 9).padEnd(9, "0")}`,
  };
}

function zoneOffsetSeconds(zone: string): number | null {
  if (zone.toUpperCase() === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(":", "") || "0");
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 3600 + minutes * 60);
}

function utcText(seconds: number, fraction: string): string {
  const whole = new Date(seconds * 1000).toISOString().replace(".000Z", "");
  return fraction === "" ? `${whole}Z` : `${whole}.${fraction}Z`;
}
