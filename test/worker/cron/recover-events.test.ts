import { expect, it } from "vitest";
import { hasLostNextStep } from "../../../src/cron/recover-events.ts";

const now = 1_500_000;
const event = { seq: 1, id: "e1", receivedAt: now - 60_000, leaseUntil: null, isUndispatched: true };

it.each([
  ["is lost when its message is 30 s old", { queuedAt: now - 30_000 }, true],
  ["is not lost while its message may still arrive", { queuedAt: now - 29_999 }, false],
  [
    "is lost again after as long as it took the first time",
    { receivedAt: now - 120_000, queuedAt: now - 60_000 },
    true,
  ],
  ["is not lost before that", { receivedAt: now - 120_000, queuedAt: now - 59_999 }, false],
  ["is lost again after ten minutes at the latest", { receivedAt: 0, queuedAt: now - 600_000 }, true],
  ["is not lost while a consumer has it", { queuedAt: now - 60_000, leaseUntil: now + 1 }, false],
  ["is lost when the lease of its consumer has ended", { queuedAt: now - 60_000, leaseUntil: now }, true],
  ["is not lost once its first attempts are made", { queuedAt: 0, leaseUntil: 0, isUndispatched: false }, false],
])("an event %s", (_title, progress, lost) => {
  expect(hasLostNextStep({ ...event, ...progress }, now)).toBe(lost);
});
