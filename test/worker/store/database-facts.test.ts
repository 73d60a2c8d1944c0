import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { databaseFacts } from "../../simulation/conformance/facts.ts";
import { emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

describe("D1, as the simulation's double of it", () => {
  it.each(databaseFacts)("$title", async ({ run, expected }) => {
    expect(await run(env.DB)).toEqual(expected);
  });
});
