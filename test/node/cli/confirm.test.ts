import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { confirmAt } from "../../../src/cli/confirm.ts";

const terminal = () => Object.assign(new PassThrough(), { isTTY: true });

it.each([
  ["y\n", true],
  [" YES \n", true],
  ["n\n", false],
  ["\n", false],
  ["yesterday\n", false],
])("%j at a terminal is answered by %s, and the terminal is no longer read", async (typed, expected) => {
  const stdin = terminal();
  const told: string[] = [];
  const answer = confirmAt(stdin, (text) => told.push(text), "Apply this?");
  stdin.write(typed);
  expect(await answer).toBe(expected);
  expect(told).toEqual(["Apply this? [y/N] "]);
  // A process whose terminal is still read does not end.
  expect(stdin.isPaused()).toBe(true);
});

it("the end of the input is no yes", async () => {
  const stdin = terminal();
  const answer = confirmAt(stdin, () => undefined, "Apply this?");
  stdin.end();
  expect(await answer).toBe(false);
});

it("without a terminal nothing is asked", async () => {
  const told: string[] = [];
  const asked = confirmAt(new PassThrough(), (text) => told.push(text), "Apply this?");
  await expect(asked).rejects.toThrow("There is no terminal to ask at.");
  expect(told).toEqual([]);
});
