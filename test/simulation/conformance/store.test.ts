import { readdirSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Chance, chanceOf } from "../../chaos/chance.ts";
import { noteMigrationSql } from "../../../src/store/migrations.ts";
import type { SqlStatement, SqlValue } from "../d1-binding.ts";
import { noteMigrationsSql } from "../migrated-database.ts";
import { SqliteDatabase } from "../sqlite-database.ts";
import { comparable } from "./comparable.ts";
import { RealDatabase } from "./real-database.ts";
import { type Answer, RecordedDatabase } from "./recorded-database.ts";
import { destinationIds, eventIds, instants, organizationIds, pick, some, types } from "./store-arguments.ts";
import { storeReads } from "./store-reads.ts";
import { storeWrites } from "./store-writes.ts";

const store = path.join(import.meta.dirname, "../../../src/store");
const modules = await Promise.all(
  readdirSync(store).map(async (file): Promise<Record<string, unknown>> => import(path.join(store, file))),
);

/** Every SQL text of the store that is a whole statement; by habit its name ends in `Sql`. */
const statements = modules
  .flatMap((module) => Object.values(module))
  .filter((sql) => typeof sql === "string")
  .filter((sql) => /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/.test(sql))
  // Its row says when.
  .filter((sql) => sql !== noteMigrationSql);

const moves = [...Object.values(storeWrites), ...Object.values(storeReads)];

const double = new SqliteDatabase();
const tables = double
  .query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
  .map(({ name }) => String(name));

let real: RealDatabase;
beforeAll(async () => {
  real = await RealDatabase.start();
});
afterAll(() => real.stop());

/** Two hundred moves of the store's own functions from nothing, then each of its statements, then all that is there. */
async function play(recorded: RecordedDatabase, chance: Chance): Promise<void> {
  for (const table of tables) recorded.answerTo([{ sql: `DELETE FROM ${table}`, parameters: [] }]);
  recorded.answerTo([{ sql: noteMigrationsSql, parameters: [] }]);
  for (let move = 0; move < 200; move += 1) {
    await pick(chance, moves)(recorded.store, chance).catch(unlessOfD1);
  }
  for (const sql of statements) recorded.answerTo([withValues(sql, chance)]);
  for (const table of tables) recorded.answerTo([{ sql: `SELECT * FROM ${table}`, parameters: [] }]);
}

/** D1's errors are answers as well, and compared. */
function unlessOfD1(error: unknown): void {
  if (!(error instanceof Error && error.message.startsWith("D1_ERROR: "))) throw error;
}

/** A statement with values of which each may mean something to it. */
function withValues(sql: string, chance: Chance): SqlStatement {
  const many = Math.max(0, ...Array.from(sql.matchAll(/\?(\d+)/g), ([, number]) => Number(number)));
  return { sql, parameters: Array.from({ length: many }, () => valueBy(chance)) };
}

function valueBy(chance: Chance): SqlValue {
  const ids = [...eventIds, ...destinationIds, ...organizationIds, ...types];
  return pick<() => SqlValue>(chance, [
    () => pick(chance, ids),
    () => pick(chance, instants),
    () => pick(chance, [null, 0, 1, 10]),
    () => JSON.stringify(some(chance, ids)),
    () =>
      JSON.stringify(
        some(chance, eventIds).map((id) => ({ id, receivedAt: pick(chance, instants), recipients: "{}" })),
      ),
    () => new Uint8Array([0, 255]),
  ])();
}

/** The steps of a plan; what each is thought to cost is each SQLite's own opinion. */
function stepsOf(answer: Answer): unknown {
  return "error" in answer ? answer : answer.results[0]?.results.map((step) => planStep.parse(step).detail);
}

const planStep = z.object({ detail: z.string() });

describe("D1 and its double agree", () => {
  it("on how each statement of the store is carried out", async () => {
    const recorded = new RecordedDatabase(double);
    for (const sql of statements)
      recorded.answerTo([{ ...withValues(sql, () => 0), sql: `EXPLAIN QUERY PLAN ${sql}` }]);
    const answers = await real.answersTo(recorded.calls.map((call) => call.statements));
    expect(recorded.calls.map(({ answer }) => stepsOf(answer))).toEqual(answers.map(stepsOf));
  });

  it.each([1, 2, 3, 4])("on every call of a play with the store's functions, seed %i", async (seed) => {
    const recorded = new RecordedDatabase(double);
    await play(recorded, chanceOf(seed));
    const answers = await real.answersTo(recorded.calls.map((call) => call.statements));
    expect(answers).toHaveLength(recorded.calls.length);
    // One by one: a failure shows one call, the first that differs.
    for (const [index, { statements: call, answer }] of recorded.calls.entries()) {
      expect({ call, answer: comparable(answer) }).toEqual({ call, answer: comparable(answers[index]) });
    }
  });
});
