import { LoadGenerator } from "../load/load-generator.ts";
import type { LoadReport } from "../load/order.ts";
import { type Goal, type Report, type Table, figure } from "../report.ts";
import { ServedWorker } from "../served-worker.ts";
import { median, quantile } from "../statistics.ts";
import type { Section } from "./section.ts";

/** A Worker without stores is many times as fast: it needs more requests for a measurable round. */
const storesNothing: ReadonlySet<Design> = new Set(["bare Hono", "verification only"]);
const LONGER = 4;

/** How fast a webhook is acknowledged, compared with Workers that do less, and with the obvious design. */
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

const designs = [
  ["bare Hono", "test/bench/worker/references/bare.ts"],
  ["verification only", "test/bench/worker/references/verification.ts"],
  ["one D1 insert", "test/bench/worker/references/insert.ts"],
  ["naive", "test/bench/worker/references/naive.ts"],
  ["relay, no queue", "test/bench/worker/alone.ts"],
  ["relay", "src/index.ts"],
] as const;

type Design = (typeof designs)[number][0];

const sizes = [
  { name: "1 KB", bodyBytes: 1_000 },
  { name: "20 KB", bodyBytes: 20_000 },
];

/** Enough for a stable median, and few enough for the simulator's queue of 10,000 messages. */
const loads = [
  { connections: 1, requests: 150 },
  { connections: 16, requests: 800 },
  { connections: 64, requests: 1_200 },
];

interface Round {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

function keyOf(design: Design, size: string, connections: number): string {
  return `${design}, ${size}, ${connections}`;
}

const nothing: Round = { perSecond: Number.NaN, p50: Number.NaN, p99: Number.NaN };

function describeRounds(medians: ReadonlyMap<string, Round>, notes: readonly string[]): Report {
  const at = (design: Design, connections: number, size = "1 KB") =>
    medians.get(keyOf(design, size, connections)) ?? nothing;
  const times = (value: number) => `${figure(value)} ×`;
  const perSecond = (design: Design, other: Design, connections: number, size?: string) =>
    at(design, connections, size).perSecond / at(other, connections, size).perSecond;

  const ratios: Table = {
    title: "Acknowledged events a second: the relay's, as a multiple of the reference's",
    columns: ["body, connections", ...designs.slice(0, -1).map(([design]) => design)],
    rows: sizes.flatMap(({ name }) =>
      loads.map(({ connections }) => [
        `${name}, ${connections}`,
        ...designs.slice(0, -1).map(([design]) => times(perSecond("relay", design, connections, name))),
      ]),
    ),
  };
  const absolute: Table = {
    title: "The same in figures: events a second · p50 · p99 in ms",
    columns: ["body, connections", ...designs.map(([design]) => design)],
    rows: sizes.flatMap(({ name }) =>
      loads.map(({ connections }) => [
        `${name}, ${connections}`,
        ...designs.map(([design]) => {
          const { perSecond, p50, p99 } = at(design, connections, name);
          return `${figure(perSecond)} · ${figure(p50)} · ${figure(p99)}`;
        }),
      ]),
    ),
  };
  const p99AgainstNaive = at("relay", 16).p99 / at("naive", 16).p50;
  const verification = perSecond("bare Hono", "verification only", 16);
  const goals: Goal[] = [
    goal("≥ 1.0 × one D1 insert at 16 connections", perSecond("relay", "one D1 insert", 16), (value) => value >= 1),
    goal("≥ 1.3 × at 64", perSecond("relay", "one D1 insert", 64), (value) => value >= 1.3),
    goal("≥ 0.8 × at 16, 20 KB", perSecond("relay", "one D1 insert", 16, "20 KB"), (value) => value >= 0.8),
    goal(
      "the same without the queue and its consumer on this machine",
      perSecond("relay, no queue", "one D1 insert", 16),
      (value) => value >= 0.9,
    ),
    goal("≥ 1.5 × naive at 64 connections", perSecond("relay", "naive", 64), (value) => value >= 1.5),
    goal("p99 at 16 connections ≤ 3 × naive's median", p99AgainstNaive, (value) => value <= 3),
    goal("verification costs ≤ 1.1 × bare Hono (1 KB, 16)", verification, (value) => value <= 1.1),
  ];
  const figures = Object.fromEntries(
    Array.from(medians).flatMap(([key, { perSecond, p50, p99 }]) => [
      [`${key}: events a second`, perSecond],
      [`${key}: p50 ms`, p50],
      [`${key}: p99 ms`, p99],
    ]),
  );
  return { tables: [ratios, absolute], goals, figures, notes };
}

function goal(text: string, value: number, isMet: (value: number) => boolean): Goal {
  return { goal: text, measured: `${figure(value)} ×`, isMet: isMet(value) };
}
