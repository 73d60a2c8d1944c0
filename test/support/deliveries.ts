import { attemptsSql, recipientsWithRowsSql, statusSql } from "../../src/store/event-progress.ts";

/** A subquery: every delivery, whether its event says that it succeeded at once or it has a row of its own. */
export const everyDeliverySql = `(
  SELECT recipient.key AS destination_id, events.id AS event_id, events.received_at, ${statusSql} AS status,
    ${attemptsSql} AS attempts, deliveries.step, deliveries.next_attempt_at
  FROM events CROSS JOIN ${recipientsWithRowsSql}
  WHERE recipient.value IS NOT NULL OR deliveries.event_id IS NOT NULL)`;

/** Whether a statement writes down what came of attempts. */
export const writesDeliveries = (sql: string | undefined): boolean =>
  sql !== undefined && /INSERT INTO deliveries|UPDATE events SET recipients = json_patch/.test(sql);
