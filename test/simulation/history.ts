import { Agenda } from "./agenda.ts";
import { Chance } from "./chance.ts";
import { Checks, checkPace } from "./checks.ts";
import { Cloud, type MakeIsolate } from "./cloud.ts";
import { createD1Binding } from "./d1-binding.ts";
import { SimulatedDestination, drawDestination } from "./destination.ts";
import { BUSINESS_SECRET, ONBOARDING_SECRET, type PlannedEvent, drawEvents } from "./events.ts";
import { type Faults, drawFaults, drawStormMs, noFaults } from "./faults.ts";
import type { RelayModule } from "./load-relay.ts";
import { ADMIN_TOKEN, SimulatedOperator } from "./operator.ts";
import { SimulatedQonto, idOfUnreadable } from "./qonto.ts";
import { SimulatedQueue } from "./queue.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

const MIDDAY = Date.parse("2026-03-01T12:00:00Z");

/** Far more than any history needs that comes to rest. */
const MOST_STEPS = 60_000;
const MOST_MS = 5 * 86_400_000;

/** The cron runs once a minute; when all is calm it may skip, which a history takes less time for. */
const CRON_MS = 60_000;
const LATER_CRON_MS = 1_800_000;

/** A run that does not end is ended by the platform. */
const CRON_ENDS_MS = 300_000;

export interface Played {
  /** What was wrong; null for nothing. */
  readonly violation: string | null;
  readonly steps: number;
}

/** Plays what the seed says, and checks after every step and at the end that all promises are kept. */
export async function playHistory(
  relay: RelayModule,
  db: SqliteDatabase,
  seed: number,
  trace: ((line: string) => void) | null = null,
): Promise<Played> {
  const chance = new Chance(seed);
  const stormMs = drawStormMs(chance);
  const events = drawEvents(chance, stormMs);
  const state = await undisturbedState(relay, db, events);
  const history = new History(relay, db, chance, { events, stormMs }, trace);
  try {
    await history.play();
    history.checkState(state);
    return { violation: null, steps: history.steps };
  } catch (error) {
    return { violation: error instanceof Error ? (error.stack ?? error.message) : String(error), steps: history.steps };
  }
}

/** The state after each of the events has come once and nothing went wrong. */
async function undisturbedState(
  relay: RelayModule,
  db: SqliteDatabase,
  events: readonly PlannedEvent[],
): Promise<string> {
  const history = new History(relay, db, new Chance(1), { events, stormMs: 0 }, null);
  await history.playCalmly();
  return history.state();
}

/** One history of the whole relay: Qonto, an operator, destinations, and the platform with its faults. */
class History {
  readonly #relay: RelayModule;
  readonly #db: SqliteDatabase;
  readonly #chance: Chance;
  readonly #events: readonly PlannedEvent[];
  readonly #stormMs: number;
  readonly #agenda: Agenda;
  readonly #cloud: Cloud;
  readonly #queues: Readonly<Record<"events" | "retries" | "dead_letters", SimulatedQueue>>;
  readonly #destinations: SimulatedDestination[] = [];
  readonly #qonto: SimulatedQonto;
  readonly #operator: SimulatedOperator;
  readonly #checks: Checks;

  constructor(
    relay: RelayModule,
    db: SqliteDatabase,
    chance: Chance,
    { events, stormMs }: { readonly events: readonly PlannedEvent[]; readonly stormMs: number },
    trace: ((line: string) => void) | null,
  ) {
    this.#relay = relay;
    this.#db = db;
    this.#chance = chance;
    this.#events = events;
    this.#stormMs = stormMs;
    db.empty();
    this.#agenda = new Agenda(MIDDAY, chance);
    this.#cloud = new Cloud(this.#agenda, chance, noFaults, this.#makeIsolate, trace);
    relay.onLog((line) => this.#cloud.note(`log ${JSON.stringify(line, withoutStack)}`));
    this.#queues = this.#makeQueues();
    this.#qonto = new SimulatedQonto(this.#cloud, MIDDAY + stormMs);
    this.#operator = new SimulatedOperator(this.#cloud, db, this.#destinations);
    this.#checks = new Checks({
      db,
      queues: this.#queues,
      destinations: this.#destinations,
      events,
      faultsMet: () => this.#cloud.faultsMet,
      acknowledged: this.#qonto.acknowledged,
      quarantined: this.#qonto.quarantined,
      now: () => this.#agenda.now,
    });
  }

  get steps(): number {
    return this.#agenda.steps;
  }

  async play(): Promise<void> {
    const chance = this.#chance;
    for (let index = chance.whole(1, 3); index > 0; index -= 1) {
      this.#destinations.push(new SimulatedDestination(drawDestination(chance, index), chance, MIDDAY + this.#stormMs));
    }
    this.#operator.createAll();
    while (!this.#operator.hasCreatedAll) await this.#step();
    for (const event of this.#events) this.#qonto.plan(event);
    this.#operator.planActions(this.#stormMs);
    this.#operator.tidyUpFrom(this.#stormMs + 10_000);
    this.#planCron(chance.whole(0, CRON_MS));
    this.#disturb(drawFaults(chance, { from: this.#agenda.now, ms: this.#stormMs }));
    while (!this.#isAtRest()) await this.#step();
    await this.#checkEnd();
  }

  /** Each event once, to nobody. */
  async playCalmly(): Promise<void> {
    for (const event of this.#events) this.#qonto.sendIn(0, event);
    while (!this.#qonto.isDone || this.#cloud.busy > 0 || this.#queues.events.messages.size > 0) await this.#step();
  }

  /** The latest state, as text. */
  state(): string {
    return JSON.stringify([
      this.#db.query(
        `SELECT organization_id, type, resource_id, event, deleted, version, version_at, event_id, data
         FROM resources ORDER BY organization_id, type, resource_id`,
      ),
      this.#db.query("SELECT * FROM registration_stages ORDER BY registration_id, version"),
    ]);
  }

  checkState(undisturbed: string): void {
    const state = this.state();
    if (state !== undisturbed)
      throw new Error(`The state is not that of an undisturbed day:\n${state}\n${undisturbed}`);
  }

  async #step(): Promise<void> {
    if (!(await this.#agenda.step())) throw new Error("Nothing is left to happen, and not all is well");
    if (this.#cloud.violation !== null) throw this.#cloud.violation;
    this.#checks.afterStep();
    if (this.#agenda.steps > MOST_STEPS || this.#agenda.now - MIDDAY > MOST_MS) {
      throw new Error(`It does not come to rest: ${this.#whatIsOpen()}`);
    }
  }

  #disturb(faults: Faults): void {
    const { agenda, chance } = { agenda: this.#agenda, chance: this.#chance };
    this.#cloud.faults = faults;
    for (const at of faults.kills) agenda.add(at, () => this.#cloud.loseSome());
    if (chance.happens(0.1)) agenda.add(chance.whole(0, this.#stormMs), () => this.#switchOff());
  }

  /** As a developer's machine: all processes are lost, and with them all queues. Only what D1 has was acknowledged for good. */
  #switchOff(): void {
    this.#cloud.note("the machine is switched off");
    this.#cloud.loseAll();
    for (const queue of Object.values(this.#queues)) queue.lose();
    const recorded = new Set(this.#db.query("SELECT id FROM events").map(({ id }) => id));
    const kept = new Set(this.#db.query("SELECT id FROM quarantine").map(({ id }) => id));
    for (const event of this.#events) {
      const isLost =
        event.id === null
          ? this.#qonto.quarantined.has(event.body) && !kept.has(idOfUnreadable(event.body))
          : this.#qonto.acknowledged.has(event.id) && !recorded.has(event.id);
      if (!isLost) continue;
      if (event.id === null) this.#qonto.quarantined.delete(event.body);
      else this.#qonto.acknowledged.delete(event.id);
      this.#qonto.sendIn(1_000, event);
    }
  }

  #planCron(ms: number): void {
    this.#agenda.add(ms, () => {
      const isCalm = this.#agenda.now - MIDDAY > this.#stormMs + 600_000;
      this.#planCron(isCalm ? LATER_CRON_MS : CRON_MS);
      const controller = { cron: "* * * * *", scheduledTime: this.#agenda.now, noRetry: () => undefined };
      const invocation = this.#cloud.start(
        "cron",
        ({ relay, bindings }) => relay.scheduled(controller as ScheduledController, bindings),
        () => {
          cutOff();
          void this.#checkLedger();
        },
      );
      const cutOff = this.#agenda.add(CRON_ENDS_MS, () => invocation.end());
    });
  }

  #isAtRest(): boolean {
    const isCalm = this.#agenda.now - MIDDAY > this.#stormMs;
    return isCalm && this.#cloud.busy === 0 && this.#qonto.isDone && this.#whatIsOpen() === "";
  }

  async #checkLedger(): Promise<void> {
    try {
      const db = this.#relay.openDatabase(this.#db.binding, { setTimer: this.#cloud.setTimer });
      const ledger = await this.#relay.countLedger(db, 0, this.#agenda.now + 1);
      if (!this.#relay.isBalanced(ledger)) {
        throw new Error(`The ledger does not balance: ${JSON.stringify(ledger)}`);
      }
    } catch (error) {
      this.#cloud.accuse(error);
    }
  }

  /** What has yet to happen before everything is settled; empty when nothing has. */
  #whatIsOpen(): string {
    const many = (sql: string) => this.#db.query(sql).length;
    const messages = Object.values(this.#queues).reduce((sum, queue) => sum + queue.messages.size, 0);
    return [
      ...(this.#qonto.isDone ? [] : ["Qonto has not been answered"]),
      ...(this.#operator.isDone ? [] : ["the operator has things to do"]),
      ...(messages === 0 ? [] : [`${messages} messages wait`]),
      ...(many("SELECT 1 FROM deliveries WHERE status = 'pending'") === 0 ? [] : ["deliveries are pending"]),
      ...(many(unfinishedSql) === 0 ? [] : ["events are not dispatched"]),
      ...(this.#cloud.busy === 0 ? [] : ["invocations are in progress"]),
    ].join(", ");
  }

  /** Everything acknowledged is recorded, and delivered to all who want it, or dead where that is right. */
  async #checkEnd(): Promise<void> {
    await this.#checkLedger();
    if (this.#cloud.violation !== null) throw this.#cloud.violation;
    const rows = new Map(this.#db.query("SELECT id, body, is_unreadable FROM events").map((row) => [row["id"], row]));
    for (const { id, body, type } of this.#events) {
      const eventId = id ?? idOfUnreadable(body);
      const row = rows.get(eventId);
      if (row === undefined) throw new Error(`${eventId} is not recorded`);
      const recorded = row["is_unreadable"] === 1 ? Buffer.from(String(row["body"]), "base64").toString() : row["body"];
      if (recorded !== body) throw new Error(`${eventId} is recorded with another body`);
      for (const destination of this.#destinations) this.#checkDelivery(eventId, type, destination);
    }
    for (const destination of this.#destinations) checkPace(destination);
  }

  #checkDelivery(eventId: string, type: string, destination: SimulatedDestination): void {
    const { planned, id, isMeddledWith } = destination;
    const [delivery] = this.#db.query(
      "SELECT status FROM deliveries WHERE destination_id = ?1 AND event_id = ?2",
      id,
      eventId,
    );
    const status = delivery?.["status"];
    const mayBeDead = planned.character === "failing" || planned.character === "gone";
    const mayLack = isMeddledWith || planned.character === "gone";
    if (status === "delivered" || (status === "dead" && (mayBeDead || isMeddledWith))) return;
    if (status === undefined && (mayLack || !destination.wants(type))) return;
    throw new Error(`${eventId} at ${planned.url} is ${String(status)} in the end`);
  }

  #makeQueues(): Readonly<Record<"events" | "retries" | "dead_letters", SimulatedQueue>> {
    // Some give up soon, so that what the queues give up on is met as well.
    const maxRetries = this.#chance.happens(0.15) ? 2 : 100;
    const shared = { maxRetries, retryDelaySeconds: 10 };
    const events = new SimulatedQueue(this.#cloud, {
      ...shared,
      door: "events",
      name: "qonto-relay-events",
      maxBatchSize: 100,
      maxBatchTimeoutMs: 1_000,
    });
    const retries = new SimulatedQueue(this.#cloud, {
      ...shared,
      door: "retries",
      name: "qonto-relay-retries",
      maxBatchSize: 1,
      maxBatchTimeoutMs: 0,
    });
    const deadLetters = new SimulatedQueue(this.#cloud, {
      maxRetries: 100,
      retryDelaySeconds: 600,
      door: "dead_letters",
      name: "qonto-relay-dead-letters",
      maxBatchSize: 10,
      maxBatchTimeoutMs: 5_000,
    });
    events.deadLetters = deadLetters;
    retries.deadLetters = deadLetters;
    return { events, retries, dead_letters: deadLetters };
  }

  readonly #makeIsolate: MakeIsolate = () => {
    const world = {
      now: () => this.#agenda.now,
      setTimer: this.#cloud.setTimer,
      random: () => this.#chance.number(),
      randomBytes: (length: number) => this.#chance.bytes(length),
      fetch: this.#fetch,
    };
    const call = (statements: Parameters<SqliteDatabase["execute"]>[0]) =>
      this.#cloud.call("database", titleOf(statements[0]?.sql), () => ({
        value: this.#db.execute(statements),
        afterMs: this.#cloud.latencyMs(),
      }));
    return {
      relay: this.#relay.createRelay(world),
      bindings: {
        DB: createD1Binding(call),
        EVENTS: this.#queues.events.makeBinding(),
        RETRIES: this.#queues.retries.makeBinding(),
        DEAD_LETTERS: this.#queues.dead_letters.makeBinding(),
        QONTO_WEBHOOK_SECRETS: BUSINESS_SECRET,
        QONTO_ONBOARDING_SECRETS: ONBOARDING_SECRET,
        ADMIN_TOKEN,
        ENCRYPTION_KEYS: "simulated-encryption-key",
      },
    };
  };

  /** The network to the destinations. */
  readonly #fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const destination = this.#destinations.find(({ planned }) => planned.url === url);
    if (destination === undefined) throw new TypeError(`Nobody is at ${url}`);
    const headers = new Headers(init.headers as HeadersInit);
    const body = init.body as Uint8Array;
    const eventId = headers.get("webhook-id") ?? "";
    destination.attempts.push(this.#agenda.now);
    const take = () => {
      if (!this.#isBodyOf(eventId, body)) this.#cloud.accuse(`${url} got another body than that of ${eventId}`);
      if (!destination.isSigned(headers, body)) this.#cloud.accuse(`${eventId} came to ${url} without its signature`);
      const { status, afterMs, headers: answered = {} } = destination.take(eventId, this.#agenda.now);
      const text = status === 204 ? null : "thanks";
      return { value: new Response(text, { status, headers: answered }), afterMs };
    };
    return this.#cloud.call("network", `${eventId} to ${url}`, take, init.signal);
  };

  #isBodyOf(eventId: string, body: Uint8Array): boolean {
    const text = Buffer.from(body).toString();
    return this.#events.some((event) => (event.id ?? idOfUnreadable(event.body)) === eventId && event.body === text);
  }
}

const unfinishedSql = `
  SELECT 1 FROM events WHERE owed IS NULL OR EXISTS (
    SELECT 1 FROM json_each(events.owed) AS owed_to WHERE NOT EXISTS (
      SELECT 1 FROM deliveries WHERE deliveries.destination_id = owed_to.value
        AND deliveries.received_at = events.received_at AND deliveries.event_id = events.id))`;

/** Of an error's text the first line: the rest says where the simulation was called from. */
function withoutStack(key: string, value: unknown): unknown {
  return key === "error" && typeof value === "string" ? value.split("\n", 1)[0] : value;
}

/** Enough of a statement to tell which it is. */
function titleOf(sql = ""): string {
  return sql.trim().replaceAll(/\s+/g, " ").slice(0, 60);
}
