import { expect, it } from "vitest";
import { isForgotten } from "../../src/upkeep/requeue-events.ts";

const now = 1_000_000;
const event = { id: "e1", receivedAt: 0, isUnfinished: true };

it.each([
  ["is forgotten when its message is 30 s old", { queuedAt: now - 30_000, claimedUntil: null }, true],
  ["is not while its message may be on its way", { queuedAt: now - 29_999, claimedUntil: null }, false],
  ["is not while a consumer has it", { queuedAt: now - 60_000, claimedUntil: now + 1 }, false],
  ["is forgotten when the lease of its consumer has ended", { queuedAt: now - 60_000, claimedUntil: now }, true],
  ["is not once its first attempts are made", { queuedAt: 0, claimedUntil: 0, isUnfinished: false }, false],
])("an event %s", (_title, progress, forgotten) => {
  expect(isForgotten({ ...event, ...progress }, now)).toBe(forgotten);
});
