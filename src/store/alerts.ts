import { z } from "zod";
import { type Alert, newAlert } from "../domain/alert.ts";
import type { OperationalEvent } from "../domain/operational-event.ts";
import { batchOf, writeAll } from "./batch.ts";
import type { Database } from "./database.ts";
import { amongDeliveriesSql } from "./destination-deliveries.ts";
import { breakerColumnsSql, readBreakerRow } from "./destination-health.ts";
import { recordOperationalEvent } from "./operational-events.ts";
import { flag } from "./rows.ts";

const alertNames = ["failing", "disabled", "dead", "quarantine", "health"] as const;

export interface AlertKey {
  /** The id of a destination; empty: the relay itself. */
  readonly subject: string;
  readonly name: (typeof alertNames)[number];
}

export const alertsSql = "SELECT subject, name, told, seen, paced_until AS pacedUntil FROM alerts";

const alertRow = z.object({
  subject: z.string(),
  name: z.enum(alertNames),
  told: z.string(),
  seen: z.string(),
  pacedUntil: z.number(),
}) satisfies z.ZodType<AlertKey & Alert>;

/** On a row that may have an alert beside it: the occurrence at `at` is not told, and may be told at ?1. */
const isToTellSql = (at: string) =>
  `(CAST(${at} AS TEXT) <> coalesce(alerts.told, '') AND coalesce(alerts.paced_until, 0) <= ?1)`;

export const destinationSignsSql = `
  SELECT ${breakerColumnsSql}, url, description, enabled, gone_at AS goneAt, last_dead_at AS lastDeadAt,
    CASE WHEN ${isToTellSql("last_dead_at")} THEN ${amongDeliveriesSql("count(*)", "dead")} END AS deadDeliveries
  FROM destinations LEFT JOIN alerts ON alerts.subject = destinations.id AND alerts.name = 'dead'`;

const destinationSigns = z.object({
  url: z.string(),
  description: z.string().nullable(),
  enabled: flag,
  /** When its 410 disabled it, Unix milliseconds; null: it is not disabled by one. */
  goneAt: z.number().nullable(),
  /** When a delivery last ended as dead, Unix milliseconds; null: none did. */
  lastDeadAt: z.number().nullable(),
  /** Its dead deliveries; null: there is nothing to tell of them now. */
  deadDeliveries: z.number().nullable(),
});

const readDestinationSigns = (row: unknown) => ({ ...destinationSigns.parse(row), ...readBreakerRow(row) });

/** What alerts look at of a destination. */
export type DestinationSigns = ReturnType<typeof readDestinationSigns>;

export const quarantineSignsSql = `
  SELECT value AS quarantinedAt,
    (SELECT count(*) FROM quarantine INDEXED BY quarantine_waiting WHERE settled_at IS NULL) AS waiting
  FROM cron_state LEFT JOIN alerts ON alerts.subject = '' AND alerts.name = 'quarantine'
  WHERE cron_state.name = 'quarantined_at' AND ${isToTellSql("value")}`;

const quarantineSigns = z.object({ quarantinedAt: z.number(), waiting: z.number() });

/** What alerts look at of the quarantine. */
export type QuarantineSigns = z.output<typeof quarantineSigns>;

export interface AlertSigns {
  readonly destinations: readonly DestinationSigns[];
  /** Null: there is nothing to tell of it now. */
  readonly quarantine: QuarantineSigns | null;
  readonly alertOf: (key: AlertKey) => Alert;
}

/** One D1 call that reads a few rows for each destination. */
export async function readAlertSigns(db: Database, now: number): Promise<AlertSigns> {
  const { destinations, quarantine, alerts } = await batchOf(db, {
    destinations: db.prepare(destinationSignsSql).bind(now),
    quarantine: db.prepare(quarantineSignsSql).bind(now),
    alerts: db.prepare(alertsSql),
  });
  const known = new Map(alerts.rows.map((row) => alertRow.parse(row)).map((row) => [textOf(row), row]));
  return {
    destinations: destinations.rows.map(readDestinationSigns),
    quarantine: quarantineSigns.nullable().parse(quarantine.rows[0] ?? null),
    alertOf: (key) => known.get(textOf(key)) ?? newAlert,
  };
}

function textOf({ subject, name }: AlertKey): string {
  return `${name} ${subject}`;
}

/** The change of an alert, with the event that tells it; null: it is noted only. */
export interface AlertChange extends AlertKey {
  readonly before: Alert;
  readonly after: Alert;
  readonly event: OperationalEvent | null;
}

/** Not if another run of the cron has changed it meanwhile. */
export const changeAlertSql = `
  INSERT INTO alerts (subject, name, told, seen, paced_until) VALUES (?1, ?2, ?3, ?4, ?5)
  ON CONFLICT DO UPDATE SET told = excluded.told, seen = excluded.seen, paced_until = excluded.paced_until
  WHERE told = ?6 AND seen = ?7 AND paced_until = ?8`;

const isAfterSql =
  "EXISTS (SELECT 1 FROM alerts WHERE subject = ?13 AND name = ?14 AND told = ?15 AND paced_until = ?16)";

/** Writes changes and records their events, in one transaction. Rows written: 1 for each change, 2 for each event. */
export async function changeAlerts(db: Database, changes: readonly AlertChange[]): Promise<void> {
  await writeAll(db, {
    alerts: changes.map(({ subject, name, before, after }) =>
      db
        .prepare(changeAlertSql)
        .bind(subject, name, after.told, after.seen, after.pacedUntil, before.told, before.seen, before.pacedUntil),
    ),
    events: changes.flatMap(({ subject, name, after, event }) =>
      event === null
        ? []
        : recordOperationalEvent(db, event, {
            sql: isAfterSql,
            parameters: [subject, name, after.told, after.pacedUntil],
          }),
    ),
  });
}

export const forgetAlertsSql = "DELETE FROM alerts WHERE subject = ?1";

/** A statement that forgets what was told of a destination. */
export function forgetAlerts(db: Database, destinationId: string): D1PreparedStatement {
  return db.prepare(forgetAlertsSql).bind(destinationId);
}
