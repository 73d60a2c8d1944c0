import * as fc from "fast-check";
import sift from "sift";
import { expect, it } from "vitest";
import { compareDecimals, readDecimal } from "../../../src/domain/decimal.ts";
import { explainMismatch, matchesFilter } from "../../../src/domain/filter.ts";
import { readFilter } from "../../../src/domain/read-filter.ts";
import { parseJsonByValue, parseJsonLosslessly } from "../../../src/platform/json.ts";

/**
 * What filters and sift's queries both define. No number is written as a text. sift finds null where nothing is, and nothing to
 * deny in an empty list.
 */
const literal = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom("a", "b", "é"), fc.boolean());
const scalar = fc.oneof(literal, fc.constant(null));
const ordered = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom("a", "b", "é"));
const path = fc.constantFrom("a", "b", "a.b", "b.c", "a.b.c", "list");
const value = fc.letrec((tie) => ({
  document: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3 }),
  value: fc.oneof({ depthSize: "small" }, scalar, tie("document")),
})).document;
const body = fc.record({
  a: fc.oneof(value, scalar),
  b: value,
  list: fc.array(scalar, { minLength: 1, maxLength: 3 }),
});

const test = fc.oneof(
  literal,
  fc.record({ $eq: literal }),
  fc.record({ $ne: literal }),
  fc.record({ $gt: ordered }),
  fc.record({ $gte: ordered }),
  fc.record({ $lt: ordered }),
  fc.record({ $lte: ordered }),
  fc.record({ $in: fc.array(literal, { minLength: 1, maxLength: 3 }) }),
  fc.record({ $nin: fc.array(literal, { minLength: 1, maxLength: 3 }) }),
  fc.record({ $exists: fc.boolean() }),
);
const field = fc.dictionary(path, test, { minKeys: 1, maxKeys: 2 });
const filter: fc.Arbitrary<object> = fc.letrec<{ filter: object }>((tie) => ({
  filter: fc.oneof(
    { depthSize: "small", maxDepth: 3 },
    field,
    fc.record({ $and: fc.array(tie("filter"), { minLength: 1, maxLength: 2 }) }),
    fc.record({ $or: fc.array(tie("filter"), { minLength: 1, maxLength: 2 }) }),
    fc.record({ $not: tie("filter") }),
  ),
})).filter;

/** sift has `$nor` where filters have `$not`. */
function toSift(from: object): object {
  return Object.fromEntries(
    Object.entries(from).map(([key, one]: [string, unknown]) => {
      if (key === "$not") return ["$nor", [toSift(Object(one) as object)]];
      if (key === "$and" || key === "$or") return [key, (one as object[]).map(toSift)];
      return [key, one];
    }),
  );
}

const asParsed = <Value>(one: Value) => JSON.parse(JSON.stringify(one)) as Value;

it("a filter matches as a query of sift does", () => {
  let matching = 0;
  fc.assert(
    fc.property(filter.map(asParsed), body.map(asParsed), (given, of) => {
      const { filter: read } = readFilter(given);
      if (read === null) throw new Error("A filter without faults");
      const expected = sift(toSift(given))(of);
      if (expected) matching += 1;
      expect(matchesFilter(read, of)).toBe(expected);
      expect(explainMismatch(read, of) === null).toBe(expected);
    }),
    { numRuns: 3_000 },
  );
  expect(matching).toBeGreaterThan(300);
});

const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 25 }).map((all) => all.join(""));
const number = fc
  .record({
    minus: fc.constantFrom("", "-"),
    whole: digits.map((text) => text.replace(/^0+(?=\d)/, "")),
    fraction: fc.option(digits),
    exponent: fc.option(fc.integer({ min: -30, max: 30 })),
  })
  .map(({ minus, whole, fraction, exponent }) => {
    return `${minus}${whole}${fraction === null ? "" : `.${fraction}`}${exponent === null ? "" : `e${exponent}`}`;
  });

/** A number times 10^100, which is whole. */
function scaled(text: string): bigint {
  const [mantissa = "", exponent = "0"] = text.split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  return BigInt(whole + fraction) * 10n ** BigInt(100 + Number(exponent) - fraction.length);
}

it("numbers compare as whole numbers of as many digits do", () => {
  fc.assert(
    fc.property(number, fc.oneof(number, fc.constant(null)), (one, given) => {
      const other = given ?? one;
      const [first, second] = [readDecimal(one), readDecimal(other)];
      if (first === null || second === null) throw new Error("A number of JSON");
      const difference = scaled(one) - scaled(other);
      expect(Math.sign(compareDecimals(first, second))).toBe(difference < 0n ? -1 : difference > 0n ? 1 : 0);
      const equal = readFilter({ a: parseJsonLosslessly(other) }).filter;
      if (equal === null) throw new Error("A filter without faults");
      for (const body of [`{"a": ${one}}`, `{"a": "${one}"}`]) {
        expect(matchesFilter(equal, parseJsonByValue(body))).toBe(difference === 0n);
      }
    }),
    { numRuns: 2_000 },
  );
});
