import { beforeAll, describe, expect, it } from "vitest";
import { playHistory } from "./history.ts";
import { type RelayModule, buildRelay, importRelay } from "./load-relay.ts";
import { SqliteDatabase } from "./sqlite-database.ts";

let relay: RelayModule;
let db: SqliteDatabase;

beforeAll(async () => {
  relay = await importRelay(await buildRelay());
  db = new SqliteDatabase();
});

const SEEDS = 500;
const TOGETHER = 50;

describe("the whole Worker under faults keeps every promise", () => {
  it.each(Array.from({ length: SEEDS / TOGETHER }, (_, index) => index * TOGETHER + 1))(
    `in the ${TOGETHER} histories from seed %i on`,
    async (from) => {
      for (let seed = from; seed < from + TOGETHER; seed += 1) {
        const { violation } = await playHistory(relay, db, seed);
        expect(violation, `npm run simulation -- --seeds 1 --from ${seed} --trace`).toBeNull();
      }
    },
  );
});

it("lets a destination refuse what an older version signs without the next version's key", async () => {
  expect((await playHistory(relay, db, 1_056_886)).violation).toBeNull();
});

it("counts a repetition, and no fault, when D1 writes a first attempt down a minute late", async () => {
  expect((await playHistory(relay, db, 305_211)).violation).toBeNull();
});

it.each([
  ["D1 did it twice", 1_178_055],
  ["D1 said that it had failed", 1_042_672],
])("keeps a claim that was made before a write was repeated: %s", async (_why, seed) => {
  expect((await playHistory(relay, db, seed)).violation).toBeNull();
});

it("does not deliver again what one of two simultaneous replays has delivered", async () => {
  expect((await playHistory(relay, db, 1_185_120)).violation).toBeNull();
});

it("a seed plays the same history each time", async () => {
  const traceOf = async (seed: number) => {
    const lines: string[] = [];
    await playHistory(relay, db, seed, (line) => lines.push(line));
    return lines;
  };
  for (const seed of [1, 2, 3]) {
    const first = await traceOf(seed);
    expect(first.length).toBeGreaterThan(10);
    await playHistory(relay, db, seed + 100);
    expect(await traceOf(seed)).toEqual(first);
  }
});
