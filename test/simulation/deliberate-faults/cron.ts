import type { DeliberateFault } from "./deliberate-fault.ts";

export const cronFaults: readonly DeliberateFault[] = [
  {
    title: "Events that have lost their message get none",
    file: "src/cron/recover-events.ts",
    from: `await env.EVENTS.sendBatch(messages.map((body) => ({ body })));`,
    to: ``,
  },
  {
    title: "Events count as queued whether their message was sent or not",
    file: "src/cron/recover-events.ts",
    from: `pack(ids.map((id) => measure(byId(id, null))));`,
    to: `pack(ids.slice(1).map((id) => measure(byId(id, null))));`,
  },
  {
    title: "The recovery scan does not go back to an event that was undispatched",
    file: "src/cron/recover-events.ts",
    from: `oldest === undefined ? reached : oldest.seq - 1;`,
    to: `reached;`,
  },
  {
    title: "Events that a dead consumer had claimed get no message",
    file: "src/cron/recover-events.ts",
    from: `(leaseUntil === null || leaseUntil <= now);`,
    to: `leaseUntil === null;`,
  },
  {
    title: "Overdue deliveries get no message",
    file: "src/cron/pending-deliveries.ts",
    from: `overdue.map((destinationId) => ({ destinationId, at: now })),`,
    to: `[],`,
  },
  {
    title: "A destination that a dead consumer drained exclusively gets no message",
    file: "src/store/drain.ts",
    from: `(next_drain_at IS NULL OR next_drain_at <= ?2) AND due_at < ?1\`;`,
    to: `next_drain_at IS NULL AND ?2 IS ?2 AND due_at < ?1\`;`,
  },
  {
    title: "A replay that was cut short is not continued",
    file: "src/cron/pending-deliveries.ts",
    from: `pages += await runReplay(env, replay, { now, maxPages: MAX_PAGES - pages });`,
    to: ``,
  },
  {
    title: "Copies in quarantine that were overtaken wait for ever",
    file: "src/store/quarantine.ts",
    from: `db.prepare(settleAcceptedSql).bind(limit, now)`,
    to: `db.prepare("SELECT 1")`,
  },
  {
    title: "Retention deletes events with a pending delivery",
    file: "src/store/event-progress.ts",
    from: `WHERE \${statusSql} = 'pending' OR (`,
    to: `WHERE (`,
  },
  {
    title: "Retention deletes events with a dead delivery too early",
    file: "src/store/event-progress.ts",
    from: `events.received_at >= \${deadBeforeSql})`,
    to: `\${deadBeforeSql} IS NULL)`,
  },
  {
    title: "Retention deletes the event of a resource's latest state",
    file: "src/store/event-progress.ts",
    from: `AND NOT \${isStateSql} AND`,
    to: `AND`,
  },
  {
    title: "Retention deletes the newest event",
    file: "src/store/event-progress.ts",
    from: ` AND events.seq < (SELECT max(seq) FROM events))`,
    to: `)`,
  },
  {
    title: "Retention does not go back to what has been needed longer",
    file: "src/cron/delete-old.ts",
    from: `[after, beganAt] = [0, now];`,
    to: `beganAt = now;`,
  },
  {
    title: "Retention deletes what is not old",
    file: "src/cron/delete-old.ts",
    from: `settledBefore: now - retentionDays * MS_PER_DAY,`,
    to: `settledBefore: now - MS_PER_DAY / 96,`,
  },
  {
    title: "Retention deletes nothing",
    file: "src/cron/delete-old.ts",
    from: `if (deletable.length > 0) deleted += await deleteEvents(db, deletable, cutOff);`,
    to: ``,
  },
  {
    title: "Retention leaves the deliveries of what it deletes",
    file: "src/store/retention.ts",
    from: `deliveries: db.prepare(deleteDeliveriesSql).bind(rows),`,
    to: ``,
  },
  {
    title: "Secrets are not encrypted again under a new key",
    file: "src/cron/reencrypt-secrets.ts",
    from: `await replaceSecrets(env.DB, stored, renewed);`,
    to: ``,
  },
];
