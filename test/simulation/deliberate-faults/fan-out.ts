import type { DeliberateFault } from "./deliberate-fault.ts";

export const fanOutFaults: readonly DeliberateFault[] = [
  {
    title: "An event is claimed that another consumer has claimed",
    file: "src/store/claims.ts",
    from: `AND (events.lease_until IS NULL OR events.lease_until <= ?3 OR \${hasLeaseSql("claim")})`,
    to: ``,
  },
  {
    title: "A claim forgets destinations to which a replay has sent the event meanwhile",
    file: "src/store/claims.ts",
    from: `      UNION ALL
      SELECT recipient.key, recipient.value FROM \${recipientsSql} WHERE NOT \${hasNoDeliverySql})`,
    to: `)`,
  },
  {
    title: "A lease counts though deliveries of the event are recorded",
    file: "src/store/leases.ts",
    from: `
    AND NOT EXISTS (SELECT 1 FROM \${recipientsSql} WHERE NOT \${hasNoDeliverySql})\`;`,
    to: `\`;`,
  },
  {
    title: "Any message has the lease with which an event was recorded",
    file: "src/store/leases.ts",
    from: `events.claims = 0 AND events.lease_until = \${lease}.value ->> 'leaseUntil')\`;`,
    to: `events.claims = 0)\`;`,
  },
  {
    title: "A lease counts that is nearly over",
    file: "src/domain/lease.ts",
    from: `return now <= leaseUntil - FAN_OUT_NEEDS_MS;`,
    to: `return true;`,
  },
  {
    title: "A lease counts though the destinations are others than when it was made",
    file: "src/fan-out/take-events.ts",
    from: `return changed.size === 0 ? lease.leaseUntil : null;`,
    to: `return lease.leaseUntil;`,
  },
  {
    title: "A claim counts that a stalled D1 has used up",
    file: "src/fan-out/take-events.ts",
    from: `standing.state === "mine" && !isEnoughForFanOut(standing.leaseUntil, now);`,
    to: `false;`,
  },
  {
    title: "A message that is repeated has the lease of the first",
    file: "src/fan-out/batch-events.ts",
    from: `isFirstTry && lease_until !== null`,
    to: `lease_until !== null`,
  },
  {
    title: "A claimed event keeps the time of receipt of its message, not that of its row",
    file: "src/fan-out/take-events.ts",
    from: `event: { ...candidate.event, receivedAt }`,
    to: `event: candidate.event`,
  },
  {
    title: "A first attempt is made where a delivery is recorded already",
    file: "src/fan-out/take-events.ts",
    from: `candidate.recipients.filter(({ id }) => !withDelivery.includes(id))`,
    to: `candidate.recipients`,
  },
  {
    title: "Events that only the queue has are not recorded",
    file: "src/fan-out/take-events.ts",
    from: `missing.map((one) => ({ event: one.event, recipients: toClaim(one).recipients })),`,
    to: `[],`,
  },
  {
    title: "The latest state is not updated from events that only the queue has",
    file: "src/fan-out/take-events.ts",
    from: `also: updateLatestState(db, missing)`,
    to: `also: []`,
  },
  {
    title: "The latest state is not updated from claimed events",
    file: "src/fan-out/take-events.ts",
    from: `also: updateLatestState(db, candidates),`,
    to: `also: [],`,
  },
  {
    title: "The latest state is not updated from leased events",
    file: "src/fan-out/load-and-update-state.ts",
    from: `updateLatestState(db, named)`,
    to: `updateLatestState(db, [])`,
  },
  {
    title: "An older event overwrites a newer state",
    file: "src/store/resources.ts",
    from: `
    WHERE excluded.version > resources.version\`;`,
    to: `\`;`,
  },
  {
    title: "Two versions of a resource can be equal",
    file: "src/domain/version.ts",
    from: `
    eventId,
  ].join`,
    to: `
  ].join`,
  },
  {
    title: "The version rule skips the lifecycle",
    file: "src/domain/version.ts",
    from: `    String(lifecycleRank).padStart(2, "0"),
`,
    to: ``,
  },
  {
    title: "The version rule skips the version instant",
    file: "src/domain/version.ts",
    from: `    versionAt?.sortKey ?? UNKNOWN,
`,
    to: ``,
  },
  {
    title: "A second stage of the same name fails the batch of a registration",
    file: "src/store/registrations.ts",
    from: `(?7 IS NULL OR ?7 = body)
  ON CONFLICT DO NOTHING\`;`,
    to: `(?7 IS NULL OR ?7 = body)\`;`,
  },
  {
    title: "Deliveries that the fan-out leaves to the retries are not recorded",
    file: "src/fan-out/fan-out.ts",
    from: `results: [...results, ...leftToDrains.map((job) => deferred(job))], late },`,
    to: `results, late },`,
  },
  {
    title: "The fan-out does not wait until its attempts are recorded",
    file: "src/fan-out/fan-out.ts",
    from: `const deliveries = await recordAttempts(`,
    to: `const deliveries = []; void recordAttempts(`,
  },
  {
    title: "A message is acknowledged though not all of its events have a verdict",
    file: "src/fan-out/consumer.ts",
    from: `if (verdicts.length === content.events.length) decide(`,
    to: `decide(`,
  },
  {
    title: "A message is acknowledged for which the database has no table",
    file: "src/relay.ts",
    from: `message.retry({ delaySeconds: SCHEMA_MISSING_DELAY_SECONDS });`,
    to: `message.ack();`,
  },
  {
    title: "Of the copies of an event in a batch one without its body counts",
    file: "src/fan-out/batch-events.ts",
    from: `inline: known.inline ?? inline`,
    to: `inline: inline && known.inline`,
  },
  {
    title: "A queued unreadable body is acknowledged unkept",
    file: "src/fan-out/consumer.ts",
    from: `decide(message, await keepUnreadable(content, context));`,
    to: `message.ack();`,
  },
];
