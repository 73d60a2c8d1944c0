import { env } from "cloudflare:workers";
import { countLedger } from "../../../src/store/ledger.ts";
import { isBalanced } from "../../../src/domain/ledger.ts";
import { type Payload, makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { ok, statuses } from "../support/destinations.ts";
import { type Door, Doubles, type Fault } from "./doubles.ts";
import { database } from "../support/store.ts";
import { everyDeliverySql } from "../../support/deliveries.ts";

export interface Plan {
  readonly faults: readonly Fault[];
  /** A killed process takes the queues' messages with it, as it does on a developer's machine. */
  readonly losesMessages: boolean;
}

const well = "https://well.example.com/hook";
const flaky = "https://flaky.example.com/hook";
const dying = "https://dying.example.com/hook";

/** As many as any plan needs, and many more. */
const MAX_ROUNDS = 60;
const ROUND_SECONDS = 31;

/** What a play came to, as an outsider sees it. */
export interface Outcome {
  readonly calls: Readonly<Record<Door, number>>;
  readonly faults: readonly string[];
  /** Of every resource: the event that it shows. */
  readonly state: unknown;
  /** Requests that the well destination took, by event. */
  readonly mostRepeats: number;
}

/** Two versions of a transaction, the newer one first; cards, one of them too large for a message; what nobody wants. */
function makeEvents(): Payload[] {
  const transaction = (hour: string) =>
    makePayload("v1/transactions", {
      id: `t-${hour}`,
      created_at: `2026-03-01T${hour}:00:00Z`,
      data: { id: "t1", updated_at: `2026-03-01T${hour}:00:00Z` },
    });
  return [
    transaction("11"),
    makePayload("v1/cards", { id: "c-1", data: { id: "c1" } }),
    transaction("10"),
    makePayload("v1/cards", { id: "c-2", data: { id: "c2", padding: "x".repeat(130_000) } }),
    makePayload("v1/accounts", { id: "a-1", data: { id: "a1" } }),
  ];
}

const wantedBy: Readonly<Record<string, readonly string[]>> = {
  [well]: ["t-11", "c-1", "t-10", "c-2"],
  [flaky]: ["t-11", "c-1", "t-10", "c-2"],
  [dying]: ["c-1", "c-2"],
};

/** Plays the same small day under a plan, until everything has come to rest. */
export async function play({ faults, losesMessages }: Plan): Promise<Outcome> {
  await emptyDatabase();
  const relay = new TestRelay();
  await relay.addDestination(well, { types: ["v1/transactions", "v1/cards"] });
  await relay.addDestination(flaky, {
    types: ["v1/transactions", "v1/cards"],
    retry_schedule_seconds: Array(50).fill(1),
  });
  await relay.addDestination(dying, { types: ["v1/cards"], retry_schedule_seconds: [1, 1] });
  const doubles = new Doubles(relay, faults);
  relay.destinations.answer(well, doubles.before(ok));
  relay.destinations.answer(flaky, doubles.before(statuses(500, 503, 500, 200, 500, 200)));
  relay.destinations.answer(dying, doubles.before(statuses(500)));
  const unacknowledged = new Map(makeEvents().map((event) => [event.id, event]));

  /** Whatever the relay does may be cut short. */
  const step = async (work: () => Promise<unknown>) => {
    await work().catch(() => undefined);
    if (doubles.takeKill() && losesMessages) {
      relay.events.waiting = [];
      relay.retries.waiting = [];
    }
  };
  const send = (event: Payload) =>
    step(async () => {
      doubles.isReceiving = true;
      try {
        const response = await relay.sendAndWaitABit(event);
        if (response.status === 200) unacknowledged.delete(event.id);
      } finally {
        doubles.isReceiving = false;
      }
    });

  for (const [index, event] of [...unacknowledged.values()].entries()) {
    await send(event);
    if (index % 2 === 1) await step(() => relay.runQueues());
  }
  const [first] = makeEvents();
  if (first !== undefined) await send(first);
  for (let second = 0; second < 3; second += 1) {
    await step(() => relay.runQueues());
    relay.passSeconds(1);
  }
  for (let round = 0; round < MAX_ROUNDS && (unacknowledged.size > 0 || !(await isAtRest(relay))); round += 1) {
    relay.passSeconds(ROUND_SECONDS);
    for (const event of unacknowledged.values()) await send(event);
    await step(() => relay.runCron());
    await step(() => relay.runQueues());
  }
  doubles.close();
  return {
    calls: doubles.calls,
    faults: await faultsOf(relay, [...unacknowledged.keys()]),
    state: await stateOfResources(),
    mostRepeats: Math.max(
      ...[...Map.groupBy(acceptedBy(relay, well), (id) => id).values()].map(({ length }) => length),
    ),
  };
}

async function isAtRest(relay: TestRelay): Promise<boolean> {
  const { pending } = await countLedger(database, { since: 0, until: relay.now + 1 }, relay.now);
  return pending === 0;
}

/** Everything that is not as it must be after any plan. */
async function faultsOf(relay: TestRelay, unacknowledged: readonly string[]): Promise<string[]> {
  const ledger = await countLedger(database, { since: 0, until: relay.now + 1 }, relay.now);
  const found = unacknowledged.map((id) => `${id} was never acknowledged`);
  if (!isBalanced(ledger)) found.push(`the ledger does not balance: ${JSON.stringify(ledger)}`);
  const { received, settled, pending, unmatched } = ledger;
  const states = JSON.stringify({ received, settled, pending, unmatched });
  if (states !== JSON.stringify({ received: 5, settled: 4, pending: 0, unmatched: 1 })) found.push(`it says ${states}`);
  for (const [url, wanted] of Object.entries(wantedBy)) {
    const deliveries = await deliveriesTo(url);
    const accepted = acceptedBy(relay, url);
    for (const id of wanted) {
      const status = deliveries.get(id);
      if (status !== (url === dying ? "dead" : "delivered")) found.push(`${id} at ${url} is ${status}`);
      if (status === "delivered" && !accepted.includes(id)) found.push(`${id} never came to ${url}`);
    }
    if (deliveries.size !== wanted.length) found.push(`${url} has deliveries of ${[...deliveries.keys()].join()}`);
  }
  return found;
}

/** The dying destination takes none. */
function acceptedBy(relay: TestRelay, url: string): string[] {
  if (url === dying) return [];
  return relay.destinations.at(url).map(({ headers }) => headers.get("webhook-id") ?? "");
}

async function deliveriesTo(url: string): Promise<Map<string, string>> {
  const { results } = await env.DB.prepare(
    `SELECT event_id, status FROM ${everyDeliverySql} WHERE destination_id = (SELECT id FROM destinations WHERE url = ?1)`,
  )
    .bind(url)
    .all<{ event_id: string; status: string }>();
  return new Map(results.map(({ event_id, status }) => [event_id, status]));
}

async function stateOfResources(): Promise<unknown> {
  const { results } = await env.DB.prepare(
    `SELECT resources.type, resources.resource_id, events.id AS event_id, version, deleted
     FROM resources JOIN events ON events.seq = event_seq ORDER BY resources.type, resources.resource_id`,
  ).all();
  return results;
}
