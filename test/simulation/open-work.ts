import type { Cloud } from "./cloud.ts";
import type { SimulatedConnections } from "./connections.ts";
import type { SimulatedOperator } from "./operator.ts";
import type { SimulatedQonto } from "./qonto.ts";
import type { SimulatedQueue } from "./queue.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

export interface Unsettled {
  readonly db: SqliteDatabase;
  readonly cloud: Cloud;
  readonly queues: readonly SimulatedQueue[];
  readonly qonto: SimulatedQonto;
  readonly operator: SimulatedOperator;
  readonly connections: SimulatedConnections | null;
  /** With what the secrets begin that no other than the first key has encrypted; null while there is but one key. */
  readonly oldKeyPrefix: string | null;
}

const isUndispatchedSql = `
  SELECT 1 FROM events WHERE recipients IS NULL OR EXISTS (
    SELECT 1 FROM json_each(events.recipients) AS recipient WHERE recipient.value IS NULL AND NOT EXISTS (
      SELECT 1 FROM deliveries WHERE deliveries.destination_id = recipient.key
        AND deliveries.received_at = events.received_at AND deliveries.event_id = events.id))`;

/** What has yet to happen before everything is settled; empty when nothing has. */
export function whatIsOpen({ db, cloud, queues, qonto, operator, connections, oldKeyPrefix: old }: Unsettled): string {
  const isThere = (sql: string, ...parameters: string[]) => db.query(`${sql} LIMIT 1`, ...parameters).length > 0;
  const messages = queues.reduce((sum, queue) => sum + queue.messages.size, 0);
  const isDisturbed = !cloud.faults.isNone;
  const open = {
    "Qonto has not been answered": !qonto.isDone,
    "messages wait": messages > 0,
    "invocations are in progress": cloud.busy > 0,
    "deliveries are pending": isThere("SELECT 1 FROM deliveries WHERE status = 'pending'"),
    "events are not dispatched": isThere(isUndispatchedSql),
    "replays are not finished": isThere("SELECT 1 FROM replays WHERE finished_at IS NULL"),
    "the operator has things to do": !operator.isDone,
    "copies in quarantine wait": isDisturbed && isThere("SELECT 1 FROM quarantine WHERE settled_at IS NULL"),
    "secrets are encrypted with the old key":
      old !== null && isThere("SELECT 1 FROM destinations WHERE substr(secret, 1, length(?1)) = ?1", old),
    "something is wrong with Qonto": connections?.isDone === false,
  };
  return Object.entries(open)
    .filter(([, isOpen]) => isOpen)
    .map(([what]) => what)
    .concat(connections?.checks.whatIsOpen() ?? [])
    .join(", ");
}
