import { batchingDelayMs } from "../configuration.ts";
import { LoadGenerator } from "../load/load-generator.ts";
import type { LoadReport } from "../load/order.ts";
import type { Arrival } from "../load/team-order.ts";
import { Teams } from "../load/teams.ts";
import { ServedWorker } from "../served-worker.ts";
import { median, quantile } from "../statistics.ts";
import { RATE, type Throughput, describePassages } from "./end-to-end-tables.ts";
import type { Section } from "./section.ts";

/** How soon events arrive at teams, and how many can. */
export const endToEnd: Section = async ({ isShort, say }) => {
  const generator = new LoadGenerator();
  const teams = await Teams.start();
  try {
    const seconds = isShort ? 2 : 10;
    say("arrival at a steady rate");
    const batching = batchingDelayMs();
    const arrival = [await measureArrival(`${batching} ms, as configured`, { seconds, hanging: false })];
    if (!isShort) {
      arrival.push(await measureArrival("none", { seconds, hanging: false, batchingSeconds: 0 }));
      arrival.push(await measureArrival(`${batching} ms; a second team hangs`, { seconds, hanging: true }));
    }
    const throughput: Throughput[] = [];
    for (const { destinations, events } of isShort ? backlogs.slice(0, 1) : backlogs) {
      say(`deliveries a second, ${destinations} destinations`);
      throughput.push(await measureThroughput(destinations, Math.ceil(events / (isShort ? 20 : 1))));
    }
    return describePassages(arrival, throughput, batching);
  } finally {
    generator.stop();
    teams.stop();
  }

  async function measureArrival(name: string, { seconds, hanging, batchingSeconds }: Steady) {
    const worker = await ServedWorker.start("src/index.ts", batchingSeconds === undefined ? {} : { batchingSeconds });
    try {
      if (hanging) await worker.addTeam(`${teams.url}/hanging`, { timeout_ms: 2_000 });
      await worker.addTeam(`${teams.url}/well`);
      const steady = { connections: 16, bodyBytes: 1_000, rate: RATE };
      await generator.send(worker, { ...steady, requests: RATE });
      await worker.drained();
      await teams.take(RATE, 5_000);
      const report = await generator.send(worker, { ...steady, requests: RATE * seconds });
      const arrivals = await untilAllCame(report.answers.length, "/well");
      return { name, ...passages(report, arrivals) };
    } finally {
      await worker.stop();
    }
  }

  async function measureThroughput(destinations: number, events: number): Promise<Throughput> {
    const worker = await ServedWorker.start("src/index.ts");
    try {
      for (let index = 0; index < destinations; index += 1) await worker.addTeam(`${teams.url}/${index}`);
      const { answers } = await generator.send(worker, { connections: 16, requests: events, bodyBytes: 1_000 });
      const loadEndedAt = Math.max(...answers.map(({ sentAt, durationMs }) => sentAt + durationMs));
      const arrivals = await teams.take(events * destinations, 60_000);
      const behind = arrivals.filter(({ at }) => at > loadEndedAt);
      const lastAt = Math.max(loadEndedAt, ...behind.map(({ at }) => at));
      return {
        destinations,
        perSecond: (behind.length * 1_000) / (lastAt - loadEndedAt),
        missing: events * destinations - countDistinct(arrivals, new Set(answers.map(({ id }) => id))),
      };
    } finally {
      await worker.stop();
    }
  }

  async function untilAllCame(count: number, path: string): Promise<Arrival[]> {
    return (await teams.take(count, 15_000)).filter((arrival) => arrival.path === path);
  }
};

const backlogs = [
  { destinations: 1, events: 3_000 },
  { destinations: 3, events: 1_500 },
  { destinations: 10, events: 600 },
];

interface Steady {
  readonly seconds: number;
  readonly hanging: boolean;
  readonly batchingSeconds?: number;
}

/** What comes twice, or late from a turn before, counts for nothing. */
function countDistinct(arrivals: readonly Arrival[], ids: ReadonlySet<string>): number {
  return new Set(arrivals.filter(({ id }) => ids.has(id)).map(({ path, id }) => `${path} ${id}`)).size;
}

function passages({ answers }: LoadReport, arrivals: readonly Arrival[]) {
  const first = new Map(arrivals.toReversed().map(({ id, at }) => [id, at]));
  const times = answers.flatMap(({ id, sentAt }) => {
    const at = first.get(id);
    return at === undefined ? [] : [at - sentAt];
  });
  return { p50: median(times), p99: quantile(times, 0.99), missing: answers.length - times.length };
}
