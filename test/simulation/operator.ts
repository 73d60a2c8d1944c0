import type { Cloud, Ended } from "./cloud.ts";
import type { SimulatedDestination } from "./destination.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

export const ADMIN_TOKEN = "simulated-admin-token-of-32-characters";

/** What an operator may do in the middle of a storm. */
const actions = ["pause", "resume", "rotate", "remove", "replay-event", "replay-destination", "release"] as const;

interface Answered {
  readonly status: number;
  readonly body: any;
}

/** An operator at the API: does this and that while it storms, and tidies up afterwards. */
export class SimulatedOperator {
  readonly #cloud: Cloud;
  readonly #db: SqliteDatabase;
  readonly #destinations: readonly SimulatedDestination[];
  /** Calls that are in progress or planned. */
  #open = 0;

  constructor(cloud: Cloud, db: SqliteDatabase, destinations: readonly SimulatedDestination[]) {
    this.#cloud = cloud;
    this.#db = db;
    this.#destinations = destinations;
  }

  get isDone(): boolean {
    return this.#open === 0 && this.#leftovers().length === 0;
  }

  createAll(): void {
    for (const destination of this.#destinations) this.#cloud.agenda.add(0, () => void this.#create(destination));
  }

  get hasCreatedAll(): boolean {
    return this.#destinations.every(({ id }) => id !== "");
  }

  async #create(destination: SimulatedDestination): Promise<void> {
    const { url, settings } = destination.planned;
    const answered = await this.#call("POST", "/api/destinations", { url, ...settings });
    if (answered?.status !== 201) throw new Error(`${url} was refused: ${JSON.stringify(answered)}`);
    destination.id = answered.body.id;
    destination.secrets.push(answered.body.secret);
  }

  /** Does some things during the storm. */
  planActions(stormMs: number): void {
    const { chance, agenda } = this.#cloud;
    if (chance.happens(0.5)) return;
    for (let many = chance.whole(1, 4); many > 0; many -= 1) {
      this.#open += 1;
      agenda.add(chance.whole(0, stormMs), () => void this.#actOnce());
    }
  }

  async #actOnce(): Promise<void> {
    await this.#act();
    this.#open -= 1;
  }

  async #act(): Promise<void> {
    const { chance } = this.#cloud;
    const [destination] = chance.some(this.#destinations, 1);
    if (destination === undefined) return;
    const path = `/api/destinations/${destination.id}`;
    switch (chance.pick(actions)) {
      case "pause":
        destination.isMeddledWith = true;
        await this.#call("PATCH", path, { enabled: false });
        return;
      case "resume":
        await this.#call("PATCH", path, { enabled: true });
        return;
      case "rotate": {
        const answered = await this.#call("POST", `${path}/rotate-secret`, {});
        if (answered?.status === 200) destination.secrets.push(answered.body.secret);
        return;
      }
      case "remove":
        destination.isMeddledWith = true;
        await this.#call("DELETE", path);
        return;
      case "replay-event": {
        const [event] = chance.some(this.#db.query("SELECT id FROM events"), 1);
        if (event !== undefined) await this.#call("POST", `/api/events/${String(event["id"])}/replay`, {});
        return;
      }
      case "replay-destination":
        await this.#call("POST", `${path}/replay`, {
          since: "2026-03-01T00:00:00Z",
          which: chance.pick(["failed", "missing", "all"]),
        });
        return;
      case "release":
        await this.#tidyUp();
    }
  }

  /** Resumes what is paused, releases what is in quarantine, replays what the queues gave up on, until nothing is left. */
  tidyUpFrom(ms: number): void {
    this.#cloud.agenda.add(ms, () => {
      if (this.#leftovers().length > 0) void this.#tidyUp();
      this.tidyUpFrom(60_000);
    });
  }

  async #tidyUp(): Promise<void> {
    for (const [method, path, body] of this.#leftovers()) await this.#call(method, path, body);
  }

  #leftovers(): [method: string, path: string, body: object][] {
    const paths = (sql: string) => this.#db.query(sql).map(({ id }) => String(id));
    return [
      ...paths("SELECT id FROM destinations WHERE enabled = 0").map((id): [string, string, object] => [
        "PATCH",
        `/api/destinations/${id}`,
        { enabled: true },
      ]),
      ...paths(
        `SELECT id FROM quarantine WHERE settled_at IS NULL
         AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = coalesce(quarantine.event_id, quarantine.id))`,
      ).map((id): [string, string, object] => ["POST", `/api/quarantine/${id}/release`, {}]),
      ...paths("SELECT id FROM dead_letters WHERE replayed_at IS NULL").map((id): [string, string, object] => [
        "POST",
        `/api/dead-letters/${id}/replay`,
        {},
      ]),
    ];
  }

  /** Null when nothing came back. */
  async #call(method: string, path: string, body?: object): Promise<Answered | null> {
    this.#cloud.note(`operator: ${method} ${path}`);
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
    const request = new Request(`https://relay.test${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
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
    const giveUp = this.#cloud.agenda.add(120_000, () => invocation.end());
    const how = await promise;
    giveUp();
    return how.state === "returned" ? how.value : null;
  }
}
