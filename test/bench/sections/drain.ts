import { setTimeout as wait } from "node:timers/promises";
import { MESSAGE_TIMEOUT_MS } from "../../../src/domain/lease.ts";
import { maxConcurrency } from "../configuration.ts";
import type { Arrival } from "../load/destination-order.ts";
import { Destinations } from "../load/destinations.ts";
import { LoadGenerator } from "../load/load-generator.ts";
import { type Report, figure } from "../report.ts";
import { ServedWorker } from "../served-worker.ts";
import { takeUsage } from "./metered-relay.ts";
import type { Section } from "./section.ts";

/** Fewer events for slower destinations: enough to show a rate, in less time. */
const backlogs = [
  { delaysMs: [5], events: 10_000 },
  { delaysMs: [200], events: 500 },
  { delaysMs: [1_000], events: 300 },
  { delaysMs: [5, 200, 1_000], events: 300 },
];

const DRAINED_WITHIN_MS = 120_000;

/** The last attempts are recorded by then. */
const WRITTEN_AFTER_MS = 300;

/** How fast queued events reach slow destinations. */
export const drain: Section = async ({ isShort, say }) => {
  const generator = new LoadGenerator();
  const servers = await Destinations.start();
  const relays: ServedWorker[] = [];
  try {
    const filled = [];
    for (const { delaysMs, events } of isShort ? [{ delaysMs: [5], events: 50 }] : backlogs) {
      say(`${events} events wait for ${delaysMs.join(", ")} ms`);
      const relay = await ServedWorker.start("test/bench/worker/metered.ts");
      relays.push(relay);
      for (const delayMs of delaysMs) await relay.addDestination(`${servers.url}/after/${delayMs}`);
      filled.push({ relay, delaysMs, ids: await fill(relay, events) });
    }
    // The lease of an event that has waited is over: the consumer must claim it, which costs D1 calls.
    if (!isShort) await wait(MESSAGE_TIMEOUT_MS);
    const drained: Drained[] = [];
    for (const { relay, delaysMs, ids } of filled) {
      say(`draining ${ids.size} events to ${delaysMs.join(", ")} ms`);
      drained.push(await measureDrain(relay, delaysMs, ids));
    }
    return describeDrains(drained, maxConcurrency());
  } finally {
    generator.stop();
    servers.stop();
    await Promise.all(relays.map((relay) => relay.stop()));
  }

  /** Has the relay receive events while no consumer runs. */
  async function fill(relay: ServedWorker, requests: number): Promise<ReadonlySet<string>> {
    await fetch(`${relay.url}/bench/hold`, { method: "POST" });
    const { answers } = await generator.send(relay, { connections: 16, requests, bodyBytes: 1_000 });
    return new Set(answers.filter(({ status }) => status === 200).map(({ id }) => id));
  }

  async function measureDrain(
    relay: ServedWorker,
    delaysMs: readonly number[],
    ids: ReadonlySet<string>,
  ): Promise<Drained> {
    await takeUsage(relay);
    const startedAt = performance.timeOrigin + performance.now();
    await fetch(`${relay.url}/bench/release`, { method: "POST" });
    const arrivals = await takeAll(ids, delaysMs.length);
    await relay.drained();
    await wait(Math.max(...delaysMs) + WRITTEN_AFTER_MS);
    const { calls } = await takeUsage(relay);
    return {
      events: ids.size,
      databaseCalls: calls,
      destinations: delaysMs.map((delayMs) => {
        const mine = arrivals.filter(({ path }) => path === `/after/${delayMs}`);
        const firstAt = new Map(mine.toReversed().map(({ id, at }) => [id, at]));
        const lastAt = Math.max(startedAt, ...firstAt.values()) + delayMs;
        return {
          delayMs,
          delivered: firstAt.size,
          repeated: mine.length - firstAt.size,
          seconds: (lastAt - startedAt) / 1000,
        };
      }),
    };
  }

  /** The arrivals of these events at each destination; not all, when it takes too long. */
  async function takeAll(ids: ReadonlySet<string>, destinations: number): Promise<Arrival[]> {
    const all: Arrival[] = [];
    const endAt = Date.now() + DRAINED_WITHIN_MS;
    const missing = () => ids.size * destinations - new Set(all.map(({ path, id }) => `${path} ${id}`)).size;
    while (missing() > 0 && Date.now() < endAt) {
      const arrivals = await servers.take(missing(), endAt - Date.now());
      all.push(...arrivals.filter(({ id }) => ids.has(id)));
    }
    return all;
  }
};

interface Drained {
  readonly events: number;
  readonly databaseCalls: number;
  readonly destinations: readonly DrainedDestination[];
}

interface DrainedDestination {
  readonly delayMs: number;
  readonly delivered: number;
  /** Attempts beyond the first of each event. */
  readonly repeated: number;
  readonly seconds: number;
}

/** Slower destinations get retries, whose drains do not multiply with the consumers of events. */
const SLOWEST_IN_FAN_OUT_MS = 200;

/** `maxConcurrency`: the consumers of events that Cloudflare may run at once; null: as many as it likes. */
function describeDrains(drained: readonly Drained[], maxConcurrency: number | null): Report {
  const rows = drained.flatMap(({ events, databaseCalls, destinations }) =>
    destinations.map((destination) => ({
      ...destination,
      name: nameOf(destination, destinations),
      events,
      perSecond: destination.delivered / destination.seconds,
      callsEach: databaseCalls / events,
      isProjected: destinations.length === 1 && destination.delayMs <= SLOWEST_IN_FAN_OUT_MS,
    })),
  );
  const projected = rows.flatMap(({ isProjected, ...row }) =>
    isProjected && maxConcurrency !== null ? [{ ...row, perSecond: row.perSecond * maxConcurrency }] : [],
  );
  return {
    tables: [
      {
        title: "Waiting events, drained by one consumer of events, as the simulator runs them",
        columns: [
          "destination answers after",
          "events",
          "seconds",
          "deliveries/s",
          "missing",
          "repeated",
          "D1 calls each",
        ],
        rows: rows.map(({ name, events, seconds, perSecond, delivered, repeated, callsEach }) => [
          name,
          figure(events),
          figure(seconds),
          figure(perSecond),
          String(events - delivered),
          String(repeated),
          figure(callsEach),
        ]),
      },
      ...(maxConcurrency === null
        ? []
        : [
            {
              title: `Projection, not measured: ${maxConcurrency} consumers side by side (max_concurrency of wrangler.toml)`,
              columns: ["destination answers after", "deliveries/s", "10,000 events, s", "D1 calls/s"],
              rows: projected.map(({ name, perSecond, callsEach }) => [
                name,
                figure(perSecond),
                figure(10_000 / perSecond),
                figure(perSecond * callsEach),
              ]),
            },
          ]),
    ],
    goals: [],
    figures: Object.fromEntries(
      rows.flatMap(({ name, perSecond, callsEach, events, delivered }) => [
        [`${name}: deliveries a second`, perSecond],
        [`${name}: D1 calls an event`, callsEach],
        [`${name}: missing`, events - delivered],
      ]),
    ),
    notes: [
      "The local runtime runs one batch at a time; Cloudflare runs up to max_concurrency consumers side by side, on machines of their own, against one D1.",
      maxConcurrency === null
        ? "wrangler.toml sets no max_concurrency: Cloudflare runs up to 250 consumers, and D1 is what is left to bound them. Nothing is projected."
        : "The projection multiplies, and holds only as long as D1 keeps up: about a thousand writes a second.",
      "Fewer than 10,000 wait for slow destinations, to save minutes: rates are what to compare. A batch has five attempts in flight, so 200 ms let it make 25 a second.",
      "A destination that answers after 1,000 ms lets attempts run late: the retries serve it, and their drains do not wait for its answers. It is not projected.",
    ],
  };
}

function nameOf({ delayMs }: DrainedDestination, all: readonly DrainedDestination[]): string {
  return `${delayMs} ms${all.length > 1 ? `, one of ${all.length}` : ""}`;
}
