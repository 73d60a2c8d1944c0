import { describe, expect, it } from "vitest";
import { OptionError, readOptions } from "../../chaos/options.ts";

describe("the options", () => {
  it("have defaults, and shorter ones", () => {
    expect(readOptions([], 7)).toEqual({ seconds: 60, rate: 20, kills: 3, seed: 7 });
    expect(readOptions(["--short"], 7)).toEqual({ seconds: 20, rate: 20, kills: 1, seed: 7 });
  });

  it("can each be given, in the short run as well", () => {
    const given = ["--short", "--seconds", "5", "--rate=1", "--kills", "0", "--seed", "3"];
    expect(readOptions(given, 7)).toEqual({ seconds: 5, rate: 1, kills: 0, seed: 3 });
  });

  it.each([["--rate", "0"], ["--seconds", "soon"], ["--kills=-1"], ["--loud"], ["now"]])(
    "are refused unless they are understood: %s %s",
    (...commandLine) => {
      expect(() => readOptions(commandLine.filter(Boolean), 7)).toThrow(OptionError);
    },
  );

  it("are explained", () => {
    expect(readOptions(["--help"], 7)).toBeNull();
  });
});
