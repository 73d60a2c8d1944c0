import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { wrap } from "../../../src/cli/commands/doctor/report.ts";
import { Output } from "../../../src/cli/output.ts";
import { Secrets, Terminal } from "../../../src/cli/terminal.ts";

const streams = { env: {}, stdout: new PassThrough(), stderr: new PassThrough() };
const output = new Output(new Terminal(streams, new Secrets()));

it("aligns columns by the width that a terminal gives each character", () => {
  const rows = [
    ["口座", "a"],
    ["👩‍💻", "b"],
    ["é", "c"],
    ["abcdef", "d"],
  ];
  expect(output.table(["name", "id"], rows).split("\n")).toEqual([
    "NAME    ID",
    "口座    a",
    "👩‍💻      b",
    "é       c",
    "abcdef  d",
  ]);
});

it("aligns as many rows as a list without a limit has", () => {
  const rows = Array.from({ length: 150_000 }, () => ["row"]);
  expect(output.table(["name"], rows).split("\n")).toHaveLength(rows.length + 1);
});

it("aligns the values of fields behind their names", () => {
  expect(
    output.fields([
      ["名", "one"],
      ["description", "two"],
    ]),
  ).toBe("名           one\ndescription  two");
});

it("breaks lines at blanks before they are too wide, and never within a word", () => {
  expect(wrap("aa bb cc", 5)).toEqual(["aa bb", "cc"]);
  expect(wrap("口座 口座", 8)).toEqual(["口座", "口座"]);
  expect(wrap("https://a.example/long b", 5)).toEqual(["https://a.example/long", "b"]);
});
