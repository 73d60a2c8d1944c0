import type { DeliberateFault } from "./deliberate-fault.ts";

export const retryFaults: readonly DeliberateFault[] = [
  {
    title: "A delivery is claimed before it is due",
    file: "src/store/drain.ts",
    from: `\${pendingSql} AND next_attempt_at <= ?2 AND \${isClaimableSql}
    ORDER BY next_attempt_at, received_at`,
    to: `\${pendingSql} AND \${isClaimableSql}
    ORDER BY next_attempt_at, received_at`,
  },
  {
    title: "Deliveries are claimed during an exclusive drain",
    file: "src/store/drain.ts",
    from: `AND enabled = 1 AND next_drain_at IS ?5)
  RETURNING`,
    to: `AND enabled = 1 AND ?5 IS ?5)
  RETURNING`,
  },
  {
    title: "A drain that should be exclusive is not",
    file: "src/store/drain.ts",
    from: `begun: isExclusive(plan) ? begin : [],`,
    to: `begun: [],`,
  },
  {
    title: "An exclusive drain does not release its destination",
    file: "src/retry/drain-destination.ts",
    from: `await releaseDrain(env.DB, { destinationId, nextDrainAt: after.nextDrainAt }, { now, leaseUntil });`,
    to: ``,
  },
  {
    title: "The end of a drain overwrites what the breaker has set",
    file: "src/store/drain.ts",
    from: `next_drain_at = ?2 WHERE id = ?1 AND next_drain_at IS ?3`,
    to: `next_drain_at = ?2 WHERE id = ?1 AND ?3 IS NOT NULL`,
  },
  {
    title: "No message follows a drain",
    file: "src/retry/drain-destination.ts",
    from: `const drainsAt = after.next === "none" ? [] : [after.at];`,
    to: `const drainsAt: number[] = [];`,
  },
  {
    title: "A message follows every drain",
    file: "src/domain/drain-plan.ts",
    from: `return isMoreDue ? { next: "schedule", at: now + slowDelayMs } : { next: "none" };`,
    to: `return { next: "schedule", at: now + 5_000 };`,
  },
  {
    title: "No message follows a drain that leaves due deliveries",
    file: "src/domain/drain-plan.ts",
    from: `return isMoreDue ? { next: "schedule", at: now + slowDelayMs } : { next: "none" };`,
    to: `return { next: "none" };`,
  },
  {
    title: "Drains begin before their time",
    file: "src/domain/drain-plan.ts",
    from: `if (!enabled || (nextDrainAt !== null && now < nextDrainAt)) return null;`,
    to: `if (!enabled) return null;`,
  },
  {
    title: "A destination with an open circuit is drained like any other",
    file: "src/domain/drain-plan.ts",
    from: `if (circuitOpenedAt !== null) return { kind: "probe", limit: 1 };`,
    to: ``,
  },
  {
    title: "Several deliveries are attempted as one probe",
    file: "src/domain/drain-plan.ts",
    from: `return { kind: "probe", limit: 1 };`,
    to: `return { kind: "probe", limit: 5 };`,
  },
  {
    title: "A rate that is no whole number is rounded up",
    file: "src/domain/drain-plan.ts",
    from: `const whole = perSecond < 1 ? perSecond : Math.floor(perSecond);`,
    to: `const whole = Math.ceil(perSecond);`,
  },
  {
    title: "The gap between two drains is too short",
    file: "src/domain/drain-plan.ts",
    from: `Math.ceil((limit / whole) * 1000) };`,
    to: `Math.ceil((limit / whole) * 500) };`,
  },
  {
    title: "A probe does not count in a destination's rate",
    file: "src/domain/breaker.ts",
    from: `return maxPerSecond === null ? 0 : Math.ceil(Math.max(1, 1 / maxPerSecond) * 1000);`,
    to: `return 0;`,
  },
  {
    title: "Claims that a stalled D1 has used up are attempted",
    file: "src/retry/drain-destination.ts",
    from: `if (!isEnoughForDrain(drain.leaseUntil, world.now())) {`,
    to: `if (false) {`,
  },
  {
    title: "A drain's claims last for a day",
    file: "src/retry/drain-destination.ts",
    from: `const leaseUntil = drainLease(now);`,
    to: `const leaseUntil = now + 86_400_000;`,
  },
  {
    title: "A drain's claims last for a second",
    file: "src/domain/lease.ts",
    from: `export const DRAIN_LEASE_MS = 60_000;`,
    to: `export const DRAIN_LEASE_MS = 51_000 - 50_000;`,
  },
  {
    title: "A drain ends with its batch",
    file: "src/retry/drain-destination.ts",
    from: `context.waitUntil(work);`,
    to: ``,
  },
  {
    title: "A circuit never closes",
    file: "src/domain/breaker.ts",
    from: `return { circuitOpenedAt: null, failedProbes: 0, nextDrainAt: now + gapAfterProbeMs(maxPerSecond) };`,
    to: `return null;`,
  },
  {
    title: "No message follows the change of a circuit",
    file: "src/deliver/circuits.ts",
    from: `drains.push({ destinationId, at: change.nextDrainAt });`,
    to: ``,
  },
];
