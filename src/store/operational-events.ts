import { OPERATIONAL_PREFIX, type OperationalEvent } from "../domain/operational-event.ts";
import type { Database } from "./database.ts";
import { eventColumns, eventParameters, eventValues, matchingIdsSql } from "./events.ts";

/** Whether an event is operational, in SQL on its id. `isOperational` in src/domain/operational-event.ts says the same. */
export const isOperationalSql = (id: string) => `(${id} GLOB '${OPERATIONAL_PREFIX}*')`;

/**
 * It has no lease, so whichever message comes first has it claimed: that of `announceOperationalEvent`, or that of the recovery
 * scan.
 */
const recordIfSql = (condition: string) => `
  WITH given (${eventColumns}) AS MATERIALIZED (VALUES (${eventValues}))
  INSERT INTO events (${eventColumns}, recipients)
  SELECT ${eventColumns}, ${matchingIdsSql} FROM given WHERE ${condition}
  ON CONFLICT (id) DO NOTHING`;

export const recordOperationalEventSql = recordIfSql("true");

/** A condition in SQL. The event has the parameters before ?13. */
export interface OnlyIf {
  readonly sql: string;
  /** From ?13 on. */
  readonly parameters: readonly unknown[];
}

/**
 * A statement for the transaction of the transition that the event tells: it records the event with its recipients, once,
 * and `onlyIf` that took place. It stands behind the transition's own statement. Rows written: 2, or 0.
 */
export function recordOperationalEvent(db: Database, event: OperationalEvent, onlyIf?: OnlyIf): D1PreparedStatement {
  const parameters = eventParameters(event);
  if (onlyIf === undefined) return db.prepare(recordOperationalEventSql).bind(...parameters);
  const recordTransitionSql = recordIfSql(onlyIf.sql);
  return db.prepare(recordTransitionSql).bind(...parameters, ...onlyIf.parameters);
}
