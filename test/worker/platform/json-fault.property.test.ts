import { assert, constantFrom, json as anyJson, nat, property, tuple } from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonFaultAt } from "../../../src/platform/json-fault.ts";

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("the place where a text stops being JSON", () => {
  it("is null for exactly what JSON.parse takes", () => {
    const json = anyJson().map((text) => ` ${text}\n`);
    const broken = tuple(json, nat(), nat(3), constantFrom("", ",", '"', "}", "]", ":", "0", "\\", "\n", "x"));
    assert(
      property(broken, ([text, at, removed, inserted]) => {
        const start = at % (text.length + 1);
        const edited = text.slice(0, start) + inserted + text.slice(start + removed);
        expect([edited, jsonFaultAt(edited) === null]).toEqual([edited, isJson(edited)]);
      }),
      { numRuns: 3_000 },
    );
  });

  it("is never before text that could still be made JSON", () => {
    assert(
      property(anyJson(), nat(), (text, at) => {
        const cut = text.slice(0, at % (text.length + 1));
        const fault = jsonFaultAt(`${cut}\u0000`);
        // A token that is cut counts as wrong from its beginning.
        expect(fault).not.toBeNull();
        expect(fault).toBeLessThanOrEqual(cut.length);
      }),
    );
  });

  it.each([
    ["", 0],
    ["{", 1],
    ['{"a": }', 6],
    ['{"a": 1,}', 8],
    ['{"a": 1} x', 9],
    ["[1, 2", 5],
    ['{"a": "b\n"}', 6],
    ["[01]", 2],
    ["1", null],
    [' {"a": [true, null, -1.5e3, "\\u00e9"]} ', null],
  ])("of %j is %j", (text, expected) => {
    expect(jsonFaultAt(text)).toBe(expected);
  });

  it("is found in a text of a megabyte", () => {
    expect(jsonFaultAt(JSON.stringify(["x\\".repeat(300_000), "y".repeat(400_000)]))).toBeNull();
    expect(jsonFaultAt("[".repeat(100_000))).toBe(100_000);
  });
});
