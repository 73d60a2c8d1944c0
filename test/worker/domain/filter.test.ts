import { describe, expect, it } from "vitest";
import { explainMismatch, matchesFilter } from "../../../src/domain/filter.ts";
import { readFilter } from "../../../src/domain/read-filter.ts";
import { parseJsonLosslessly } from "../../../src/platform/json.ts";

const body = `{
  "id": "e-1", "type": "v1/transactions", "organization_id": "org-1",
  "data": {
    "id": 1234567890123456789, "side": "credit", "amount": 50.01, "fee": "0.50", "big": 12345678901234567890.000000001,
    "zero": 0, "settled": false, "note": null, "label": "Büro – Miete", "emitted_at": "2026-11-24T10:04:59Z", "code": "007",
    "hex": "0x10", "tags": ["rent", "office", 7], "none": [], "lists": [[1, 2], [[3]]],
    "items": [{"amount": 5, "vat": {"rate": "20.0"}}, {"amount": 25, "vat": {"rate": "5.5"}}, {"name": "gift"}],
    "with.dot": 1, "back\\\\slash": 2, "__proto__": {"polluted": true}
  }
}`;

function read(filter: string) {
  const { filter: found, faults } = readFilter(parseJsonLosslessly(filter));
  expect(faults).toEqual([]);
  if (found === null) throw new Error("A filter without faults");
  return found;
}

const isMatch = (filter: string, of = body) => matchesFilter(read(filter), parseJsonLosslessly(of));

describe("a filter matches", () => {
  it.each([
    ["no condition", "{}"],
    ["a literal", '{"data.side": "credit"}'],
    ["every condition", '{"data.side": "credit", "data.amount": {"$gte": 50, "$lt": 51}}'],
    ["a field of the envelope", '{"organization_id": "org-1"}'],
    ["null that is there", '{"data.note": null}'],
    ["false", '{"data.settled": false}'],
    ["unlike values", '{"data.side": {"$ne": "debit"}}'],
    ["one of several", '{"data.side": {"$in": ["debit", "credit"]}}'],
    ["none of several", '{"data.side": {"$nin": ["debit", 1]}}'],
    ["a path that exists, though it is null", '{"data.note": {"$exists": true}}'],
    ["the beginning of a text", '{"type": {"$startsWith": "v1/"}}'],
    ["the end of a text", '{"type": {"$endsWith": "actions"}}'],
    ["a part of a text beyond ASCII", '{"data.label": {"$contains": "üro – M"}}'],
    ["times by their text", '{"data.emitted_at": {"$gt": "2026-11-24", "$lt": "2026-11-25"}}'],
    ["all of several filters", '{"$and": [{"data.side": "credit"}, {"data.amount": {"$gt": 50}}]}'],
    ["one of several filters", '{"$or": [{"data.side": "debit"}, {"data.amount": 50.01}]}'],
    ["what another does not", '{"$not": {"data.side": "debit", "data.amount": 50.01}}'],
    ["what a value does not, written at the path", '{"data.amount": {"$not": {"$gt": 60}, "$gt": 40}}'],
  ])("%s", (_what, filter) => expect(isMatch(filter)).toBe(true));
});

describe("a filter does not match", () => {
  it.each([
    ["another literal", '{"data.side": "debit"}'],
    ["another case of letters", '{"data.side": "Credit"}'],
    ["one condition of two", '{"data.side": "credit", "data.amount": {"$gt": 51}}'],
    ["false with null or zero", '{"data.settled": {"$in": [null, 0, "false", ""]}}'],
    ["an object", '{"data": {"$in": ["credit", null, true]}}'],
    ["an object as a number", '{"data": {"$gte": 0}}'],
    ["a boolean in an order", '{"data.settled": {"$lte": 5}}'],
    ["null in an order", '{"data.note": {"$gte": 0}}'],
    ["a text that is no number, with one", '{"data.side": {"$gte": 0}}'],
    ["a number, with a text that is none", '{"data.amount": {"$lt": "many"}}'],
    ["a part of a number", '{"data.amount": {"$startsWith": "5"}}'],
    ["one of several filters when none holds", '{"$or": [{"data.side": "debit"}, {"data.amount": 1}]}'],
    ["what a value does, denied at the path", '{"data.amount": {"$not": {"$gt": 40}}}'],
  ])("%s", (_what, filter) => expect(isMatch(filter)).toBe(false));
});

describe("numbers", () => {
  it.each([
    ["equal a number that is written otherwise", '{"data.amount": 50.010}', true],
    ["equal a number with an exponent", '{"data.amount": 5001e-2}', true],
    ["equal a text that is a number", '{"data.fee": 0.5}', true],
    ["written as a text equal a number", '{"data.amount": "50.01"}', true],
    ["are more than a text that is a number", '{"data.fee": {"$lt": 0.51}}', true],
    ["written as texts compare by value", '{"data.fee": {"$lt": "10"}}', true],
    ["are not equal when both are texts that differ", '{"data.fee": "0.5"}', false],
    ["have all digits of an id", '{"data.id": 1234567890123456789}', true],
    ["have all digits of another id", '{"data.id": 1234567890123456788}', false],
    ["have all digits of an id in a list", '{"data.id": {"$in": [1234567890123456788, 1234567890123456790]}}', false],
    ["have all digits in an order", '{"data.big": {"$gt": 12345678901234567890}}', true],
    ["have all digits in an order, from above", '{"data.big": {"$lt": 12345678901234567890.00000001}}', true],
    ["know one zero", '{"data.zero": -0.0}', true],
    ["know one zero in an order", '{"data.zero": {"$gte": 0e5, "$lte": -0}}', true],
    ["are below zero", '{"data.zero": {"$gt": -0.1}}', true],
    ["are not written with leading zeros", '{"data.code": 7}', false],
    ["are not hexadecimal", '{"data.hex": {"$in": [16, "16"]}}', false],
    ["are not hexadecimal in an order", '{"data.hex": {"$gt": 1}}', false],
    ["are far below one with a huge exponent", '{"data.amount": {"$lt": 1e999999999}}', true],
    ["are far above one with a huge negative exponent", '{"data.amount": {"$gt": 1e-999999999999999999999999}}', true],
    ["are never equal to a boolean", '{"data.settled": 0}', false],
  ])("%s: %s", (_what, filter, expected) => expect(isMatch(filter)).toBe(expected));

  it("of a million digits or zeros are compared at once", () => {
    for (const number of [`1e${"9".repeat(1_000_000)}`, `1.${"0".repeat(1_000_000)}1`, `1${"0".repeat(1_000_000)}`]) {
      expect(isMatch('{"a": {"$gt": 1, "$ne": 2}}', `{"a": ${number}}`)).toBe(true);
      expect(isMatch('{"a": {"$gt": 1, "$ne": 2}}', `{"a": "${number}"}`)).toBe(true);
    }
  });
});

describe("a missing path", () => {
  it.each([
    ['{"data.gone": {"$exists": false}}', true],
    ['{"data.gone": {"$ne": "x"}}', true],
    ['{"data.gone": {"$nin": ["x", null]}}', true],
    ['{"$not": {"data.gone": "x"}}', true],
    ['{"data.gone": {"$not": {"$gt": 1}}}', true],
    ['{"data.gone": {"$exists": true}}', false],
    ['{"data.gone": null}', false],
    ['{"data.gone": {"$in": [null]}}', false],
    ['{"data.gone": {"$lt": 5}}', false],
    ['{"data.gone": {"$contains": "x"}}', false],
    ['{"data.side.deeper": {"$exists": true}}', false],
    ['{"data.tags.length": {"$exists": true}}', false],
    ['{"data.amount.rawJSON": {"$exists": true}}', false],
    ['{"data.constructor": {"$exists": true}}', false],
    ['{"__proto__": {"$exists": true}}', false],
    ['{"data.note.deeper": null}', false],
  ])("%s: %s", (filter, expected) => expect(isMatch(filter)).toBe(expected));

  it("is all that a body has that is no object", () => {
    for (const other of ["[]", "null", "7", '"text"']) expect(isMatch('{"a": {"$exists": false}}', other)).toBe(true);
  });
});

describe("a list", () => {
  it.each([
    ["matches with an element", '{"data.tags": "office"}', true],
    ["matches with an element of any kind", '{"data.tags": "7"}', true],
    ["matches with an element's field", '{"data.items.amount": {"$gt": 20}}', true],
    ["matches with a field further down", '{"data.items.vat.rate": {"$lt": 6}}', true],
    ["matches with an element of a list in it", '{"data.lists": 3}', true],
    ["does not match when two elements together would", '{"data.items.amount": {"$gt": 10, "$lt": 20}}', false],
    ["is unlike what no element is", '{"data.tags": {"$ne": "home"}}', true],
    ["is not unlike what an element is", '{"data.tags": {"$ne": "rent"}}', false],
    ["has no element of those denied", '{"data.tags": {"$nin": ["home", "rent"]}}', false],
    ["exists though it is empty", '{"data.none": {"$exists": true}}', true],
    ["has nothing when it is empty", '{"data.none": {"$lt": 5}}', false],
    ["has a field when one element has", '{"data.items.name": {"$exists": true}}', true],
  ])("%s: %s", (_what, filter, expected) => expect(isMatch(filter)).toBe(expected));

  it("may be nested thousands of levels deep", () => {
    const deep = `{"a": ${"[".repeat(50_000)}7${"]".repeat(50_000)}}`;
    expect(isMatch('{"a": 7}', deep)).toBe(true);
    expect(isMatch('{"a": 8}', deep)).toBe(false);
  });
});

describe("a path", () => {
  it.each([
    ["takes a dot as part of a key after a backslash", String.raw`{"data.with\\.dot": 1}`, true],
    ["takes a dot as the end of a key without one", '{"data.with.dot": 1}', false],
    ["takes a backslash after a backslash", String.raw`{"data.back\\\\slash": 2}`, true],
    ["may name __proto__ as any key", '{"data.__proto__.polluted": true}', true],
  ])("%s: %s", (_what, filter, expected) => expect(isMatch(filter)).toBe(expected));
});

describe("the reason of a mismatch", () => {
  it.each([
    ['{"data.amount": {"$gte": 1000}}', "data.amount $gte 1000"],
    ['{"data.amount": {"$gte": 1000, "$lt": 2000}}', "data.amount $gte 1000"],
    ['{"data.side": "credit", "data.amount": 50.010000000000000000001}', "data.amount $eq 50.010000000000000000001"],
    ['{"data.side": {"$nin": ["credit", 1, null]}}', 'data.side $nin ["credit", 1, null]'],
    ['{"data.gone": {"$exists": true}}', "data.gone $exists true"],
    ['{"data.label": {"$startsWith": "b"}}', 'data.label $startsWith "b"'],
    ['{"data.items.amount": {"$gt": 10, "$lt": 20}}', "data.items.amount $gt 10 and $lt 20"],
    ['{"$or": [{"a": 1}, {"b": 2, "c": 3}]}', "((a $eq 1) or (b $eq 2 and c $eq 3))"],
    ['{"$not": {"data.side": "credit"}}', 'not (data.side $eq "credit")'],
    ['{"$and": [{"data.side": "credit"}, {"a": true}]}', "a $eq true"],
  ])("of %s is %s", (filter, reason) => {
    expect(explainMismatch(read(filter), parseJsonLosslessly(body))).toBe(reason);
  });

  it("is null for a match", () => {
    expect(explainMismatch(read('{"data.side": "credit"}'), parseJsonLosslessly(body))).toBeNull();
  });
});

const nots = (count: number) => `${'{"$not": '.repeat(count)}{"a": 1}${"}".repeat(count)}`;
const conditions = (count: number) => JSON.stringify({ $and: Array.from({ length: count }, () => ({ a: 1 })) });
const ofBytes = (bytes: number) => `{"a":"${"é".repeat(20)}${"x".repeat(bytes - 48)}"}`;

describe("reading refuses, and says where,", () => {
  it.each([
    ["what is no object", "[]", "", "object of conditions"],
    [
      "an unknown operator of a value",
      '{"data.amount": {"$gte": 1, "$regex": "x"}}',
      "data.amount.$regex",
      "no operator",
    ],
    ["an unknown combination", '{"$nor": [{"a": 1}]}', "$nor", "$and, $or and $not"],
    ["an operator without a path", '{"$gt": 5}', "$gt", "no operator here"],
    ["a list as a value", '{"a": ["x"]}', "a", "must be a text"],
    ["an object without operators", '{"a": {}}', "a", "must name an operator"],
    ["an object that is no operators", '{"a": {"b": 1}}', "a.b", "no operator"],
    ["an object to compare with", '{"a": {"$eq": {"b": 1}}}', "a.$eq", "must be a text"],
    ["an order of booleans", '{"a": {"$gt": true}}', "a.$gt", "number or a text"],
    ["$in without a list", '{"a": {"$in": "x"}}', "a.$in", "list of one"],
    ["an empty list", '{"a": {"$nin": []}}', "a.$nin", "list of one"],
    ["a list in a list", '{"a": {"$in": [1, [2]]}}', "a.$in.1", "must be a text"],
    ["$exists without a boolean", '{"a": {"$exists": 1}}', "a.$exists", "true or false"],
    ["a part that is no text", '{"a": {"$contains": 1}}', "a.$contains", "text"],
    ["an empty part", '{"a": {"$contains": ""}}', "a.$contains", "not empty"],
    ["an empty $and", '{"$and": []}', "$and", "one filter or more"],
    ["$or without a list", '{"$or": {"a": 1}}', "$or", "one filter or more"],
    ["$or of what is no filter", '{"$or": [{"a": 1}, 2]}', "$or.1", "object of conditions"],
    ["$not of a list", '{"$not": [{"a": 1}]}', "$not", "object of conditions"],
    ["an empty path", '{"": 1}', "", "key in it is empty"],
    ["an empty key in a path", '{"data..amount": 1}', "data..amount", "key in it is empty"],
    ["the 65th condition", conditions(65), "", "more than 64 conditions"],
    ["the 9th level", nots(9), Array(9).fill("$not").join("."), "more than 8 levels"],
    ["a million levels", nots(100_000), Array(9).fill("$not").join("."), "more than 8 levels"],
    ["more than 8 KB", ofBytes(8_193), "", "longer than 8192 bytes"],
  ])("%s", (_what, filter, path, message) => {
    const { filter: found, faults } = readFilter(parseJsonLosslessly(filter));
    expect(found).toBeNull();
    expect(faults.map((fault) => fault.path.join("."))).toContain(path);
    expect(faults.find((fault) => fault.path.join(".") === path)?.message).toContain(message);
  });

  it("all faults at once", () => {
    const { faults } = readFilter({ a: { $x: 1 }, $or: [{ b: { $y: 1 } }], c: [] });
    expect(faults.map(({ path }) => path)).toEqual([["a", "$x"], ["$or", 0, "b", "$y"], ["c"]]);
  });

  it("nothing at its limits", () => {
    for (const filter of [conditions(64), nots(8), ofBytes(8_192)]) {
      expect(readFilter(parseJsonLosslessly(filter)).faults).toEqual([]);
    }
  });

  it("a filter of very many conditions without reading them all", () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`k${index}`, []]));
    expect(readFilter(many).faults.length).toBeLessThan(30);
  });
});
