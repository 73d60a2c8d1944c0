import type { DeliberateFault } from "./deliberate-fault.ts";

export const fanOutFaults: readonly DeliberateFault[] = [
  {
    title: "An event is claimed that another consumer has claimed",
    file: "src/store/claims.ts",
    from: `AND (events.claimed_until IS NULL OR events.claimed_until <= ?3 OR \${isHolderSql("claim")})`,
    to: ``,
  },
  {
    title: "A claim forgets whom a replay has given the event meanwhile",
    file: "src/store/claims.ts",
    from: `      UNION ALL
      SELECT recipient.key, recipient.value FROM \${recipientsSql} WHERE NOT \${isUnattemptedSql})`,
    to: `)`,
  },
  {
    title: "A lease is held though deliveries of the event are written down",
    file: "src/store/leases.ts",
    from: `
    AND NOT EXISTS (SELECT 1 FROM \${recipientsSql} WHERE NOT \${isUnattemptedSql})\`;`,
    to: `\`;`,
  },
  {
    title: "Any message holds the lease with which an event was recorded",
    file: "src/store/leases.ts",
    from: `events.claims = 0 AND events.claimed_until = \${lease}.value ->> 'until')\`;`,
    to: `events.claims = 0)\`;`,
  },
  {
    title: "A lease counts that is nearly over",
    file: "src/domain/lease.ts",
    from: `return now <= leaseUntil - NEEDED_MS;`,
    to: `return true;`,
  },
  {
    title: "A lease counts though the destinations are others than when it was made",
    file: "src/fan-out/claim-all.ts",
    from: `return new Set(lease.recipients).symmetricDifference(new Set(wantedBy.map(({ id }) => id))).size === 0;`,
    to: `return true;`,
  },
  {
    title: "A claim counts that a stalled D1 has used up",
    file: "src/fan-out/claim-all.ts",
    from: `const isSpent = !isLongEnough(claimedUntil, world.now());`,
    to: `const isSpent = false;`,
  },
  {
    title: "A message that comes again holds the lease of the first",
    file: "src/fan-out/arrivals.ts",
    from: `isFirstTry && lease_until !== null`,
    to: `lease_until !== null`,
  },
  {
    title: "A claimed event keeps the time of receipt of its message, not that of its row",
    file: "src/fan-out/claim-all.ts",
    from: `event: { ...event, receivedAt }`,
    to: `event`,
  },
  {
    title: "A first attempt is made where a delivery has been written down already",
    file: "src/fan-out/claim-all.ts",
    from: `wantedBy.filter(({ id }) => !given.includes(id))`,
    to: `wantedBy`,
  },
  {
    title: "What only the queue has taken is not written down",
    file: "src/fan-out/claim-all.ts",
    from: `missing.map((one) => ({ event: { ...one.event, receivedAt: now }, recipients: toClaim(one).recipients })),`,
    to: `[],`,
  },
  {
    title: "The state is not brought up to events that only the queue has taken",
    file: "src/fan-out/claim-all.ts",
    from: `also: projectState(db, missing)`,
    to: `also: []`,
  },
  {
    title: "The state is not brought up to claimed events",
    file: "src/fan-out/claim-all.ts",
    from: `also: projectState(db, claimables),`,
    to: `also: [],`,
  },
  {
    title: "The state is not brought up to events that are held by their lease",
    file: "src/fan-out/load-batch.ts",
    from: `[...findHeld(db, leases), ...projectState(db, events)]`,
    to: `findHeld(db, leases)`,
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
    title: "A stage of a registration that comes again fails the batch",
    file: "src/store/registrations.ts",
    from: `(?7 IS NULL OR ?7 = body)
  ON CONFLICT DO NOTHING\`;`,
    to: `(?7 IS NULL OR ?7 = body)\`;`,
  },
  {
    title: "What the fan-out leaves to the retries is not written down",
    file: "src/fan-out/fan-out.ts",
    from: `results: [...attempted.results, ...forLane.map(leaveToLane)] },`,
    to: `results: attempted.results },`,
  },
  {
    title: "The fan-out does not wait until its attempts are written down",
    file: "src/fan-out/fan-out.ts",
    from: `const deliveries = await conclude(`,
    to: `const deliveries = []; void conclude(`,
  },
  {
    title: "A message is acknowledged though not all of its events were handled",
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
    file: "src/fan-out/arrivals.ts",
    from: `carried: known.carried ?? carried`,
    to: `carried: carried && known.carried`,
  },
  {
    title: "A queued unreadable body is acknowledged unkept",
    file: "src/fan-out/consumer.ts",
    from: `decide(message, await keepUnreadable(content, fanningOut));`,
    to: `message.ack();`,
  },
];
