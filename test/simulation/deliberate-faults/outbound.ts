import type { DeliberateFault } from "./deliberate-fault.ts";

export const outboundFaults: readonly DeliberateFault[] = [
  {
    title: "The outcome of an attempt is lost",
    file: "src/deliver/attempt-all.ts",
    from: `results.push(made);`,
    to: ``,
  },
  {
    title: "What is deferred is lost",
    file: "src/deliver/attempt-all.ts",
    from: `results.push(...share.rest().map(({ job, isStopped }) => deferred(job, isStopped)));`,
    to: ``,
  },
  {
    title: "A late attempt is lost",
    file: "src/deliver/attempt-all.ts",
    from: `late.push({ ...job, result });`,
    to: ``,
  },
  {
    title: "A late attempt is not recorded when it ends",
    file: "src/deliver/record-attempts.ts",
    from: `for (const one of late) context.waitUntil(recordLate(one, lateAttemptLease(now), context));`,
    to: ``,
  },
  {
    title: "A late attempt ends with its batch",
    file: "src/deliver/record-attempts.ts",
    from: `context.waitUntil(recordLate(one, lateAttemptLease(now), context));`,
    to: `void recordLate(one, lateAttemptLease(now), context);`,
  },
  {
    title: "More answers are waited for than an invocation may wait for",
    file: "src/deliver/attempt-all.ts",
    from: `const MAX_IN_FLIGHT = 5;`,
    to: `const MAX_IN_FLIGHT = 50;`,
  },
  {
    title: "A slow destination holds up all behind it",
    file: "src/deliver/attempt-all.ts",
    from: `const ATTEMPT_WAIT_MS = 1_000;`,
    to: `const ATTEMPT_WAIT_MS = 60_000;`,
  },
  {
    title: "An attempt has no timeout",
    file: "src/outbound/post.ts",
    from: `signal: timeout.signal,`,
    to: ``,
  },
  {
    title: "A redirect counts as success",
    file: "src/domain/delivery.ts",
    from: `if (status >= 200 && status < 300) return "delivered";`,
    to: `if (status >= 200 && status < 400) return "delivered";`,
  },
  {
    title: "An attempt without an answer counts as success",
    file: "src/outbound/post.ts",
    from: `if (timeout.signal.aborted) return toAttempt("timed_out");`,
    to: `if (timeout.signal.aborted) return toAttempt("delivered");`,
  },
  {
    title: "No message follows a failed delivery",
    file: "src/deliver/record-attempts.ts",
    from: `await tryScheduleDrains(env.RETRIES, next.drains, world.now());`,
    to: ``,
  },
  {
    title: "A message follows each delivery, failed or not",
    file: "src/deliver/next-state.ts",
    from: `if (after.nextAttemptAt !== null) drains.push({ destinationId: destination.id, at: after.nextAttemptAt });`,
    to: `drains.push({ destinationId: destination.id, at: after.nextAttemptAt ?? now });`,
  },
  {
    title: "Two messages follow a failed delivery",
    file: "src/deliver/next-state.ts",
    from: `return { deliveries, holds, withDead, drains };`,
    to: `return { deliveries, holds, withDead, drains: drains.flatMap((one) => [one, { ...one, at: one.at + 3_000 }]) };`,
  },
  {
    title: "A destination that wants no more goes on getting events",
    file: "src/deliver/record-attempts.ts",
    from: `
    disabled: disableDestinations(env.DB, idsOf(attempted.filter(isGone)), now),`,
    to: ``,
  },
  {
    title: "A late write makes a delivery pending that has ended",
    file: "src/store/deliveries.ts",
    from: `
    WHERE deliveries.status = 'pending' AND \${isCurrentWriteSql}\`;`,
    to: `\`;`,
  },
  {
    title: "A write that is repeated undoes a claim made meanwhile",
    file: "src/store/deliveries.ts",
    from: ` AND \${isCurrentWriteSql}\`;`,
    to: `\`;`,
  },
  {
    title: "A delivery to a removed destination stays pending",
    file: "src/store/deliveries.ts",
    from: `AND NOT EXISTS (SELECT 1 FROM destinations WHERE id = given.value ->> 'destinationId')\`;`,
    to: `AND false\`;`,
  },
  {
    title: "A delivery is not free again for the attempts that follow",
    file: "src/store/deliveries.ts",
    from: `next_attempt_at = excluded.next_attempt_at, claims = 0`,
    to: `next_attempt_at = excluded.next_attempt_at`,
  },
  {
    title: "The retry schedule stands still",
    file: "src/domain/delivery-progress.ts",
    from: `step: delivery.step + 1,`,
    to: `step: delivery.step,`,
  },
  {
    title: "The retry schedule loses a step at each failure",
    file: "src/domain/delivery-progress.ts",
    from: `step: delivery.step + 1,`,
    to: `step: delivery.step + 40,`,
  },
  {
    title: "A replay that comes to nothing makes dead what was delivered",
    file: "src/domain/delivery-progress.ts",
    from: `status: hasSucceeded ? "delivered" : "dead",`,
    to: `status: next.status,`,
  },
  {
    title: "Retry-After is not honoured",
    file: "src/domain/retry-schedule.ts",
    from: `Math.max(spread, Math.ceil(retryAfterSeconds ?? 0))`,
    to: `spread`,
  },
  {
    title: "The secret that is being rotated out no longer signs",
    file: "src/outbound/secrets.ts",
    from: `return [secret, ...previous.filter((one) => one !== null)];`,
    to: `return [secret];`,
  },
  {
    title: "Qonto's own form of the signature is the new secret's at once",
    file: "src/outbound/sign.ts",
    from: `secrets.at(-1) ?? secrets[0]`,
    to: `secrets[0]`,
  },
  {
    title: "An attempt whose connection was lost makes its request again and again",
    file: "src/outbound/post.ts",
    from: `    return world.fetch(url, init);
  }`,
    to: `    return send(url, init, world);
  }`,
  },
  {
    title: "Qonto's own form of the signature is made with the wrong time",
    file: "src/outbound/sign.ts",
    from: `signBusiness(body, timestampSeconds, secrets`,
    to: `signBusiness(body, timestampSeconds + 1, secrets`,
  },
  {
    title: "A body loses its bytes beyond ASCII",
    file: "src/domain/event.ts",
    from: `new TextEncoder().encode(body)`,
    to: `Uint8Array.from(body, (character) => character.charCodeAt(0))`,
  },
  {
    title: "A destination gets types that it did not ask for",
    file: "src/domain/destination.ts",
    from: `type.startsWith(pattern.slice(0, -1))`,
    to: `type.startsWith(pattern.slice(0, 2))`,
  },
  {
    title: "What was delivered at once fails afterwards, by a second consumer",
    file: "src/store/deliveries.ts",
    from: `
      AND (recipient.value IS NULL OR EXISTS (SELECT 1 FROM deliveries WHERE \${rowOfRecipientSql})))\`;`,
    to: `)\`;`,
  },
  {
    title: "A first attempt that succeeds is not written down",
    file: "src/store/deliveries.ts",
    from: `json_patch(recipients, (`,
    to: `coalesce(recipients, (`,
  },
];
