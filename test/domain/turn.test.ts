import { describe, expect, it } from "vitest";
import { nextTurnAfter, turnOf } from "../../src/domain/turn.ts";

const now = 1_000_000;

const well = { enabled: true, onLane: false, maxPerSecond: null, restingSince: null, nextTurnAt: null };

describe("a visit of the lane", () => {
  it.each([
    ["takes a page from one that is well", {}, { kind: "free", limit: 100 }],
    ["takes five from one that failed or was slow", { onLane: true }, { kind: "free", limit: 5 }],
    ["takes nothing from one that is disabled", { enabled: false }, null],
    ["takes nothing before its turn", { nextTurnAt: now + 1 }, null],
    ["takes nothing from one that rests", { restingSince: 1, nextTurnAt: now + 1 }, null],
    [
      "takes a single one once the rest is over",
      { restingSince: 1, nextTurnAt: now },
      { kind: "probe", limit: 1, gapMs: 0 },
    ],
    ["takes a second's worth from one that is paced", { maxPerSecond: 7 }, { kind: "paced", limit: 7, gapMs: 1_000 }],
    [
      "takes one from one that is paced below one a second",
      { maxPerSecond: 0.25 },
      { kind: "paced", limit: 1, gapMs: 4_000 },
    ],
    ["takes whole ones", { maxPerSecond: 2.5 }, { kind: "paced", limit: 2, gapMs: 800 }],
    [
      "takes a page from one that is paced above that",
      { maxPerSecond: 1_000 },
      { kind: "paced", limit: 100, gapMs: 100 },
    ],
    [
      "takes as many as the pace allows when it has come back",
      { maxPerSecond: 1, nextTurnAt: now },
      { kind: "paced", limit: 1, gapMs: 1_000 },
    ],
    [
      "takes fifty a second from one that has come back",
      { nextTurnAt: now },
      { kind: "recovering", limit: 50, gapMs: 1_000 },
    ],
    [
      "probes one that rests, whatever its pace",
      { restingSince: 1, maxPerSecond: 9, nextTurnAt: now },
      { kind: "probe", limit: 1, gapMs: 0 },
    ],
  ])("%s", (_title, settings, turn) => {
    expect(turnOf({ ...well, ...settings }, now)).toEqual(turn);
  });
});

describe("the turn after", () => {
  it("a full one begins when its gap is over", () => {
    expect(nextTurnAfter({ kind: "recovering", limit: 50, gapMs: 1_000 }, 50, now)).toBe(now + 1_000);
    expect(nextTurnAfter({ kind: "paced", limit: 7, gapMs: 1_000 }, 7, now)).toBe(now + 1_000);
  });

  it("one that took all there was keeps the pace, but ends a recovery", () => {
    expect(nextTurnAfter({ kind: "paced", limit: 7, gapMs: 1_000 }, 6, now)).toBe(now + 1_000);
    expect(nextTurnAfter({ kind: "recovering", limit: 50, gapMs: 1_000 }, 49, now)).toBeNull();
  });
});
