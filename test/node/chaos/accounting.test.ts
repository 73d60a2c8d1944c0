import { describe, expect, it } from "vitest";
import { type EventDetail, type SentEvent, type DestinationRecord, accountFor } from "../../chaos/accounting.ts";
import { accountFaults } from "../../chaos/faults.ts";

type Status = EventDetail["deliveries"][number]["status"];

const sent = (id: string, changes: Partial<SentEvent> = {}): SentEvent => ({
  id,
  type: "v1/cards",
  isAcknowledged: true,
  ...changes,
});

const record = (received: Record<string, number>, changes: Partial<DestinationRecord> = {}): DestinationRecord => ({
  name: "destination",
  destinationId: "d1",
  wants: (type) => type === "v1/cards",
  isDisabled: false,
  received: new Map(Object.entries(received)),
  ...changes,
});

/** What the relay says of events, by what it says of their delivery to the destination. */
const details = (statuses: Record<string, Status>) =>
  new Map(
    Object.entries(statuses).map(([id, status]): [string, EventDetail] => [
      id,
      { state: status === "pending" ? "pending" : "settled", deliveries: [{ destination_id: "d1", status }] },
    ]),
  );

describe("a destination's account", () => {
  it("has no fault when everything wanted was received once", () => {
    const account = accountFor(record({ e1: 1 }), [sent("e1")], details({ e1: "delivered" }));
    expect(account).toEqual({
      destination: "destination",
      wanted: 1,
      delivered: 1,
      repeated: 0,
      dead: [],
      pending: [],
      lost: [],
      unwanted: [],
    });
    expect(accountFaults({ ending: "delivered" }, account)).toEqual([]);
  });

  it("calls an event lost that the relay does not know", () => {
    const account = accountFor(record({ e1: 1 }), [sent("e1"), sent("e2")], details({ e1: "delivered" }));
    expect(account).toMatchObject({ wanted: 2, delivered: 1, lost: ["e2"] });
    expect(accountFaults({ ending: "delivered" }, account)).toEqual([
      { what: '1 events are lost to "destination"', eventIds: ["e2"] },
    ]);
  });

  it("calls an event lost that the relay calls delivered and the destination has never received", () => {
    expect(accountFor(record({}), [sent("e1")], details({ e1: "delivered" }))).toMatchObject({ lost: ["e1"] });
  });

  it("calls an event lost that was settled without a delivery to the destination", () => {
    const settled = new Map<string, EventDetail>([
      ["e1", { state: "unmatched", deliveries: [] }],
      ["e2", { state: "settled", deliveries: [{ destination_id: "d2", status: "delivered" }] }],
    ]);
    expect(accountFor(record({}), [sent("e1"), sent("e2")], settled)).toMatchObject({ lost: ["e1", "e2"] });
  });

  it("counts repeated deliveries", () => {
    const account = accountFor(record({ e1: 3 }), [sent("e1")], details({ e1: "delivered" }));
    expect(account).toMatchObject({ wanted: 1, delivered: 1, repeated: 2, lost: [] });
  });

  it("tells a dead delivery from a lost one; it is a fault only where none may be dead", () => {
    const account = accountFor(record({}), [sent("e1")], details({ e1: "dead" }));
    expect(account).toMatchObject({ wanted: 1, delivered: 0, dead: ["e1"], lost: [] });
    expect(accountFaults({ ending: "dead" }, account)).toEqual([]);
    expect(accountFaults({ ending: "delivered" }, account)).toEqual([
      { what: '1 events are dead for "destination"', eventIds: ["e1"] },
    ]);
  });

  it("tells a pending delivery from a lost one; it is a fault only where none may be pending", () => {
    const account = accountFor(record({}), [sent("e1")], details({ e1: "pending" }));
    expect(account).toMatchObject({ pending: ["e1"], lost: [] });
    expect(accountFaults({ ending: "pending" }, account)).toEqual([]);
    expect(accountFaults({ ending: "delivered" }, account)).toHaveLength(1);
  });

  it("counts an event that is not dispatched yet as pending", () => {
    const recorded = new Map([["e1", { state: "pending", deliveries: [] }]]);
    expect(accountFor(record({}), [sent("e1")], recorded)).toMatchObject({ pending: ["e1"], lost: [] });
  });

  it("counts an event as delivered that the destination received and the relay calls pending", () => {
    const account = accountFor(record({ e1: 1 }), [sent("e1")], details({ e1: "pending" }));
    expect(account).toMatchObject({ delivered: 1, pending: [] });
  });

  it("does not count events that were not acknowledged or are not wanted", () => {
    const events = [sent("e1", { isAcknowledged: false }), sent("e2", { type: "v1/transfers" })];
    expect(accountFor(record({}), events, new Map())).toMatchObject({ wanted: 0, lost: [] });
    expect(accountFor(record({ e1: 1 }), events, new Map())).toMatchObject({ wanted: 0, unwanted: [] });
  });

  it("notices what a destination received and does not want, or nobody sent", () => {
    const account = accountFor(record({ e1: 1, e2: 1 }), [sent("e1", { type: "v1/transfers" })], new Map());
    expect(account.unwanted).toEqual(["e1", "e2"]);
    expect(accountFaults({ ending: "delivered" }, account)).toHaveLength(1);
  });

  it("counts for a disabled destination only the deliveries that the relay names", () => {
    const account = accountFor(record({}, { isDisabled: true }), [sent("e1"), sent("e2")], details({ e1: "dead" }));
    expect(account).toMatchObject({ wanted: 1, dead: ["e1"], lost: [] });
  });
});
