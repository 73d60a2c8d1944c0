import { parseEnv } from "node:util";
import { describe, expect, it } from "vitest";
import { readVariables } from "../../../src/local/variables-file.ts";

describe("a file of variables", () => {
  it.each([
    "A=0123456",
    "A = 0123",
    "export A=1",
    "A=0123 # a comment",
    "A='0123#456'",
    'A="0123#456" # a comment',
    'A=`it\'s "so"`',
    "A=0123$B",
    "A=x=y==",
    'A=it"s',
    "A=",
    "A=1\r\nB=2\r\n",
    "# A=0#1\n\n  # B: 2",
    "A='a'\nB=\"b\"",
  ])("is as it is written, and nothing is said: %j", (text) => {
    expect(readVariables(text)).toEqual({ variables: parseEnv(text), remarks: [] });
  });

  it.each([
    ["A=0123#456", "A is cut at its #: quotes around the value keep it whole."],
    ["A=#456", "A is cut at its #: quotes around the value keep it whole."],
    ["B=1\nA=0123#456 # a comment\nC=2", "A is cut at its #: quotes around the value keep it whole."],
    ["A=0123  \nB=1", "A has blanks at its end, which are left out."],
    ['A="0123\nB=1', 'A has a quote (") that is never closed: it is part of the value.'],
    ["A='0123'456", "A is cut at its closing quote: what stands behind that is left out."],
    ['A="0123\nB="', "A goes over several lines."],
    ['A="01\\n23"', "A has its \\n read as a line break: single quotes keep it."],
    ["A=1\nB=1\nA=2", "A is there more than once: the last one counts."],
    ["A: 1\nB=1", "A is not set: its line has no =."],
    ["A 1", "A is not set: its line has no =."],
  ])("is said where it is not: %j", (text, remark) => {
    const { variables, remarks } = readVariables(text);
    expect(variables).toEqual(parseEnv(text));
    expect(remarks.map(({ variable, says }) => `${variable} ${says}`)).toEqual([remark]);
  });
});
