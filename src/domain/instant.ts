/** A point in time with whatever precision its text had. */
export interface Instant {
  /** ISO 8601 in UTC, of the years 0000 to 9999: a `date-time` of RFC 3339. */
  readonly iso: string;
  /** Sorts as the instants do, to the nanosecond. */
  readonly sortKey: string;
}

/** `2026-11-29`, or `20261129`. */
const isoDate = /(?<year>\d{4})(?<dash>-?)(?<month>\d\d)\k<dash>(?<day>\d\d)/;
/** `Sun, 29 Nov 2026` (RFC 5322, RFC 9110). The weekday is not checked. */
const namedDate = /(?:[a-z]{3}, ?)?(?<day>\d\d?) (?<month>[a-z]{3}) (?<year>\d{4})/;
/** `10:05:00.5+01:00`, `10:05 UTC`, `100500Z`, `10`. */
const time =
  /(?<hour>\d\d)(?:(?<colon>:?)(?<minute>\d\d)(?:\k<colon>(?<second>\d\d))?(?:[.,](?<fraction>\d+))?)?(?: ?(?<zone>z|utc?|gmt|[+-]\d\d(?::?\d\d)?))?/;
const isoPattern = new RegExp(`^${isoDate.source}(?:[t ]${time.source})?$`, "i");
const namedPattern = new RegExp(`^${namedDate.source} ${time.source}$`, "i");
/** Seconds of 9 or 10 digits, milliseconds of 12 or 13: 1973 to 2286. Other numbers are more likely years, days or counters. */
const unixPattern = /^(?<seconds>\d{9,10})(?:(?<milliseconds>\d{3})|\.(?<fraction>\d+))?$/;

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const SECONDS_FROM_YEAR_0_TO_1970 = 62_167_219_200;
const LAST_SECOND_OF_YEAR_9999 = 253_402_300_799;

/** ISO 8601 of Unix milliseconds. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** The instant of Unix milliseconds. */
export function instantAt(ms: number): Instant {
  const instant = parseInstant(isoTime(ms));
  if (instant === null) throw new Error(`${ms} is no time`);
  return instant;
}

/**
 * Reads an ISO 8601 date or date-time (also as Ruby and SQL write it: blanks for `T` and before the zone), the date of an HTTP
 * header, and Unix seconds or milliseconds. Without a zone it is UTC. Returns null for anything else: Qonto's own examples have
 * `2022-11-31`.
 */
export function parseInstant(value: unknown): Instant | null {
  if (typeof value !== "string") return readUnix(numberText(value));
  const text = value.trim();
  const parts = (isoPattern.exec(text) ?? namedPattern.exec(text))?.groups;
  return parts === undefined ? readUnix(text) : readParts(parts);
}

/** The text of a number, also of a raw JSON number; empty for anything else. */
function numberText(value: unknown): string {
  if (JSON.isRawJSON(value)) return String(Number(JSON.stringify(value)));
  return typeof value === "number" ? String(value) : "";
}

type Parts = Readonly<Record<string, string | undefined>>;

function readUnix(text: string): Instant | null {
  const { seconds, milliseconds, fraction = "" }: Parts = unixPattern.exec(text)?.groups ?? {};
  return seconds === undefined ? null : toInstant(Number(seconds), milliseconds ?? fraction);
}

function readParts({ hour = "00", minute = "00", second, fraction = "", zone = "Z", ...date }: Parts): Instant | null {
  const midnight = midnightSeconds(date);
  const offset = zoneOffsetSeconds(zone);
  if (midnight === null || offset === null || Number(minute) > 59) return null;
  const ofDay = { hour: Number(hour), second: Number(second ?? 0) };
  const isEndOfDay = hour === "24" && !/[1-9]/.test(minute + (second ?? "") + fraction);
  if (ofDay.hour > 23 && !isEndOfDay) return null;

  const seconds = midnight + ofDay.hour * 3600 + Number(minute) * 60 + ofDay.second - offset;
  if (ofDay.second > 59) return ofDay.second === 60 ? readLeapSecond(seconds) : null;
  return second === undefined ? readPartOfMinute(seconds, fraction) : toInstant(seconds, fraction);
}

/** Unix seconds at which a date begins; null when there is no such day. */
function midnightSeconds({ year = "", month = "", day = "" }: Parts): number | null {
  const number = /\d/.test(month) ? month : String(months.indexOf(month.toLowerCase()) + 1).padStart(2, "0");
  const date = `${year}-${number}-${day.padStart(2, "0")}`;
  const ms = Date.parse(`${date}T00:00:00Z`);
  // Date.parse rolls 31 November over to 1 December.
  return Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(date) ? null : ms / 1000;
}

function zoneOffsetSeconds(zone: string): number | null {
  if (/^[a-z]/i.test(zone)) return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(":", "") || "0");
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 3600 + minutes * 60);
}

/**
 * `23:59:60` at the end of a month in UTC, where leap seconds are. Unix time has no leap seconds, so it becomes the last
 * nanosecond before `next`, and sorts between its neighbours.
 */
function readLeapSecond(next: number): Instant | null {
  return toInstant(next, "")?.iso.endsWith("-01T00:00:00Z") ? toInstant(next - 1, "999999999") : null;
}

/** A fraction after the minutes is one of a minute. */
function readPartOfMinute(seconds: number, fraction: string): Instant | null {
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0")) * 60;
  const rest = String(nanoseconds % 1e9).padStart(9, "0");
  return toInstant(seconds + Math.floor(nanoseconds / 1e9), rest.replace(/0+$/, ""));
}

/** Null outside of the years 0000 to 9999. */
function toInstant(seconds: number, fraction: string): Instant | null {
  if (seconds < -SECONDS_FROM_YEAR_0_TO_1970 || seconds > LAST_SECOND_OF_YEAR_9999) return null;
  const whole = new Date(seconds * 1000).toISOString().replace(".000Z", "");
  return {
    iso: fraction === "" ? `${whole}Z` : `${whole}.${fraction}Z`,
    sortKey: `${String(seconds + SECONDS_FROM_YEAR_0_TO_1970).padStart(12, "0")}.${fraction.slice(0, 9).padEnd(9, "0")}`,
  };
}
