import { beforeEach, describe, expect, it } from "vitest";
import { readLastRun } from "../../../src/connection/run.ts";
import { type Item, listedTypes, idOf } from "../../support/qonto-server/bank.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import {
  DESTINATION,
  type Scene,
  connected,
  connectionOf,
  countRows,
  deliveredIds,
  filled,
  reconcile,
  reconcileWhole,
} from "./reconciling.ts";

beforeEach(emptyDatabase);

const organizationOf = (relay: TestRelay) => relay.qonto.bank.organizationId;

/** Everything that the relay says of the organization, by type and id. */
async function stateOf(relay: TestRelay): Promise<Map<string, any>> {
  const path = `/api/organizations/${organizationOf(relay)}/resources?limit=100`;
  const { body } = await relay.api("GET", path);
  expect(body.next_cursor).toBeNull();
  return new Map(body.data.map((one: any) => [`${one.type} ${one.resource_id}`, one]));
}

/** Every item of the bank is in the state with all its fields, and nothing else is. */
async function expectStateOfBank(relay: TestRelay): Promise<void> {
  const state = await stateOf(relay);
  const items = listedTypes.flatMap((type) => relay.qonto.bank.all(type).map((item) => ({ type, item })));
  expect([...state.keys()].toSorted()).toEqual(items.map(({ type, item }) => `${type} ${idOf(type, item)}`).toSorted());
  for (const { type, item } of items) {
    expect(state.get(`${type} ${idOf(type, item)}`).data).toMatchObject(comparable(item));
  }
}

/** What is listed without a date is dated by its event. */
function comparable({ updated_at: _date, ...item }: Item): Item {
  return item;
}

function makeOneOfEach({ qonto }: TestRelay): void {
  for (const type of listedTypes.filter((one) => one !== "v1/organizations")) qonto.bank.make(type);
}

describe("after connecting", () => {
  it("the state of every type is filled, and no destination gets anything", async () => {
    const { relay, id } = await connected(makeOneOfEach);
    expect(await reconcileWhole(relay, id)).toBe(1);
    await relay.runQueues();
    await expectStateOfBank(relay);
    expect(deliveredIds(relay)).toEqual([]);
    expect(relay.events.sent).toEqual([]);
    const { reconciledUntil, lastReconciliation } = await connectionOf(id);
    expect(reconciledUntil).toBe(relay.now);
    expect(readLastRun(lastReconciliation)).toMatchObject({ kind: "fill", as_of: relay.now });
  });
});
