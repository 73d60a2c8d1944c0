import { LoadGenerator } from "../load/load-generator.ts";
import type { LoadReport } from "../load/order.ts";
import { ServedWorker } from "../served-worker.ts";
import { median, quantile } from "../statistics.ts";
import { type Design, type Round, describeRounds, designs, keyOf, loads, sizes } from "./acknowledgement-tables.ts";
import type { Section } from "./section.ts";

/** What stores nothing answers many times as fast: a round of it would be over before it could be measured. */
const storesNothing: ReadonlySet<Design> = new Set(["bare Hono", "verification only"]);
const LONGER = 4;

/** How fast a webhook is acknowledged, beside Workers that do less, or the same in the way that comes to mind first. */
export const acknowledgement: Section = async ({ isShort, say }) => {
  const generator = new LoadGenerator();
  const workers = new Map<Design, ServedWorker>();
  const rounds = new Map<string, Round[]>();
  const notes = new Set<string>();
  try {
    for (const [design, entry] of designs) workers.set(design, await ServedWorker.start(entry));
    const shorten = (requests: number) => Math.ceil(requests / (isShort ? 20 : 1));
    for (const worker of workers.values()) {
      await generator.send(worker, { connections: 16, requests: shorten(1_000), bodyBytes: 1_000 });
    }
    for (let round = 0; round < (isShort ? 1 : 3); round += 1) {
      for (const { name, bodyBytes } of isShort ? sizes.slice(0, 1) : sizes) {
        say(`round ${round + 1}, ${name}`);
        for (const { connections, requests } of isShort ? loads.slice(1, 2) : loads) {
          for (const [design, worker] of workers) {
            const report = await generator.send(worker, {
              connections,
              requests: shorten(requests * (storesNothing.has(design) ? LONGER : 1)),
              bodyBytes,
            });
            const refused = report.answers.filter(({ status }) => status !== 200).length;
            if (refused > 0)
              notes.add(`${design}, ${name}, ${connections} connections: ${refused} answers were not 200.`);
            const key = keyOf(design, name, connections);
            rounds.set(key, [...(rounds.get(key) ?? []), summarize(report)]);
            if (!(await worker.drained())) notes.add(`${design}: its queue did not empty.`);
          }
        }
      }
    }
  } finally {
    generator.stop();
    await Promise.all([...workers.values()].map((worker) => worker.stop()));
  }
  return describeRounds(new Map(Array.from(rounds, ([key, all]) => [key, mediansOf(all)])), [...notes]);
};

function summarize({ seconds, answers }: LoadReport): Round {
  const times = answers.map(({ durationMs }) => durationMs);
  return { perSecond: answers.length / seconds, p50: median(times), p99: quantile(times, 0.99) };
}

function mediansOf(rounds: readonly Round[]): Round {
  return {
    perSecond: median(rounds.map(({ perSecond }) => perSecond)),
    p50: median(rounds.map(({ p50 }) => p50)),
    p99: median(rounds.map(({ p99 }) => p99)),
  };
}
