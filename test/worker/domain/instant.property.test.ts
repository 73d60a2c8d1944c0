import * as fc from "fast-check";
import { expect, it } from "vitest";
import { type Instant, parseInstant } from "../../../src/domain/instant.ts";

function read(value: unknown): Instant {
  const instant = parseInstant(value);
  if (instant === null) throw new Error(`${JSON.stringify(value)} is read as no instant`);
  return instant;
}

const MINUTE_SECONDS = 60;

const secondsOf = (iso: string) => Date.parse(iso) / 1000;
const wallClock = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19);
const rfc1123 = (seconds: number) => new Date(seconds * 1000).toUTCString();
const offsetText = (minutes: number, colon: string) => {
  const [hours, rest] = [Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}${colon}${String(rest).padStart(2, "0")}`;
};

/** An instant, to the nanosecond. */
const moment = fc.record({
  seconds: fc.integer({ min: secondsOf("1990-01-01T00:00:00Z"), max: secondsOf("2200-01-01T00:00:00Z") }),
  fraction: fc.stringMatching(/^\d{0,9}$/),
});
type Moment = { readonly seconds: number; readonly fraction: string };
const keyOf = ({ seconds, fraction }: Moment) => [seconds, fraction.padEnd(9, "0")] as const;

/** Ways of writing it down. */
const spelling = fc
  .record({
    separator: fc.constantFrom("T", "t", " "),
    blank: fc.constantFrom("", " "),
    colon: fc.constantFrom("", ":"),
    mark: fc.constantFrom(".", ","),
    minutes: fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 }),
    utc: fc.option(fc.constantFrom("Z", "z", "UTC", "GMT", "")),
    isBasic: fc.boolean(),
    around: fc.constantFrom("", " ", "\n"),
  })
  .map(
    ({ separator, blank, colon, mark, minutes, utc, isBasic, around }) =>
      ({ seconds, fraction }: Moment): string => {
        const local = wallClock(utc === null ? seconds + minutes * MINUTE_SECONDS : seconds).replace("T", separator);
        const written = isBasic ? local.replaceAll(/[-:]/g, "") : local;
        const zone = utc ?? offsetText(minutes, colon);
        return (
          around +
          written +
          (fraction === "" ? "" : mark + fraction) +
          blank.repeat(Math.sign(zone.length)) +
          zone +
          around
        );
      },
  );

it("an instant is the same in every notation", () => {
  fc.assert(
    fc.property(moment, spelling, (one, write) => {
      const { seconds, fraction } = one;
      const plain = read(`${wallClock(seconds)}${fraction === "" ? "" : `.${fraction}`}Z`);
      expect(read(write(one))).toEqual(plain);
      expect(read(plain.iso)).toEqual(plain);
      expect(Date.parse(plain.iso)).toBe(Number(`${seconds}${fraction.padEnd(9, "0").slice(0, 3)}`));
    }),
    { numRuns: 1_000 },
  );
});

it("Unix time and the date of an HTTP header are the same instant as its ISO 8601", () => {
  fc.assert(
    fc.property(moment, fc.nat(999), ({ seconds }, ms) => {
      const milliseconds = seconds * 1000 + ms;
      const { sortKey } = read(new Date(milliseconds).toISOString());
      expect(read(milliseconds).sortKey).toBe(sortKey);
      expect(read(String(milliseconds)).sortKey).toBe(sortKey);
      expect(read(milliseconds / 1000).sortKey).toBe(sortKey);
      expect(read(seconds)).toEqual(read(`${wallClock(seconds)}Z`));
      expect(read(rfc1123(seconds))).toEqual(read(seconds));
    }),
  );
});

it("instants sort as their keys do, in every notation", () => {
  fc.assert(
    fc.property(moment, moment, fc.boolean(), spelling, spelling, (one, other, isNear, writeOne, writeOther) => {
      const near = isNear ? { ...other, seconds: one.seconds } : other;
      const [left, right] = [keyOf(one), keyOf(near)];
      const order = Math.sign(left[0] - right[0] || Number(left[1]) - Number(right[1]));
      const [leftKey, rightKey] = [read(writeOne(one)).sortKey, read(writeOther(near)).sortKey];
      expect(leftKey < rightKey ? -1 : Number(leftKey > rightKey)).toBe(order);
    }),
    { numRuns: 1_000 },
  );
});

/** Texts that are nearly instants, and many that are. */
const nearly = fc
  .tuple(
    fc.constantFrom("0000", "9999", "2016", "2026"),
    fc.constantFrom("-01-01", "-12-31", "-02-29", "-06-30", "1231", "-13-01", "-11-31"),
    fc.constantFrom("T", " ", ""),
    fc.constantFrom("00", "11", "23", "24", "25"),
    fc.constantFrom(":00:00", ":59:59", ":59:60", ":30", "5960", ""),
    fc.constantFrom("", ".5", ",999999999999", ".0"),
    fc.constantFrom("", "Z", " UTC", "+01:00", "-23:59", "+24:00", " -0100", "CET"),
  )
  .map((parts) => parts.join(""));

it("every text that is read gives a date-time with a year of four digits, and is the same instant when read again", () => {
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: nearly }, fc.string(), fc.double(), fc.nat()), (value) => {
      const instant = parseInstant(value);
      if (instant === null) return;
      expect(instant.iso).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
      expect(instant.sortKey).toMatch(/^\d{12}\.\d{9}$/);
      expect(Date.parse(instant.iso)).not.toBeNaN();
      expect(parseInstant(instant.iso)?.sortKey).toBe(instant.sortKey);
    }),
    { numRuns: 5_000 },
  );
});
