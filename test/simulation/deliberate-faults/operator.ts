import type { DeliberateFault } from "./deliberate-fault.ts";

export const operatorFaults: readonly DeliberateFault[] = [
  {
    title: "A replay repeats an attempt that is in flight",
    file: "src/store/replay-deliveries.ts",
    from: `deliveries.next_attempt_at > ?2 + \${DRAIN_LEASE_MS} AND deliveries.claims = 0`,
    to: `true`,
  },
  {
    title: "A replay sends again what another one has delivered meanwhile",
    file: "src/store/replay-deliveries.ts",
    from: `WHEN 'delivered' THEN ?6`,
    to: `WHEN 'delivered' THEN ?6 IS ?6`,
  },
  {
    title: "A replay begins an event before its fan-out",
    file: "src/store/replay-deliveries.ts",
    from: `WHEN recipient.value IS NULL THEN false`,
    to: `WHEN recipient.value IS NULL THEN true`,
  },
  {
    title: "A replay sends again what a first attempt has delivered meanwhile",
    file: "src/store/replay-deliveries.ts",
    from: `ELSE ?6 AND (`,
    to: `ELSE ?6 IS ?6 AND (`,
  },
  {
    title: "A replay makes deliveries of which no event knows",
    file: "src/store/replay-deliveries.ts",
    from: `lists.map((list) => db.prepare(addRecipientSql).bind(list)),`,
    to: `[],`,
  },
  {
    title: "A replay makes deliveries for a destination that is gone",
    file: "src/store/replay-deliveries.ts",
    from: `
    AND EXISTS (SELECT 1 FROM destinations WHERE id = given.value ->> 'destinationId')`,
    to: ``,
  },
  {
    title: "A replay sends what does not match the destination",
    file: "src/store/replays.ts",
    from: `events.recipients IS NOT NULL AND \${matchesSql("events")}`,
    to: `events.recipients IS NOT NULL`,
  },
  {
    title: "A replay of what is missing sends what was delivered",
    file: "src/store/replays.ts",
    from: `(?5 <> 'all' OR`,
    to: `(?5 IS NULL OR`,
  },
  {
    title: "No drain follows a replay",
    file: "src/deliver/drain-messages.ts",
    from: `await tryScheduleDrains(RETRIES, drains, now);`,
    to: ``,
  },
  {
    title: "A released event gets no message",
    file: "src/quarantine/release.ts",
    from: `if (isRecordedNow) await sendMessage(env, event.id);`,
    to: ``,
  },
  {
    title: "A released copy is settled though its event is not recorded",
    file: "src/store/quarantine.ts",
    from: `db.prepare(recordReleasedSql).bind(...eventParameters(event), id),`,
    to: `db.prepare("SELECT 1 AS id"),`,
  },
  {
    title: "Pending deliveries of a removed destination are not ended",
    file: "src/api/actions/destinations.ts",
    from: `await deleteDestination(db, id);
  await endAllPending(db, id, now);`,
    to: `await deleteDestination(db, id);`,
  },
  {
    title: "A rotation that is repeated forgets the secret before",
    file: "src/store/destination-secrets.ts",
    from: `iif(secret = ?2, previous_secrets, (`,
    to: `iif(false, previous_secrets, (`,
  },
  {
    title: "A rotation too many ends the oldest secret early",
    file: "src/store/destination-secrets.ts",
    from: `ORDER BY key`,
    to: `ORDER BY key DESC LIMIT \${PREVIOUS_AT_MOST - 1}`,
  },
  {
    title: "There is no end of rotations",
    file: "src/store/destination-secrets.ts",
    from: `< \${PREVIOUS_AT_MOST})`,
    to: `< 100)`,
  },
  {
    title: "A rotation forgets the secret before",
    file: "src/store/destination-secrets.ts",
    from: `json_object('secret', destinations.secret, 'until', ?3)`,
    to: `json_object('secret', ?2, 'until', ?3)`,
  },
  {
    title: "A dead letter is kept, and its event is not recorded",
    file: "src/dead-letters/consumer.ts",
    from: `await persist(content, env.DB, receivedAt)`,
    to: `[]`,
  },
  {
    title: "A dead letter is acknowledged though it was not kept",
    file: "src/dead-letters/consumer.ts",
    from: `await keepWithTheQueue(message, context);`,
    to: `message.ack();`,
  },
];
