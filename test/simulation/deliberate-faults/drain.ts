import type { DeliberateFault } from "./deliberate-fault.ts";

export const retryFaults: readonly DeliberateFault[] = [
  {
    title: "A delivery is claimed before it is due",
    file: "src/store/drain.ts",
    from: `\${waitingSql} AND next_attempt_at <= ?2 AND \${isClaimableSql}
    ORDER BY next_attempt_at, received_at`,
    to: `\${waitingSql} AND \${isClaimableSql}
    ORDER BY next_attempt_at, received_at`,
  },
  {
    title: "Deliveries are claimed though it is another drain's turn",
    file: "src/store/drain.ts",
    from: `AND enabled = 1 AND next_drain_at IS ?5)
  RETURNING`,
    to: `AND enabled = 1 AND ?5 IS ?5)
  RETURNING`,
  },
  {
    title: "A drain is not begun",
    file: "src/retry/drain-destinations.ts",
    from: `isExclusive: plan.kind !== "free",`,
    to: `isExclusive: false,`,
  },
  {
    title: "A turn is not given back",
    file: "src/retry/drain-destinations.ts",
    from: `await endDrains(env.DB, endedDrains, { now, claimedUntil: lane.claimedUntil });`,
    to: ``,
  },
  {
    title: "A turn's end overwrites what the breaker has set",
    file: "src/store/drain.ts",
    from: `next_drain_at = ?2 WHERE id = ?1 AND next_drain_at IS ?3`,
    to: `next_drain_at = ?2 WHERE id = ?1 AND ?3 IS NOT NULL`,
  },
  {
    title: "No message follows a drain",
    file: "src/retry/drain-destinations.ts",
    from: `if (drainAt !== null) requests.push({ destinationId: destination.id, at: drainAt });`,
    to: ``,
  },
  {
    title: "A message follows every drain",
    file: "src/domain/drain-plan.ts",
    from: `drainAt: isMoreDue ? now + restMs : null };`,
    to: `drainAt: now + 5_000 };`,
  },
  {
    title: "A drain that finds more than it can take sends nobody for the rest",
    file: "src/domain/drain-plan.ts",
    from: `drainAt: isMoreDue ? now + restMs : null };`,
    to: `drainAt: null };`,
  },
  {
    title: "Turns begin before their time",
    file: "src/domain/drain-plan.ts",
    from: `if (!enabled || (nextDrainAt !== null && now < nextDrainAt)) return null;`,
    to: `if (!enabled) return null;`,
  },
  {
    title: "A resting destination is drained like any other",
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
    title: "The gap between two turns is too short",
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
    file: "src/retry/drain-destinations.ts",
    from: `if (world.now() > claimedUntil - NEEDED_MS) {`,
    to: `if (false) {`,
  },
  {
    title: "A drain's claims last for a day",
    file: "src/retry/drain-destinations.ts",
    from: `const claimedUntil = now + LEASE_MS;`,
    to: `const claimedUntil = now + 86_400_000;`,
  },
  {
    title: "A drain's claims last for a second",
    file: "src/domain/drain-plan.ts",
    from: `export const LEASE_MS = 60_000;`,
    to: `export const LEASE_MS = 51_000 - 50_000;`,
  },
  {
    title: "A drain ends with its batch",
    file: "src/retry/drain-destinations.ts",
    from: `draining.waitUntil(work);`,
    to: ``,
  },
  {
    title: "A breaker never closes",
    file: "src/domain/breaker.ts",
    from: `return { circuitOpenedAt: null, failedProbes: 0, nextDrainAt: now + gapAfterProbeMs(maxPerSecond) };`,
    to: `return null;`,
  },
  {
    title: "No message follows the turning of a breaker",
    file: "src/outbound/conclude.ts",
    from: `turned.push({ destinationId, at: change.nextDrainAt });`,
    to: ``,
  },
];
