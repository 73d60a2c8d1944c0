import { setTimeout as wait } from "node:timers/promises";
import { dollars } from "../../worker/budgets/price.ts";
import { batchingDelayMs } from "../configuration.ts";
import type { Arrival } from "../load/destination-order.ts";
import { Destinations } from "../load/destinations.ts";
import { LoadGenerator } from "../load/load-generator.ts";
import type { LoadReport } from "../load/order.ts";
import { type Goal, type Report, figure } from "../report.ts";
import { ServedWorker } from "../served-worker.ts";
import { median, quantile } from "../statistics.ts";
import { takeUsage } from "./metered-relay.ts";
import type { Section } from "./section.ts";

/** How soon events reach destinations, what that costs, and how many can be delivered. */
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
      // From its first event on, as a misconfigured destination does.
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

/** The last attempts are recorded by then. */
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

/** Events at a steady rate. */
interface Steady {
  /** Events a second. */
  readonly rate: number;
  readonly seconds: number;
  /** The queue's batching delay. */
  readonly batchingSeconds: number;
  /** Whether there is a second destination, which never answers. */
  readonly hanging: boolean;
}

/** Their latency in milliseconds, and their usage of the platform. */
interface Passages extends Steady {
  readonly events: number;
  readonly p50: number;
  readonly p99: number;
  readonly missing: number;
  readonly usage: {
    readonly calls: number;
    readonly rowsRead: number;
    readonly rowsWritten: number;
    readonly consumerInvocations: number;
    readonly queueOperations: number;
  };
}

interface Throughput {
  readonly destinations: number;
  readonly events: number;
  readonly perSecond: number;
  readonly missing: number;
}

function describePassages(passages: readonly Passages[], throughput: readonly Throughput[]): Report {
  return {
    tables: [
      {
        title: "From Qonto's sending to the first arrival at a destination, ms; and what an event took",
        columns: [
          "events a second, the queue's batching delay",
          "p50",
          "p99",
          "not arrived",
          "invocations",
          "D1 calls",
          "queue operations",
          "rows written",
          "dollars a million",
        ],
        rows: passages.map((one) => [
          nameOf(one),
          figure(one.p50),
          figure(one.p99),
          String(one.missing),
          ...[one.usage.consumerInvocations, one.usage.calls, one.usage.queueOperations, one.usage.rowsWritten].map(
            (count) => figure(count / one.events),
          ),
          figure(dollarsOf(one)),
        ]),
      },
      {
        title: "Deliveries a second from the first request to the last arrival, all events at once over 64 connections",
        columns: ["destinations", "events", "deliveries a second", "not arrived"],
        rows: throughput.map(({ destinations, events, perSecond, missing }) => [
          String(destinations),
          String(events),
          figure(perSecond),
          String(missing),
        ]),
      },
    ],
    goals: [...passages.filter(isConfigured).flatMap(goalsOf), ...throughput.flatMap(goalOf), ...costGoals(passages)],
    figures: Object.fromEntries([
      ...passages.flatMap((one) => [
        [`${nameOf(one)}: arrival p50 ms`, one.p50],
        [`${nameOf(one)}: arrival p99 ms`, one.p99],
        [`${nameOf(one)}: dollars a million`, dollarsOf(one)],
      ]),
      ...throughput.map(({ destinations, perSecond }) => [`${destinations} destinations: deliveries/s`, perSecond]),
    ]),
    notes: [
      "The simulator runs one batch at a time and hands it over at once: at a low rate each event is a batch of its own.",
    ],
  };
}

function nameOf({ rate, batchingSeconds, hanging }: Steady): string {
  return `${rate}, ${batchingSeconds} s${hanging ? ", a second destination hangs" : ""}`;
}

function dollarsOf({ usage, events }: Passages): number {
  const { rowsRead, rowsWritten, consumerInvocations, queueOperations } = usage;
  const total = dollars({ requests: events, rowsRead, rowsWritten, consumerInvocations, queueOperations });
  return total / events;
}

const NO_DELAY = 0;

function isConfigured({ batchingSeconds }: Steady): boolean {
  return batchingSeconds === NO_DELAY;
}

const MOST_MEDIAN_MS = 60;
const MOST_P99_MS = 250;

function goalsOf(one: Passages): Goal[] {
  if (one.rate > 50) return [];
  const { p50, p99 } = one;
  return [
    {
      goal: `arrival at ${nameOf(one)}: p50 ≤ ${MOST_MEDIAN_MS} ms, p99 ≤ ${MOST_P99_MS} ms`,
      measured: `${figure(p50)} ms, ${figure(p99)} ms`,
      isMet: p50 <= MOST_MEDIAN_MS && p99 <= MOST_P99_MS,
    },
  ];
}

const deliveryGoals: Readonly<Record<number, number>> = { 1: 1_000, 3: 1_500 };

function goalOf({ destinations, perSecond }: Throughput): Goal[] {
  const least = deliveryGoals[destinations];
  if (least === undefined) return [];
  return [
    {
      goal: `≥ ${least.toLocaleString("en")} deliveries a second to ${destinations}`,
      measured: figure(perSecond),
      isMet: perSecond >= least,
    },
  ];
}

/** Under load no batching delay costs no more than a delay of a second did, with a message and a delivery row for each event. */
const DOLLARS_BEFORE = 5.54;

function costGoals(passages: readonly Passages[]): Goal[] {
  const loaded = passages.find((one) => isConfigured(one) && one.rate >= 500);
  if (loaded === undefined) return [];
  return [
    {
      goal: `a million events at ${nameOf(loaded)} ≤ $${DOLLARS_BEFORE}`,
      measured: `$${figure(dollarsOf(loaded))}`,
      isMet: dollarsOf(loaded) <= DOLLARS_BEFORE,
    },
  ];
}
