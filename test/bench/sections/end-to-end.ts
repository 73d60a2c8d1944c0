import { setTimeout as wait } from "node:timers/promises";
import { batchingDelayMs } from "../configuration.ts";
import { LoadGenerator } from "../load/load-generator.ts";
import type { LoadReport } from "../load/order.ts";
import type { Arrival } from "../load/destination-order.ts";
import { Destinations } from "../load/destinations.ts";
import { ServedWorker } from "../served-worker.ts";
import { median, quantile } from "../statistics.ts";
import { type Passages, type Steady, type Throughput, describePassages } from "./end-to-end-tables.ts";
import { takeUsage } from "./metered-relay.ts";
import type { Section } from "./section.ts";

/** How soon events arrive at destinations, what that takes, and how many can. */
export const endToEnd: Section = async ({ isShort, say }) => {
  const generator = new LoadGenerator();
  const servers = await Destinations.start();
  try {
    const passages: Passages[] = [];
    for (const steady of isShort ? steadies.slice(0, 1) : steadies) {
      say(`arrival at ${steady.rate} events a second`);
      passages.push(await measureArrival({ ...steady, seconds: isShort ? 2 : steady.seconds }));
    }
    const throughput: Throughput[] = [];
    for (const { destinations, events } of isShort ? backlogs.slice(0, 1) : backlogs) {
      say(`deliveries a second, ${destinations} destinations`);
      throughput.push(await measureThroughput(destinations, Math.ceil(events / (isShort ? 20 : 1))));
    }
    return describePassages(passages, throughput);
  } finally {
    generator.stop();
    servers.stop();
  }

  async function measureArrival(steady: Steady): Promise<Passages> {
    const { rate, seconds, batchingSeconds, hanging } = steady;
    const worker = await ServedWorker.start("test/bench/worker/metered.ts", { batchingSeconds });
    try {
      await worker.addDestination(`${servers.url}/well`);
      const load = { connections: 16, bodyBytes: 1_000 };
      await generator.send(worker, { ...load, rate: WARM_UP, requests: WARM_UP });
      await worker.drained();
      await servers.take(WARM_UP, 5_000);
      // From its first event on, as a destination that is set up wrongly does.
      if (hanging) await worker.addDestination(`${servers.url}/hanging`, { timeout_ms: 2_000 });
      await takeUsage(worker);
      const report = await generator.send(worker, { ...load, rate, requests: rate * seconds });
      const arrivals = await untilAllCame(report.answers.length, "/well");
      await wait(WRITTEN_AFTER_MS);
      const usage = await takeUsage(worker);
      return { ...steady, events: report.answers.length, usage, ...timesOf(report, arrivals) };
    } finally {
      await worker.stop();
    }
  }

  async function measureThroughput(destinations: number, events: number): Promise<Throughput> {
    const worker = await ServedWorker.start("src/index.ts");
    try {
      for (let index = 0; index < destinations; index += 1) await worker.addDestination(`${servers.url}/${index}`);
      await generator.send(worker, { connections: 64, requests: WARM_UP, bodyBytes: 1_000 });
      await servers.take(WARM_UP * destinations, 10_000);
      const { answers } = await generator.send(worker, { connections: 64, requests: events, bodyBytes: 1_000 });
      const ids = new Set(answers.map(({ id }) => id));
      const arrivals = (await servers.take(events * destinations, 60_000)).filter(({ id }) => ids.has(id));
      const firstAt = Math.min(...answers.map(({ sentAt }) => sentAt));
      const lastAt = Math.max(...arrivals.map(({ at }) => at));
      const arrived = new Set(arrivals.map(({ path, id }) => `${path} ${id}`)).size;
      return {
        destinations,
        events,
        perSecond: (arrived * 1_000) / (lastAt - firstAt),
        missing: events * destinations - arrived,
      };
    } finally {
      await worker.stop();
    }
  }

  async function untilAllCame(count: number, path: string): Promise<Arrival[]> {
    return (await servers.take(count, 15_000)).filter((arrival) => arrival.path === path);
  }
};

const WARM_UP = 50;

/** What destinations answered last is written down by then. */
const WRITTEN_AFTER_MS = 300;

const configured = batchingDelayMs() / 1000;

const steadies: readonly Steady[] = [
  { rate: 1, seconds: 20, batchingSeconds: configured, hanging: false },
  { rate: 50, seconds: 10, batchingSeconds: configured, hanging: false },
  { rate: 500, seconds: 6, batchingSeconds: configured, hanging: false },
  { rate: 50, seconds: 10, batchingSeconds: configured, hanging: true },
  { rate: 1, seconds: 20, batchingSeconds: 1, hanging: false },
  { rate: 50, seconds: 10, batchingSeconds: 1, hanging: false },
  { rate: 500, seconds: 6, batchingSeconds: 1, hanging: false },
];

/** All of them are sent at once. */
const backlogs = [
  { destinations: 1, events: 2_000 },
  { destinations: 3, events: 2_000 },
  { destinations: 10, events: 600 },
];

function timesOf({ answers }: LoadReport, arrivals: readonly Arrival[]) {
  const first = new Map(arrivals.toReversed().map(({ id, at }) => [id, at]));
  const times = answers.flatMap(({ id, sentAt }) => {
    const at = first.get(id);
    return at === undefined ? [] : [at - sentAt];
  });
  return { p50: median(times), p99: quantile(times, 0.99), missing: answers.length - times.length };
}
