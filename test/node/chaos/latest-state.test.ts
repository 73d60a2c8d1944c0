import { describe, expect, it } from "vitest";
import { type SentVersion, staleResources } from "../../chaos/latest-state.ts";

const sent = (version: number, isAcknowledged = true): SentVersion => ({
  event: { id: `e${version}`, resource: "card", version },
  isAcknowledged,
});
const shown = (id: string) => new Map([["card", id]]);

describe("the latest state", () => {
  it("is that of the newest acknowledged event", () => {
    expect(staleResources([sent(2), sent(1)], shown("e2"))).toEqual([]);
    expect(staleResources([sent(2), sent(1)], shown("e1"))).toEqual([
      { resource: "card", shownId: "e1", newestId: "e2" },
    ]);
  });

  it("must be there", () => {
    expect(staleResources([sent(1)], new Map())).toEqual([{ resource: "card", shownId: null, newestId: "e1" }]);
    expect(staleResources([sent(1)], shown("a stranger's"))).toHaveLength(1);
  });

  it("may be that of a newer event whose acknowledgement never arrived", () => {
    expect(staleResources([sent(1), sent(2, false)], shown("e2"))).toEqual([]);
    expect(staleResources([sent(1), sent(2, false)], shown("e1"))).toEqual([]);
  });

  it("is not asked of what has none", () => {
    const registration: SentVersion = { event: { id: "e1", resource: null, version: 1 }, isAcknowledged: true };
    expect(staleResources([registration], new Map())).toEqual([]);
  });
});
