import type { OperationalEvent } from "../domain/operational-event.ts";
import { writeAll } from "./batch.ts";
import { type Connection, type ConnectionSubscription, holdsLeaseSql } from "./connections.ts";
import type { Database } from "./database.ts";
import { recordOperationalEvent } from "./operational-events.ts";

/** What a check of a connection's subscriptions has seen and done. */
export interface CheckedSubscriptions {
  readonly subscriptions: readonly ConnectionSubscription[];
  /** When they are next compared, unless an operator has asked for it meanwhile. */
  readonly dueAt: number;
  /** `relay.subscription.restored`: events may have been missed, so reconciliation is due at once. Null: none has. */
  readonly restored: OperationalEvent | null;
}

/** ?6: since when reconciliation is due. A run in progress began before, and does not answer it. */
export const noteSubscriptionsSql = `
  UPDATE connections SET
    subscriptions = ?3,
    subscriptions_due_at = iif(subscriptions_due_at = ?4, ?5, subscriptions_due_at),
    reconciliation_due_at = ifnull(?6, reconciliation_due_at)
  WHERE id = ?1 AND lease_until = ?2`;

/** Notes them, if the caller still has the lease of the connection. */
export async function noteSubscriptions(
  db: Database,
  { id, leaseUntil, subscriptionsDueAt }: Connection,
  { subscriptions, dueAt, restored }: CheckedSubscriptions,
): Promise<void> {
  const noted = db
    .prepare(noteSubscriptionsSql)
    .bind(id, leaseUntil, JSON.stringify(subscriptions), subscriptionsDueAt, dueAt, restored?.receivedAt ?? null);
  const told =
    restored === null ? [] : recordOperationalEvent(db, restored, { sql: holdsLeaseSql, parameters: [id, leaseUntil] });
  await writeAll(db, { noted, told });
}
