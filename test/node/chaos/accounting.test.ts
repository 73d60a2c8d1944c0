import { describe, expect, it } from "vitest";
import { type EventDetail, type SentEvent, type DestinationBook, accountFor } from "../../chaos/accounting.ts";
import { accountFaults } from "../../chaos/faults.ts";

type Status = EventDetail["deliveries"][number]["status"];

const sent = (id: string, changes: Partial<SentEvent> = {}): SentEvent => ({
  id,
  type: "v1/cards",
  isAcknowledged: true,
  ...changes,
});

const book = (taken: Record<string, number>, changes: Partial<DestinationBook> = {}): DestinationBook => ({
  name: "destination",
  destinationId: "d1",
  wants: (type) => type === "v1/cards",
  hasLeft: false,
  taken: new Map(Object.entries(taken)),
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

describe("an account", () => {
  it("is well when everything wanted was taken once", () => {
    const account = accountFor(book({ e1: 1 }), [sent("e1")], details({ e1: "delivered" }));
    expect(account).toEqual({
      destination: "destination",
      wanted: 1,
      delivered: 1,
      repeated: 0,
      dead: [],
      pending: [],
      lost: [],
      unasked: [],
    });
    expect(accountFaults({ ending: "delivered" }, account)).toEqual([]);
  });

  it("notices an event that the relay does not know", () => {
    const account = accountFor(book({ e1: 1 }), [sent("e1"), sent("e2")], details({ e1: "delivered" }));
    expect(account).toMatchObject({ wanted: 2, delivered: 1, lost: ["e2"] });
    expect(accountFaults({ ending: "delivered" }, account)).toEqual([
      { what: '1 events are lost to "destination"', eventIds: ["e2"] },
    ]);
  });

  it("notices an event that the relay calls delivered and the destination has never seen", () => {
    expect(accountFor(book({}), [sent("e1")], details({ e1: "delivered" }))).toMatchObject({ lost: ["e1"] });
  });

  it("notices an event that was settled without the destination, or with others only", () => {
    const settled = new Map<string, EventDetail>([
      ["e1", { state: "unmatched", deliveries: [] }],
      ["e2", { state: "settled", deliveries: [{ destination_id: "d2", status: "delivered" }] }],
    ]);
    expect(accountFor(book({}), [sent("e1"), sent("e2")], settled)).toMatchObject({ lost: ["e1", "e2"] });
  });

  it("counts each time that an event was taken again", () => {
    const account = accountFor(book({ e1: 3 }), [sent("e1")], details({ e1: "delivered" }));
    expect(account).toMatchObject({ wanted: 1, delivered: 1, repeated: 2, lost: [] });
  });

  it("tells a dead delivery from a lost one, and from a fault where death is expected", () => {
    const account = accountFor(book({}), [sent("e1")], details({ e1: "dead" }));
    expect(account).toMatchObject({ wanted: 1, delivered: 0, dead: ["e1"], lost: [] });
    expect(accountFaults({ ending: "dead" }, account)).toEqual([]);
    expect(accountFaults({ ending: "delivered" }, account)).toEqual([
      { what: '1 events were given up for "destination"', eventIds: ["e1"] },
    ]);
  });

  it("tells a pending delivery from a lost one, and faults it where nothing should be left", () => {
    const account = accountFor(book({}), [sent("e1")], details({ e1: "pending" }));
    expect(account).toMatchObject({ pending: ["e1"], lost: [] });
    expect(accountFaults({ ending: "waiting" }, account)).toEqual([]);
    expect(accountFaults({ ending: "delivered" }, account)).toHaveLength(1);
  });

  it("takes an event that was not fanned out yet for pending", () => {
    const recorded = new Map([["e1", { state: "pending", deliveries: [] }]]);
    expect(accountFor(book({}), [sent("e1")], recorded)).toMatchObject({ pending: ["e1"], lost: [] });
  });

  it("believes the destination that took what the relay could not write down", () => {
    const account = accountFor(book({ e1: 1 }), [sent("e1")], details({ e1: "pending" }));
    expect(account).toMatchObject({ delivered: 1, pending: [] });
  });

  it("owes nothing of what was not acknowledged, or is not wanted", () => {
    const events = [sent("e1", { isAcknowledged: false }), sent("e2", { type: "v1/transfers" })];
    expect(accountFor(book({}), events, new Map())).toMatchObject({ wanted: 0, lost: [] });
    expect(accountFor(book({ e1: 1 }), events, new Map())).toMatchObject({ wanted: 0, unasked: [] });
  });

  it("notices what a destination took without wanting it, or without anybody having sent it", () => {
    const account = accountFor(book({ e1: 1, e2: 1 }), [sent("e1", { type: "v1/transfers" })], new Map());
    expect(account.unasked).toEqual(["e1", "e2"]);
    expect(accountFaults({ ending: "delivered" }, account)).toHaveLength(1);
  });

  it("owes a destination that has left only what the relay says it does", () => {
    const account = accountFor(book({}, { hasLeft: true }), [sent("e1"), sent("e2")], details({ e1: "dead" }));
    expect(account).toMatchObject({ wanted: 1, dead: ["e1"], lost: [] });
  });
});
