import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRetryAfter } from "../../../src/domain/retry-after.ts";

const now = Date.parse("2026-03-01T12:00:00Z");

describe("Retry-After", () => {
  it.each([
    ["120", 120],
    ["0", 0],
    ["7.5", 7.5],
    [" 7 ", 7],
    ["0007", 7],
    ["9".repeat(400), Number.MAX_SAFE_INTEGER],
    ["Sun, 01 Mar 2026 12:01:30 GMT", 90],
    ["Sun, 1 Mar 2026 12:01:30 GMT", 90],
    ["sun, 01 mar 2026 12:01:30 gmt", 90],
    ["Sunday, 01-Mar-26 12:01:30 GMT", 90],
    ["Sun Mar  1 12:01:30 2026", 90],
    ["Sun, 01 Mar 2026 12:00:60 GMT", 60],
  ])("of %j is %d seconds", (header, seconds) => {
    expect(parseRetryAfter(header, now)).toBe(seconds);
  });

  it.each(["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])(
    "of the past, %j, is no wait",
    (header) => {
      expect(parseRetryAfter(header, now)).toBe(0);
      expect(parseRetryAfter(header, Date.parse("1994-11-06T08:49:00Z"))).toBe(37);
    },
  );

  it.each([
    ["7, 9", 9],
    ["9,7", 9],
    ["7, soon", 7],
    ["soon, 7", 7],
    [",7,,", 7],
    ["Sun, 01 Mar 2026 12:01:30 GMT, Sun, 01 Mar 2026 12:02:00 GMT", 120],
    ["Sunday, 01-Mar-26 12:01:30 GMT, 7", 90],
    ["100, Sun Mar  1 12:01:30 2026, Sun, 01 Mar 2026 12:00:05 GMT", 100],
    ["Sun, 7", null],
  ])("of several lines, %j, is %d seconds: the longest", (header, seconds) => {
    expect(parseRetryAfter(header, now)).toBe(seconds);
  });

  it.each([
    null,
    "",
    ",",
    "soon",
    "+7",
    "-5",
    "1e3",
    "7.",
    ".5",
    "7 s",
    "Infinity",
    "NaN",
    "0x10",
    "try 2099",
    "Mar 2099",
    "2026-03-01T12:01:30Z",
    "Sun, 01 Mar 2026 12:01:30",
    "Sun, 01 Mar 2026 12:01:30 CET",
    "Sun, 30 Feb 2027 12:01:30 GMT",
    "Sun, 00 Mar 2027 12:01:30 GMT",
    "Sun, 01 Mar 2027 24:00:00 GMT",
    "Sun, 01 Mar 2027 12:60:00 GMT",
    "Sun, 01 Mar 2027 12:01:61 GMT",
    "Sun, 01 Mai 2027 12:01:30 GMT",
  ])("of %j is null", (header) => {
    expect(parseRetryAfter(header, now)).toBeNull();
  });

  it.each([
    ["94", 0],
    ["26", 86_400],
    ["75", (Date.parse("2075-03-02T12:00:00Z") - now) / 1000],
    // A day more than 50 years ahead: 1976.
    ["76", 0],
  ])("reads the year %j as the last one that is not more than 50 years ahead", (year, seconds) => {
    expect(parseRetryAfter(`Monday, 02-Mar-${year} 12:00:00 GMT`, now)).toBe(seconds);
  });

  it("reads a year of the next century shortly before that begins", () => {
    const newYearsEve = Date.parse("2099-12-31T23:59:50Z");
    expect(parseRetryAfter("Friday, 01-Jan-00 00:00:00 GMT", newYearsEve)).toBe(10);
  });
});

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The three forms of a date that a server may choose from. */
function formsOf(instant: number): [string, string, string] {
  const imf = new Date(instant).toUTCString();
  const [, weekday = "", day = "", month = "", year = "", time = ""] =
    /^(\w+), (\d+) (\w+) (\d+) (\S+)/.exec(imf) ?? [];
  return [
    imf,
    `${weekday}day, ${day}-${month}-${year.slice(-2)} ${time} GMT`,
    asctime(weekday, month, day, time, year),
  ];
}

function asctime(weekday: string, month: string, day: string, time: string, year: string): string {
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}

const seconds = fc.oneof(
  fc.nat(),
  fc.integer({ min: 0, max: 10 ** 6 }).map((hundredths) => hundredths / 100),
);
const instants = fc.integer({ min: 0, max: 49 * 365 * 86_400 }).map((ahead) => now + ahead * 1000);
const asked = fc.oneof(
  seconds.map((wait) => ({ text: String(wait), wait })),
  fc.tuple(instants, fc.nat(2)).map(([at, form]) => ({ text: formsOf(at)[form] ?? "", wait: (at - now) / 1000 })),
);

describe("whatever a server answers", () => {
  it("the longest of several values counts, in any form and order", () => {
    const noise = fc.constantFrom("soon", "", "-1", "later than that", "1e9");
    fc.assert(
      fc.property(
        fc.array(asked, { minLength: 1 }),
        fc.array(noise),
        fc.constantFrom(",", ", "),
        (all, others, comma) => {
          const header = [...all.map(({ text }) => text), ...others].join(comma);
          expect(parseRetryAfter(header, now)).toBe(Math.max(...all.map(({ wait }) => wait)));
        },
      ),
    );
  });

  it("is null, or a finite number of seconds that is not negative", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(...MONTHS, "Sun,", "Sunday,", " ", ",", "12:00:00", "GMT", "99", "-"),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const wait = parseRetryAfter(pieces.join(""), now);
        expect(wait === null || (Number.isFinite(wait) && wait >= 0)).toBe(true);
      }),
    );
  });
});
