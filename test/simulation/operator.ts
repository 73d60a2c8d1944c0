import type { Cloud, Ended } from "./cloud.ts";
import { SimulatedDestination, drawDestination, toSettings } from "./destination.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

export const ADMIN_TOKEN = "simulated-admin-token-of-32-characters";

/** What an operator may do during the storm. */
const actions = [
  "pause",
  "resume",
  "rotate",
  "rotate",
  "remove",
  "create",
  "replay-event",
  "replay-event-to-one",
  "replay-destination",
  "release",
  "balance",
] as const;

/** More rotations than are possible within an overlap. */
const MOST_ROTATIONS = 4;
const IMPATIENT_ROTATIONS = 6;

/** After the storm most deliveries have ended. */
const LATER_MS = 90_000;

/** Longer than the API may take to answer. */
const PATIENCE_MS = 120_000;

interface Answered {
  readonly status: number;
  readonly body: any;
}

type Call = readonly [method: string, path: string, body: object];

/** An operator at the API: makes changes during the storm, and cleans up afterwards. */
export class SimulatedOperator {
  /** How often something was replayed. */
  replays = 0;
  /** Whether what is left to do stays so. */
  isAway = false;
  readonly #cloud: Cloud;
  readonly #db: SqliteDatabase;
  readonly #destinations: SimulatedDestination[];
  readonly #calmFrom: number;
  /** Actions in progress or planned. */
  #open = 0;

  constructor(cloud: Cloud, db: SqliteDatabase, destinations: SimulatedDestination[], calmFrom: number) {
    this.#cloud = cloud;
    this.#db = db;
    this.#destinations = destinations;
    this.#calmFrom = calmFrom;
  }

  get isDone(): boolean {
    return !this.isBusy && this.#leftovers().length === 0;
  }

  createSome(many: number): void {
    for (let index = many; index > 0; index -= 1) this.#plan(0, () => this.#create());
  }

  /** A destination that is told what the relay has to say. */
  createListening(): void {
    this.#plan(0, () => this.#create(["relay.*"]));
  }

  /** Plans one request. */
  planCall(ms: number, ...call: readonly [method: string, path: string, body?: object]): void {
    this.#plan(ms, () => this.#call(...call));
  }

  /** Plans some actions during the storm. */
  planActions(stormMs: number): void {
    const { chance } = this.#cloud;
    if (chance.happens(0.3)) this.#plan(stormMs + LATER_MS, () => this.#balanceAndReplay());
    if (chance.happens(0.5)) return;
    for (let many = chance.whole(1, 4); many > 0; many -= 1) {
      const at = chance.whole(0, stormMs);
      // Sometimes two actions at once.
      for (let hands = chance.happens(0.3) ? 2 : 1; hands > 0; hands -= 1) this.#plan(at, () => this.#act());
    }
  }

  /** The hours that the ledger has stored change by it. */
  async #balanceAndReplay(): Promise<void> {
    await this.#call("GET", "/api/ledger");
    const [destination] = this.#cloud.chance.some(this.#destinations, 1);
    if (destination !== undefined)
      await this.#replay(destination, this.#cloud.chance.pick(["failed", "missing", "all"]));
  }

  /** Replays an event to a paused destination: the delivery is pending until it is resumed. */
  leavePending(eventId: string, destination: SimulatedDestination): void {
    destination.mayLackEvents = true;
    destination.asked.add(eventId);
    this.#replayed([destination]);
    this.#plan(0, async () => {
      await this.#call("PATCH", `/api/destinations/${destination.id}`, { enabled: false });
      await this.#call("POST", `/api/events/${eventId}/replay`, { destination_id: destination.id });
    });
  }

  get isBusy(): boolean {
    return this.#open > 0;
  }

  #plan(ms: number, work: () => Promise<unknown>): void {
    this.#open += 1;
    this.#cloud.agenda.add(ms, () => {
      work().then(
        () => (this.#open -= 1),
        (error: unknown) => this.#cloud.accuse(error),
      );
    });
  }

  async #create(types?: readonly string[]): Promise<SimulatedDestination> {
    const { agenda, chance } = this.#cloud;
    const drawn = drawDestination(chance, this.#destinations.length + 1);
    const planned = types === undefined ? drawn : { ...drawn, types };
    const destination = new SimulatedDestination(planned, chance, this.#calmFrom);
    this.#destinations.push(destination);
    const answered = await this.#call("POST", "/api/destinations", toSettings(planned));
    if (answered?.status === 201) {
      destination.secrets.push(answered.body.secret);
      destination.knowsOldest = destination.secrets.length === 1;
    } else if (answered !== null && answered.status < 500) {
      throw new Error(`${planned.url} was refused with ${answered.status} at ${agenda.now}`);
    }
    return destination;
  }

  async #act(): Promise<void> {
    const { chance, agenda } = this.#cloud;
    const [destination] = chance.some(this.#destinations, 1);
    if (destination === undefined) return;
    const path = `/api/destinations/${destination.id}`;
    const action = chance.pick(actions);
    destination.operatedAt = agenda.now;
    switch (action) {
      case "pause":
        destination.mayLackEvents = true;
        await this.#call("PATCH", path, { enabled: false });
        return;
      case "resume":
        await this.#call("PATCH", path, { enabled: true });
        return;
      case "rotate":
        for (let left = chance.happens(0.2) ? IMPATIENT_ROTATIONS : 1; left > 0; left -= 1) {
          await this.#rotate(destination);
        }
        return;
      case "remove":
        destination.mayLackEvents = true;
        await this.#call("DELETE", path);
        return;
      case "create": {
        const created = await this.#create();
        created.mayLackEvents = true;
        if (chance.happens(0.5)) await this.#replay(created, "missing");
        return;
      }
      case "replay-event":
        return this.#replayEvent(null);
      case "replay-event-to-one":
        return this.#replayEvent(destination);
      case "replay-destination":
        return this.#replay(destination, chance.pick(["failed", "missing", "all"]));
      case "balance":
        await this.#call("GET", "/api/ledger");
        return;
      case "release":
        await this.#tidyUp();
    }
  }

  async #rotate(destination: SimulatedDestination): Promise<void> {
    const { agenda, disturbances } = this.#cloud;
    destination.rotations += 1;
    destination.rotatedAt ??= agenda.now;
    const answered = await this.#call("POST", `/api/destinations/${destination.id}/rotate-secret`, {});
    if (answered?.status === 200) destination.secrets.push(answered.body.secret);
    if (destination.secrets.length > MOST_ROTATIONS + 1) {
      this.#cloud.accuse(`${destination.planned.url} has ${destination.secrets.length} secrets that sign`);
    }
    // A write that D1 has repeated may count twice.
    if (answered?.status === 409 && destination.rotations + disturbances <= MOST_ROTATIONS) {
      this.#cloud.accuse(`Rotation ${destination.rotations} of ${destination.planned.url} is refused`);
    }
  }

  async #replay(to: SimulatedDestination, which: "failed" | "missing" | "all"): Promise<void> {
    // What a new destination lacks may be in its fan-out.
    if (which !== "failed") to.hasAskedForPast = true;
    this.#replayed(which === "all" || (which === "missing" && to.mayLackEvents) ? [to] : []);
    await this.#call("POST", `/api/destinations/${to.id}/replay`, { since: "2026-03-01T00:00:00Z", which });
  }

  /** Replays some event, to one destination or to all that want it and lack it. */
  async #replayEvent(to: SimulatedDestination | null): Promise<void> {
    const [event] = this.#cloud.chance.some(this.#db.query("SELECT id FROM events"), 1);
    if (event === undefined) return;
    const all = to === null ? this.#destinations : [to];
    this.#replayed(all);
    for (const destination of all) destination.hasAskedForPast = true;
    const id = String(event["id"]);
    to?.asked.add(id);
    await this.#call("POST", `/api/events/${id}/replay`, to === null ? {} : { destination_id: to.id });
  }

  #replayed(again: readonly SimulatedDestination[]): void {
    this.replays += 1;
    for (const destination of again) destination.resends += 1;
    for (const destination of this.#destinations) destination.operatedAt = this.#cloud.agenda.now;
  }

  /** Resumes destinations, releases the quarantine and replays dead letters, until nothing is left. */
  tidyUpFrom(ms: number): void {
    this.#cloud.agenda.add(ms, () => {
      if (!this.isAway && this.#leftovers().length > 0) void this.#tidyUp();
      this.tidyUpFrom(60_000);
    });
  }

  async #tidyUp(): Promise<void> {
    for (const call of this.#leftovers()) {
      const destination = this.#destinations.find(({ id }) => call[1].endsWith(id));
      if (destination !== undefined) destination.operatedAt = this.#cloud.agenda.now;
      await this.#call(...call);
    }
  }

  #leftovers(): Call[] {
    const idsOf = (sql: string) => this.#db.query(sql).map(({ id }) => String(id));
    return [
      ...idsOf("SELECT id FROM destinations WHERE enabled = 0").map((id): Call => [
        "PATCH",
        `/api/destinations/${id}`,
        { enabled: true },
      ]),
      ...idsOf(
        `SELECT id FROM quarantine WHERE settled_at IS NULL
         AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = coalesce(quarantine.event_id, quarantine.id))`,
      ).map((id): Call => ["POST", `/api/quarantine/${id}/release`, {}]),
      ...idsOf("SELECT id FROM dead_letters WHERE replayed_at IS NULL").map((id): Call => [
        "POST",
        `/api/dead-letters/${id}/replay`,
        {},
      ]),
    ];
  }

  /** Null when nothing came back. */
  async #call(method: string, path: string, body?: object): Promise<Answered | null> {
    this.#cloud.note(() => `operator: ${method} ${path}`);
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
    const text = JSON.stringify(body);
    const request = new Request(
      `https://relay.test${path}`,
      body === undefined
        ? { method, headers }
        : { method, headers: { ...headers, "content-length": String(Buffer.byteLength(text)) }, body: text },
    );
    const { promise, resolve } = Promise.withResolvers<Ended<Answered>>();
    const invocation = this.#cloud.start<Answered>(
      "api",
      async ({ relay, bindings }, context) => {
        const response = await relay.fetch(request as never, bindings, context);
        const text = await response.text();
        return { status: response.status, body: text === "" ? null : JSON.parse(text) };
      },
      resolve,
    );
    const giveUp = this.#cloud.agenda.add(PATIENCE_MS, () => this.#cloud.cutOff(invocation));
    const how = await promise;
    giveUp();
    return how.state === "returned" ? how.value : null;
  }
}
