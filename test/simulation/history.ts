import { Agenda } from "./agenda.ts";
import { Chance } from "./chance.ts";
import { Checks } from "./checks.ts";
import { Cloud, type MakeIsolate } from "./cloud.ts";
import { createD1Binding } from "./d1-binding.ts";
import type { SimulatedDestination } from "./destination.ts";
import { drawConnectionFaults } from "./connection-faults.ts";
import { SimulatedConnections, connectionVariables } from "./connections.ts";
import { GOOD_AGAIN_MS, checkEnd, checkLedger } from "./end-checks.ts";
import { OperationalEvents } from "./operational-events.ts";
import { BUSINESS_SECRET, ONBOARDING_SECRET, type PlannedEvent, drawEvents, drawForgeries } from "./events.ts";
import { expectedState, recordedState } from "./expected-state.ts";
import { type Faults, drawFaults, drawStormMs, noFaults } from "./faults.ts";
import type { RelayModule } from "./load-relay.ts";
import { noteMigrationsSql } from "./migrated-database.ts";
import { SimulatedNetwork } from "./network.ts";
import { whatIsOpen } from "./open-work.ts";
import { ADMIN_TOKEN, SimulatedOperator } from "./operator.ts";
import { SimulatedQonto } from "./qonto.ts";
import { type SimulatedQueues, makeQueues } from "./queues.ts";
import { titleOf, withoutStack } from "./trace-text.ts";
import type { SqlStatement } from "./d1-binding.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

/** An hour ends while it storms. */
const MIDDAY = Date.parse("2026-03-01T11:59:56Z");

/** Far more than any history needs that comes to rest. */
const MOST_STEPS = 60_000;
const MOST_MS = 5 * 86_400_000;

/** The cron runs once a minute; when all is calm it may skip, which a history takes less time for. */
const CRON_MS = 60_000;
const LATER_CRON_MS = 1_800_000;

/** A run that does not end is ended by the platform. */
const CRON_ENDS_MS = 300_000;

/** `RETENTION_DAYS` unless it is set, and some days. */
const RETENTION_MS = 36 * 86_400_000;

/** A secret of a destination is encrypted under the first of these. */
const OLD_KEYS = "simulated-encryption-key-of-32-characters";
const NEW_KEYS = `another-encryption-key-of-32-characters,${OLD_KEYS}`;

/** How many of the histories have organizations that are connected to Qonto. */
const CONNECTED_SHARE = 0.15;

/** Their tokens, subscriptions and states are looked after from time to time. */
const CONNECTED_GOOD_AGAIN_MS = 6 * 3_600_000;

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
  const chances = {
    chance: new Chance(seed),
    chanceOfSchema: new Chance(~seed),
    chanceOfConnections: new Chance(seed ^ 0x2a2a2a2a),
  };
  const history = new History(relay, db, chances, trace);
  // Where an error was thrown, only a trace tells; the relay throws them by the thousand.
  const { stackTraceLimit } = Error;
  if (trace === null) Error.stackTraceLimit = 0;
  try {
    await history.play();
    return { violation: null, steps: history.steps };
  } catch (error) {
    return { violation: error instanceof Error ? (error.stack ?? error.message) : String(error), steps: history.steps };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** One history of the whole relay: Qonto, an operator, destinations, and the platform with its faults. */
class History {
  readonly #relay: RelayModule;
  readonly #db: SqliteDatabase;
  readonly #chance: Chance;
  /** Of its own: where the schema is there, a seed plays what it played without this. */
  readonly #chanceOfSchema: Chance;
  /** Null where no organization is connected. Its chance is its own for the same reason. */
  readonly #connections: SimulatedConnections | null = null;
  readonly #chanceOfConnections: Chance;
  readonly #stormMs: number;
  /** From then on nothing is wrong, and nothing new happens. */
  readonly #calmFrom: number;
  readonly #events: readonly PlannedEvent[];
  readonly #agenda: Agenda;
  readonly #cloud: Cloud;
  readonly #queues: SimulatedQueues;
  readonly #destinations: SimulatedDestination[] = [];
  readonly #qonto: SimulatedQonto;
  readonly #operator: SimulatedOperator;
  readonly #network: SimulatedNetwork;
  readonly #checks: Checks;
  readonly #operationalEvents: OperationalEvents;
  #cronRuns = 0;
  /** Time that went by in leaps. */
  #leaptMs = 0;
  #encryptionKeys = OLD_KEYS;
  /** With what the secrets begin that no other than the first key has encrypted; null while there is but one key. */
  #oldKeyPrefix: string | null = null;

  constructor(
    relay: RelayModule,
    db: SqliteDatabase,
    {
      chance,
      chanceOfSchema,
      chanceOfConnections,
    }: Record<"chance" | "chanceOfSchema" | "chanceOfConnections", Chance>,
    trace: ((line: string) => void) | null,
  ) {
    this.#relay = relay;
    this.#db = db;
    this.#chance = chance;
    this.#chanceOfSchema = chanceOfSchema;
    this.#chanceOfConnections = chanceOfConnections;
    this.#stormMs = drawStormMs(chance);
    this.#events = drawEvents(chance, this.#stormMs);
    db.empty();
    this.#agenda = new Agenda(MIDDAY, chance);
    const cloud = new Cloud(this.#agenda, chance, noFaults, this.#makeIsolate, trace);
    this.#cloud = cloud;
    relay.onLog((line) => cloud.note(() => `log ${JSON.stringify(line, withoutStack)}`));
    this.#queues = makeQueues(cloud);
    const stormEnds = MIDDAY + this.#stormMs;
    this.#qonto = new SimulatedQonto(cloud, stormEnds);
    this.#operator = new SimulatedOperator(cloud, db, this.#destinations, stormEnds);
    const events = new Map(this.#events.map((event) => [event.id, event]));
    this.#operationalEvents = new OperationalEvents(db, (event) => events.set(event.id, event));
    if (chanceOfConnections.happens(CONNECTED_SHARE)) {
      const ends = { cloud, db, qonto: this.#qonto, operator: this.#operator };
      this.#connections = new SimulatedConnections(ends, chanceOfConnections, (event) => events.set(event.id, event));
    }
    this.#calmFrom = Math.max(stormEnds, MIDDAY + (this.#connections?.bankMs ?? 0));
    const seen = {
      db,
      destinations: this.#destinations,
      events,
      replays: () => this.#operator.replays,
    };
    this.#network = new SimulatedNetwork({ ...seen, cloud, heldTwice: this.#queues.events.heldTwice });
    this.#checks = new Checks({
      ...seen,
      queues: this.#queues,
      disturbances: () => cloud.disturbances,
      acknowledged: this.#qonto.acknowledged,
      sendings: this.#qonto.sendings,
      adopt: (id) => this.#operationalEvents.adopt(id) || this.#connections?.checks.adopt(id) === true,
      now: () => this.#agenda.now,
    });
  }

  get steps(): number {
    return this.#agenda.steps;
  }

  async play(): Promise<void> {
    const chance = this.#chance;
    this.#operator.createSome(chance.pick([1, 1, 1, 2, 2, 3]));
    if (this.#connections !== null) this.#operator.createListening();
    while (!this.#operator.isDone || this.#cloud.busy > 0) await this.#step();
    for (const event of [...this.#events, ...drawForgeries(chance, this.#stormMs)]) this.#qonto.plan(event);
    this.#operator.planActions(this.#stormMs);
    this.#operator.tidyUpFrom(this.#stormMs + 10_000);
    const faults = drawFaults(chance, { from: this.#agenda.now, ms: this.#stormMs });
    this.#cloud.faults = faults;
    if (this.#connections !== null) this.#connect(this.#connections, faults);
    // What goes well needs no cron.
    if (faults.isNone) this.#qonto.endsRequests = false;
    else this.#disturb(faults);
    while (!this.#isAtRest()) await this.#step();
    await checkEnd({
      relay: this.#relay,
      db: this.#db,
      cloud: this.#cloud,
      qonto: this.#qonto,
      events: [...this.#events, ...(this.#connections?.events ?? []), ...this.#operationalEvents.all],
      destinations: this.#destinations,
      heldTwice: this.#queues.events.heldTwice,
      calmMs: this.#agenda.now - this.#calmFrom,
      goodAgainMs: this.#connections === null ? GOOD_AGAIN_MS : CONNECTED_GOOD_AGAIN_MS,
    });
    await this.#connections?.checks.checkEnd(this.#relay.decrypt);
    this.#operationalEvents.check(this.#agenda.now, this.#cronRuns > 0 ? this.#agenda.now - this.#calmFrom : 0);
    if (this.#connections === null && chance.happens(0.04)) await this.#growOld();
  }

  #connect(connections: SimulatedConnections, faults: Faults): void {
    this.#cloud.faults = drawConnectionFaults(this.#chanceOfConnections, faults);
    connections.checks.subscriptions.keys = this.#encryptionKeys.split(",");
    connections.connect();
    connections.plan();
    // Tokens, subscriptions and states are the cron's work.
    if (faults.isNone) this.#planCron(this.#chanceOfConnections.whole(0, CRON_MS));
  }

  /** Weeks later what is delivered has been deleted; what is pending or dead has not. */
  async #growOld(): Promise<void> {
    this.#cloud.faults = { ...this.#cloud.faults, next: () => null };
    await this.#let(RETENTION_MS / 2, () => []);
    const pending = this.#leaveOnePending();
    await this.#let(RETENTION_MS / 2, () => {
      const dead = new Set(
        this.#db.query("SELECT event_id FROM deliveries WHERE status = 'dead'").map(({ event_id }) => event_id),
      );
      return this.#events.map(({ id }) => id).filter((id) => id !== pending && !dead.has(id));
    });
    this.#operator.isAway = false;
    while (!this.#isAtRest()) await this.#step();
    await this.#let(2 * RETENTION_MS, () => this.#events.map(({ id }) => id));
    if (recordedState(this.#db) !== expectedState(this.#events))
      throw new Error("The state has gone with other events");
  }

  /** The id of an event whose delivery to a paused destination is left pending; null without an event or a destination. */
  #leaveOnePending(): string | null {
    const [destination] = this.#chance.some(
      this.#destinations.filter(({ id }) => this.#db.query("SELECT 1 FROM destinations WHERE id = ?1", id).length > 0),
      1,
    );
    const [event] = this.#chance.some(this.#events, 1);
    if (destination === undefined || event === undefined) return null;
    this.#operator.isAway = true;
    this.#operator.leavePending(event.id, destination);
    return event.id;
  }

  /** Lets so much time go by that certain events may be deleted; just these must be gone when the cron has run, which goes back to the first once a day. */
  async #let(ms: number, goes: () => readonly string[]): Promise<void> {
    while (this.#operator.isBusy || this.#cloud.busy > 0 || this.#queues.retries.messages.size > 0) await this.#step();
    // The newest event, and those of the latest state, stay as long as they are that.
    const kept = this.#db.query(
      "SELECT id FROM events WHERE seq IN (SELECT event_seq FROM resources UNION SELECT max(seq) FROM events)",
    );
    const going = new Set(goes()).difference(new Set(kept.map(({ id }) => id)));
    for (const id of going) this.#qonto.acknowledged.delete(id);
    this.#agenda.leap(ms);
    this.#leaptMs += ms;
    this.#planCron(0);
    for (const runs = this.#cronRuns; this.#cronRuns < runs + 2 || this.#cloud.busy > 0;) await this.#step();
    const left = new Set(this.#db.query("SELECT id FROM events").map(({ id }) => id));
    for (const { id } of this.#events) {
      if (left.has(id) === going.has(id)) throw new Error(`${id} is ${left.has(id) ? "kept" : "gone"} after ${ms} ms`);
    }
    await checkLedger({ relay: this.#relay, db: this.#db, cloud: this.#cloud });
  }

  async #step(): Promise<void> {
    if (!(await this.#agenda.step())) throw new Error("Nothing is left to happen, and not all is well");
    if (this.#cloud.violation !== null) throw this.#cloud.violation;
    this.#checks.afterStep();
    if (this.#agenda.steps > MOST_STEPS || this.#agenda.now - this.#leaptMs - MIDDAY > MOST_MS) {
      throw new Error(`It does not come to rest: ${this.#whatIsOpen()}`);
    }
  }

  #disturb({ kills }: Faults): void {
    const { agenda, chance } = { agenda: this.#agenda, chance: this.#chance };
    const sometime = () => chance.whole(0, this.#stormMs);
    this.#planCron(chance.whole(0, CRON_MS));
    for (const at of kills) agenda.add(at, () => this.#cloud.loseSome());
    if (chance.happens(0.1)) agenda.add(sometime(), () => this.#switchOff());
    if (chance.happens(0.1)) agenda.add(sometime(), () => this.#changeKey());
    if (this.#chanceOfSchema.happens(0.1)) this.#deployBeforeMigrating();
  }

  /** For a while the version that is deployed finds no tables, or migrations that are not noted. */
  #deployBeforeMigrating(): void {
    const { agenda, db, cloud, chance } = {
      agenda: this.#agenda,
      db: this.#db,
      cloud: this.#cloud,
      chance: this.#chanceOfSchema,
    };
    const from = chance.whole(0, this.#stormMs / 2);
    const until = from + chance.whole(1_000, this.#stormMs / 2);
    const hasTables = chance.happens(0.3);
    agenda.add(from, () => {
      cloud.deploy();
      cloud.note(() => `the database lacks ${hasTables ? "the note of its migrations" : "tables"}`);
      if (hasTables) db.execute([{ sql: "DELETE FROM d1_migrations", parameters: [] }]);
      else db.lacksTables = true;
    });
    agenda.add(until, () => {
      cloud.note(() => "the migrations are applied");
      if (hasTables) db.execute([{ sql: noteMigrationsSql, parameters: [] }]);
      else db.lacksTables = false;
    });
  }

  /** As a developer's machine: all processes are lost, and with them all queues. Only what D1 has was acknowledged for good. */
  #switchOff(): void {
    this.#cloud.note(() => "the machine is switched off");
    this.#cloud.loseAll();
    for (const queue of Object.values(this.#queues)) queue.lose();
    const kept = new Set(
      this.#db.query("SELECT id FROM events UNION SELECT coalesce(event_id, id) FROM quarantine").map(({ id }) => id),
    );
    for (const event of this.#events) {
      if (!this.#qonto.acknowledged.has(event.id) || kept.has(event.id)) continue;
      this.#qonto.acknowledged.delete(event.id);
      this.#qonto.sendIn(1_000, event);
    }
  }

  /** The secrets of destinations are to be encrypted with another key from then on. */
  #changeKey(): void {
    const [encrypted] = this.#db.query("SELECT secret FROM destinations");
    if (encrypted === undefined) return;
    this.#oldKeyPrefix = String(encrypted["secret"]).split(".", 2).join(".");
    this.#encryptionKeys = NEW_KEYS;
    this.#connections?.checks.changeKeys(NEW_KEYS.split(","));
    this.#cloud.deploy();
  }

  #planCron(ms: number): void {
    this.#agenda.add(ms, () => {
      const isCalm = this.#agenda.now > this.#calmFrom + (this.#connections === null ? 600_000 : 240_000);
      this.#planCron(isCalm ? LATER_CRON_MS : CRON_MS);
      for (let runs = this.#connections?.drawCronRuns() ?? 1; runs > 0; runs -= 1) this.#runCron();
    });
  }

  #runCron(): void {
    const controller = { cron: "* * * * *", scheduledTime: this.#agenda.now, noRetry: () => undefined };
    const invocation = this.#cloud.start(
      "cron",
      ({ relay, bindings }) => relay.scheduled(controller as ScheduledController, bindings),
      () => {
        cutOff();
        this.#cronRuns += 1;
      },
    );
    const cutOff = this.#agenda.add(CRON_ENDS_MS, () => this.#cloud.cutOff(invocation));
  }

  #isAtRest(): boolean {
    const isCalm = this.#agenda.now > this.#calmFrom;
    return isCalm && this.#cloud.busy === 0 && this.#qonto.isDone && this.#whatIsOpen() === "";
  }

  /** What has yet to happen before everything is settled; empty when nothing has. */
  #whatIsOpen(): string {
    return whatIsOpen({
      db: this.#db,
      cloud: this.#cloud,
      queues: Object.values(this.#queues),
      qonto: this.#qonto,
      operator: this.#operator,
      connections: this.#connections,
      oldKeyPrefix: this.#oldKeyPrefix,
    });
  }

  readonly #makeIsolate: MakeIsolate = () => {
    const world = {
      now: () => this.#agenda.now,
      setTimer: this.#cloud.setTimer,
      random: () => this.#chance.number(),
      randomBytes: (length: number) => this.#chance.bytes(length),
      fetch: (url: string, init: RequestInit) =>
        this.#connections?.serves(url) === true ? this.#connections.fetch(url, init) : this.#network.fetch(url, init),
    };
    return {
      relay: this.#relay.createRelay(world),
      bindings: {
        DB: createD1Binding(this.#callD1),
        EVENTS: this.#queues.events.makeBinding(),
        RETRIES: this.#queues.retries.makeBinding(),
        DEAD_LETTERS: this.#queues.dead_letters.makeBinding(),
        QONTO_WEBHOOK_SECRETS: BUSINESS_SECRET,
        QONTO_ONBOARDING_SECRETS: ONBOARDING_SECRET,
        ADMIN_TOKEN,
        ENCRYPTION_KEYS: this.#encryptionKeys,
        ...(this.#connections === null ? {} : connectionVariables),
      },
    };
  };

  readonly #callD1 = (statements: readonly SqlStatement[]) =>
    this.#cloud.call(
      "database",
      () => titleOf(statements[0]?.sql),
      () => {
        this.#checks.afterCall(statements);
        if (this.#db.lacksTables) this.#cloud.disturb();
        const value = this.#db.execute(statements);
        this.#connections?.checks.afterCall(statements);
        return { value, afterMs: this.#cloud.latencyMs() };
      },
    );
}
