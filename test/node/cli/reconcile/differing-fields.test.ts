import { expect, it } from "vitest";
import { differingFields } from "../../../../src/cli/commands/reconcile/compare.ts";
import { parseJsonLosslessly } from "../../../../src/platform/json.ts";

/** As the commands read them, with numbers as they were written. */
const read = (text: string) => Object(parseJsonLosslessly(text));

it.each([
  ["a text", '{"a":"x"}', '{"a":"x"}'],
  ["a field that only one side shows", '{"a":1,"b":2}', '{"a":1,"c":3}'],
  [
    "what happened, and when",
    '{"event":"created","updated_at":"2026-01-01"}',
    '{"event":"updated","updated_at":"2026"}',
  ],
  ["fields in another order, however deep", '{"a":{"x":1,"y":[{"p":1,"q":2}]}}', '{"a":{"y":[{"q":2,"p":1}],"x":1}}'],
  ["a field deep inside that only one side shows", '{"a":{"x":1,"y":2}}', '{"a":{"x":1}}'],
  ["an amount as a number and as a text", '{"a":50.01}', '{"a":"50.01"}'],
  ["an amount with other zeros", '{"a":100.00,"b":"007.50","c":0}', '{"a":100,"b":7.5,"c":0.00}'],
  ["an instant written in another way", '{"a":"2026-01-01T10:00:00Z"}', '{"a":"2026-01-01T11:00:00.000+01:00"}'],
  [
    "an instant as Unix seconds",
    '{"a":1764410700,"b":"2025-11-29 10:05:00 UTC"}',
    '{"a":"2025-11-29T10:05Z","b":1764410700}',
  ],
  ["nothing on both sides", '{"a":null}', '{"a":null}'],
])("does not differ: %s", (_title, one, other) => {
  expect(differingFields(read(one), read(other))).toEqual([]);
  expect(differingFields(read(other), read(one))).toEqual([]);
});

it.each([
  ["another text", '{"a":"x","b":1}', '{"a":"y","b":1}'],
  ["another number", '{"a":100.10}', '{"a":100.01}'],
  ["numbers that are the same only as floating point", '{"a":9007199254740993}', '{"a":9007199254740992}'],
  ["an amount a thousand times as large", '{"a":1764410700}', '{"a":1764410700000}'],
  ["ten and one hundred", '{"a":10}', '{"a":100}'],
  ["nothing and something", '{"a":null}', '{"a":""}'],
  ["a truth value and its text", '{"a":true}', '{"a":"true"}'],
  ["a list that is longer", '{"a":[1]}', '{"a":[1,2]}'],
  ["a list in another order", '{"a":[1,2]}', '{"a":[2,1]}'],
  ["something deep inside", '{"a":{"x":{"y":1}}}', '{"a":{"x":{"y":2}}}'],
  ["an id in another's place", '{"a":"x"}', '{"a":{"id":"x"}}'],
  ["another instant", '{"a":"2026-01-01T10:00:00Z"}', '{"a":"2026-01-01T10:00:00+01:00"}'],
])("differs: %s", (_title, one, other) => {
  expect(differingFields(read(one), read(other))).toEqual(["a"]);
  expect(differingFields(read(other), read(one))).toEqual(["a"]);
});
