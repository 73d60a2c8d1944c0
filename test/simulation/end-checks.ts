import { everyDeliverySql } from "../support/deliveries.ts";
import type { Cloud } from "./cloud.ts";
import type { SimulatedDestination } from "./destination.ts";
import type { PlannedEvent } from "./events.ts";
import { expectedState, recordedState } from "./expected-state.ts";
import type { RelayModule } from "./load-relay.ts";
import type { SimulatedQonto } from "./qonto.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

/** All is delivered by then, except for a schedule of days, and a destination that always fails and is probed once a minute. */
export const GOOD_AGAIN_MS = 2_400_000;

/** Without disturbances a healthy destination has an event by then: after a lease at the latest. */
const PROMPT_MS = 45_000;

/** A history at its end. */
export interface PlayedOut {
  readonly relay: RelayModule;
  readonly db: SqliteDatabase;
  readonly cloud: Cloud;
  readonly qonto: SimulatedQonto;
  readonly events: readonly PlannedEvent[];
  readonly destinations: readonly SimulatedDestination[];
  /** Ids of events that two consumers may have handled at once. */
  readonly heldTwice: ReadonlySet<string>;
  /** Since the storm. */
  readonly calmMs: number;
  /** The longest time after the storm until all is good again. */
  readonly goodAgainMs: number;
}

/**
 * Checks what must be true in the end: every event of Qonto is recorded, and delivered to all its recipients, or dead where
 * that is right. Throws an error that names what is not.
 */
export async function checkEnd(played: PlayedOut): Promise<void> {
  const { db, events, destinations, cloud } = played;
  checkTime(played);
  await checkLedger(played);
  const state = recordedState(db);
  const expected = expectedState(events);
  if (state !== expected) throw new Error(`The state is not what it should be:\n${state}\nand not\n${expected}`);
  const rows = new Map(db.query("SELECT id, body, is_unreadable FROM events").map((row) => [row["id"], row]));
  for (const event of events) {
    const row = rows.get(event.id);
    if (row === undefined) throw new Error(`${event.id} is not recorded`);
    const recorded = row["is_unreadable"] === 1 ? Buffer.from(String(row["body"]), "base64").toString() : row["body"];
    if (recorded !== event.body) throw new Error(`${event.id} is recorded with another body`);
    for (const destination of destinations) {
      checkDelivery(event, destination, db);
      checkRepeats(event, destination, played);
      if (cloud.faults.isNone) checkPromptness(event, destination, played);
    }
  }
}

function checkTime({ destinations, calmMs, goodAgainMs }: PlayedOut): void {
  const takesLong = ({ planned, circuitHasOpened }: SimulatedDestination) =>
    planned.retryScheduleSeconds === null || (planned.character === "failing" && circuitHasOpened);
  if (destinations.some(takesLong)) return;
  if (calmMs > goodAgainMs) throw new Error(`All was good again only ${calmMs / 60_000} minutes after the storm`);
}

/** The ledger balances, and its stored hours say the same as the rows. */
export async function checkLedger({ relay, db, cloud }: Pick<PlayedOut, "relay" | "db" | "cloud">): Promise<void> {
  const store = relay.openDatabase(db.binding, cloud);
  const { now } = cloud.agenda;
  const span = { since: 0, until: now + 1 };
  const fromRows = await relay.countLedgerFromRows(store, span);
  if (!relay.isBalanced(fromRows)) throw new Error(`The ledger does not balance: ${JSON.stringify(fromRows)}`);
  for (const how of ["", "a second time "]) {
    const ledger = await relay.countLedger(store, span, now);
    if (JSON.stringify(ledger) === JSON.stringify(fromRows)) continue;
    throw new Error(`The ledger is ${how}${JSON.stringify(ledger)}, and not ${JSON.stringify(fromRows)}`);
  }
  if (db.query("SELECT 1 FROM cron_state WHERE name = 'ledger_drifted_at'").length > 0)
    throw new Error("The rows of a remembered hour were changed, and the ledger still remembers it");
}

function checkDelivery(event: PlannedEvent, destination: SimulatedDestination, db: SqliteDatabase): void {
  const { planned, id, mayLackEvents } = destination;
  const [delivery] = db.query(
    `SELECT status FROM ${everyDeliverySql} WHERE destination_id = ?1 AND event_id = ?2`,
    id,
    event.id,
  );
  const status = delivery?.["status"];
  const mayBeDead = planned.character === "failing" || planned.character === "gone" || mayLackEvents;
  const mayLack =
    mayLackEvents ||
    event.isHistory === true ||
    planned.character === "gone" ||
    !destination.wants(event) ||
    destination.asked.has(event.id);
  if (status === "delivered" || (status === "dead" && mayBeDead) || (status === undefined && mayLack)) return;
  throw new Error(`${event.id} at ${planned.url} is ${String(status)} in the end`);
}

/** At least once, and repeated only for a reason: a disturbance, a replay, a message that two consumers had. */
function checkRepeats(
  { id }: PlannedEvent,
  { planned, repeats, resends }: SimulatedDestination,
  { cloud, heldTwice }: PlayedOut,
): void {
  const reasons = cloud.reasonsToRepeat + resends + (heldTwice.has(id) ? 1 : 0);
  const times = repeats.get(id) ?? 0;
  if (times > reasons) throw new Error(`${planned.url} got ${id} ${times} times too often, for ${reasons} reasons`);
}

/** Of a readable event: any other stays in quarantine until an operator releases it. */
function checkPromptness(
  { id, isReadable }: PlannedEvent,
  { planned, accepted, operatedAt }: SimulatedDestination,
  { qonto }: PlayedOut,
): void {
  const acknowledgedAt = qonto.acknowledged.get(id);
  const acceptedAt = accepted.get(id);
  if (!isReadable || planned.character !== "well" || planned.maxPerSecond !== null || operatedAt !== null) return;
  if (acknowledgedAt === undefined || acceptedAt === undefined || acceptedAt - acknowledgedAt <= PROMPT_MS) return;
  throw new Error(`${planned.url} got ${id} ${acceptedAt - acknowledgedAt} ms after it was acknowledged`);
}
