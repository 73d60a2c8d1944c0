import { setTimeout as wait } from "node:timers/promises";
import { MESSAGE_PATIENCE_MS } from "../../../src/domain/lease.ts";
import { maxConcurrency } from "../configuration.ts";
import { LoadGenerator } from "../load/load-generator.ts";
import type { Arrival } from "../load/destination-order.ts";
import { Destinations } from "../load/destinations.ts";
import { ServedWorker } from "../served-worker.ts";
import { type Drained, describeDrains } from "./drain-tables.ts";
import { takeUsage } from "./metered-relay.ts";
import type { Section } from "./section.ts";

/** The slower the destinations, the fewer events wait for them: a rate shows as well, and minutes sooner. */
const backlogs = [
  { delaysMs: [5], events: 10_000 },
  { delaysMs: [200], events: 500 },
  { delaysMs: [1_000], events: 300 },
  { delaysMs: [5, 200, 1_000], events: 300 },
];

const DRAINED_WITHIN_MS = 120_000;

/** What destinations answered last is written down by then. */
const WRITTEN_AFTER_MS = 300;

/** How fast events that have waited reach destinations that take their time to answer. */
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
    // An event that has waited is no longer its message's own: it has to be claimed, which costs D1 calls.
    if (!isShort) await wait(MESSAGE_PATIENCE_MS);
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

  /** Has the relay receive events that no consumer takes. */
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

  /** Of these events, what came at each of so many destinations; not all, when it takes too long. */
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
