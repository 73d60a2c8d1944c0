import { expect, it } from "vitest";
import { SqliteDatabase } from "./sqlite-database.ts";

const addMark = (name: string) => ({ sql: "INSERT INTO cron_state VALUES (?1, 1)", parameters: [name] });

function contentsOf(database: SqliteDatabase): unknown {
  const tables = database.query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
  return tables.map(({ name }) => [name, database.query(`SELECT * FROM ${String(name)}`)]);
}

it("a call is applied when it is made and answered without a turn of the event loop", async () => {
  const database = new SqliteDatabase();
  let turned = false;
  setImmediate(() => (turned = true));
  const answer = database.binding.batch([
    database.binding.prepare("INSERT INTO cron_state VALUES ('a', 1)"),
    database.binding.prepare("SELECT 1"),
  ]);
  expect(database.query("SELECT name FROM cron_state")).toEqual([{ name: "a" }]);
  expect(await answer).toHaveLength(2);
  expect(await database.binding.prepare("SELECT name FROM cron_state").first("name")).toBe("a");
  expect(turned).toBe(false);
});

it("an emptied database is as a new one, also in what it answers next", () => {
  const used = new SqliteDatabase();
  used.execute([addMark("a"), { sql: "INSERT INTO counters VALUES (77, '{}')", parameters: [] }]);
  used.execute([{ sql: "DELETE FROM d1_migrations", parameters: [] }]);
  used.empty();
  const fresh = new SqliteDatabase();
  expect(contentsOf(used)).toEqual(contentsOf(fresh));
  expect(used.execute([addMark("b")])).toEqual(fresh.execute([addMark("b")]));
});

it("two databases share nothing", () => {
  const [one, other] = [new SqliteDatabase(), new SqliteDatabase()];
  one.execute([addMark("a")]);
  expect(other.query("SELECT * FROM cron_state")).toEqual([]);
});

it("its changes stand still while nothing is written", () => {
  const database = new SqliteDatabase();
  database.execute([addMark("a")]);
  const before = database.totalChanges;
  database.execute([{ sql: "SELECT * FROM cron_state", parameters: [] }]);
  database.query("SELECT * FROM cron_state WHERE name = ?1", "a");
  expect(() => database.execute([addMark("a")])).toThrow("UNIQUE");
  expect(database.totalChanges).toBe(before);
  database.execute([addMark("b")]);
  expect(database.totalChanges).toBe(before + 1);
});

it("what it would do otherwise than D1 it refuses by an error that is none of D1's", () => {
  const database = new SqliteDatabase();
  const run = (sql: string) => () => database.execute([{ sql, parameters: [] }]);
  expect(run("SELECT 1; SELECT 2")).toThrow(/^Only the first statement would be run$/);
  expect(run("SELECT 9007199254740993")).toThrow(/^Value is too large/);
  expect(() => database.binding.prepare("SELECT ?1").bind("\ud800")).toThrow(/^Half a surrogate pair/);
});
