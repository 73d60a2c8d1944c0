import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { Meter, interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";

/** Rows written are the bill, D1 calls the time: what an event may cost, counted. */

beforeEach(emptyDatabase);

const destination = (name: number) => `https://destination-${name}.example.com/hook`;

async function metered(destinations: number, settings: object = {}): Promise<{ relay: TestRelay; meter: Meter }> {
  const meter = new Meter();
  const relay = new TestRelay({ DB: interceptDatabase(env.DB, meter.intercept) });
  for (let name = 0; name < destinations; name += 1) await relay.addDestination(destination(name), settings);
  meter.written.length = 0;
  meter.calls = 0;
  return { relay, meter };
}

describe("an event", () => {
  it("with one destination costs four rows", async () => {
    const { relay, meter } = await metered(1);
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    expect(meter.written).toEqual([
      // The event, with its recipients and its lease, and its entry in the index by id.
      { statement: "INSERT INTO events", rows: 2 },
      // The latest state.
      { statement: "INSERT INTO resources", rows: 1 },
      // Who got it at once.
      { statement: "UPDATE events", rows: 1 },
    ]);
    expect(relay.destinations.received).toHaveLength(1);
  });

  it.each([3, 10])("with %i destinations costs four rows, too", async (destinations) => {
    const { relay, meter } = await metered(destinations);
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    expect(meter.rowsWritten).toBe(4);
    expect(relay.destinations.received).toHaveLength(destinations);
  });

  it("costs two rows more for each destination that fails it at first, and one when that takes it", async () => {
    const { relay, meter } = await metered(2);
    relay.destinations.answer(destination(1), statuses(500, 200));
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    const { rowsWritten } = meter;
    await relay.liveThrough(10);
    expect([rowsWritten, relay.destinations.at(destination(1)).length]).toEqual([4 + 2 + 1, 2]);
  });

  it.each([4_000, 20_000, 130_000])("with a body of %i characters more costs four rows", async (characters) => {
    const { relay, meter } = await metered(1);
    await relay.send(makePayload("v1/transactions", { data: { padding: "x".repeat(characters) } }));
    await relay.runQueues();
    expect(meter.rowsWritten).toBe(4);
    expect(relay.destinations.received).toHaveLength(1);
  });

  it("that nobody wants costs four rows, whether its body is short or long", async () => {
    const { relay, meter } = await metered(1, { types: ["v1/transfers"] });
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    expect(meter.rowsWritten).toBe(4);
    await relay.send(makePayload("v1/transactions", { data: { id: "long", padding: "x".repeat(5_000) } }));
    await relay.runQueues();
    expect(meter.rowsWritten).toBe(8);
  });

  it("that is a duplicate costs two rows more, by D1 or by the queue", async () => {
    const { relay, meter } = await metered(1);
    const payload = makePayload("v1/transactions");
    await relay.send(payload);
    const [message] = relay.events.sent;
    await relay.runQueues();
    meter.written.length = 0;
    await relay.send(payload);
    if (message) await relay.env.EVENTS.send(message.body);
    await relay.runQueues();
    // The row of the event, and that by which the ledger finds it; the second message about it writes nothing.
    expect(meter.written).toEqual([{ statement: "INSERT INTO events", rows: 2 }]);
    expect(relay.destinations.received).toHaveLength(1);
  });
});

describe("a batch", () => {
  /** Events that come at the same moment: their messages are in one batch. */
  async function batchOf(events: number, data: object = {}) {
    const { relay, meter } = await metered(2);
    const payloads = Array.from({ length: events }, (_, index) =>
      makePayload("v1/transactions", { data: { id: `t${index}`, ...data } }),
    );
    await relay.sendTogether(payloads);
    meter.calls = 0;
    meter.written.length = 0;
    await relay.runEventsBatch();
    expect(relay.events.waiting).toEqual([]);
    expect(relay.destinations.received).toHaveLength(2 * events);
    return meter;
  }

  it.each([
    [1, 2],
    [10, 2],
    [25, 2],
    [26, 4],
    [60, 6],
  ])("of %i events costs two D1 calls for 25", async (events, calls) => {
    expect((await batchOf(events)).calls).toBe(calls);
  });

  it("of 25 events whose bodies D1 has costs three D1 calls, and no row more than others", async () => {
    const { calls, rowsWritten } = await batchOf(25, { padding: "x".repeat(5_000) });
    expect(calls).toBe(3);
    await emptyDatabase();
    expect(rowsWritten).toBe((await batchOf(25)).rowsWritten);
  });

  it("of events that nobody wants costs one D1 call", async () => {
    const { relay, meter } = await metered(1, { types: ["v1/transfers"] });
    for (let count = 0; count < 10; count += 1) await relay.send(makePayload("v1/cards"));
    meter.calls = 0;
    await relay.runQueues();
    expect(meter.calls).toBe(1);
  });

  it("writes one row of state for a resource that several of its events are about", async () => {
    const { relay, meter } = await metered(0);
    for (let day = 1; day <= 5; day += 1) {
      const data = { updated_at: `2025-01-0${day}T00:00:00Z`, name: `Day ${day}` };
      await relay.send(makePayload("v1/accounts", { data }));
    }
    meter.written.length = 0;
    await relay.runQueues();
    expect(meter.written.filter(({ statement }) => statement === "INSERT INTO resources")).toHaveLength(1);
  });
});
