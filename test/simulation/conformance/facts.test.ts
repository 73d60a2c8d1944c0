import { beforeEach, describe, expect, it } from "vitest";
import { databaseFacts } from "./facts.ts";
import { SqliteDatabase } from "../sqlite-database.ts";

const database = new SqliteDatabase();
beforeEach(() => database.empty());

describe("the double of D1, as D1 itself", () => {
  it.each(databaseFacts)("$title", async ({ run, expected }) => {
    expect(await run(database.binding)).toEqual(expected);
  });
});
