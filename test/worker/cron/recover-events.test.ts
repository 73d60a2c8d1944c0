import { expect, it } from "vitest";
import { hasLostNextStep } from "../../../src/cron/recover-events.ts";

const now = 1_500_000;
const event = { seq: 1, id: "e1", receivedAt: now - 60_000, claimedUntil: null, isUnfinished: true };

it.each([
  ["is lost when its message is 30 s old", { queuedAt: now - 30_000 }, true],
  ["is not while its message may be on its way", { queuedAt: now - 29_999 }, false],
  ["waits for a third message as long as for the second", { receivedAt: now - 120_000, queuedAt: now - 60_000 }, true],
  ["and no less", { receivedAt: now - 120_000, queuedAt: now - 59_999 }, false],
  ["waits no longer than ten minutes", { receivedAt: 0, queuedAt: now - 600_000 }, true],
  ["is not while a consumer has it", { queuedAt: now - 60_000, claimedUntil: now + 1 }, false],
  ["is lost when the lease of its consumer has ended", { queuedAt: now - 60_000, claimedUntil: now }, true],
  ["is not once its first attempts are made", { queuedAt: 0, claimedUntil: 0, isUnfinished: false }, false],
])("an event %s", (_title, progress, lost) => {
  expect(hasLostNextStep({ ...event, ...progress }, now)).toBe(lost);
});
