import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { deliberateFaults } from "./deliberate-faults.ts";
import { applyFault } from "./deliberate-faults/deliberate-fault.ts";
import { playHistory } from "./history.ts";
import { buildRelay, importRelay } from "./load-relay.ts";
import { SqliteDatabase } from "./sqlite-database.ts";

const root = path.join(import.meta.dirname, "../..");

it.each(deliberateFaults)("can be done to the source: $title", (fault) => {
  const source = readFileSync(path.join(root, fault.file), "utf8");
  expect(applyFault(fault, source)).not.toBe(source);
});

/** Few histories show each: one of the state, two versions, a group, a drain, the cron, retention, a connection. */
const found = [
  "An older event overwrites a newer state",
  "Two versions of a resource can be equal",
  "A group takes others with it and does not write them",
  "An exclusive drain does not release its destination",
  "Events that a dead consumer had claimed get no message",
  "Retention leaves the deliveries of what it deletes",
  "The subscription of another relay counts as the relay's own",
  "History is delivered",
];

const MOST_SEEDS = 200;

describe("the simulation finds", () => {
  it.each(found)("%s", async (title) => {
    const fault = deliberateFaults.find((one) => one.title === title);
    if (fault === undefined) throw new Error(`There is no such fault: ${title}`);
    const relay = await importRelay(await buildRelay(fault));
    const db = new SqliteDatabase();
    let violation = null;
    for (let seed = 1; seed <= MOST_SEEDS && violation === null; seed += 1) {
      violation = (await playHistory(relay, db, seed)).violation;
    }
    expect(violation).not.toBeNull();
  });
});
