import { type Goal, type Report, type Table, figure } from "../report.ts";

export const designs = [
  ["bare Hono", "test/bench/worker/references/bare.ts"],
  ["verification only", "test/bench/worker/references/verification.ts"],
  ["one D1 insert", "test/bench/worker/references/insert.ts"],
  ["naive", "test/bench/worker/references/naive.ts"],
  ["relay, no queue", "test/bench/worker/alone.ts"],
  ["relay", "src/index.ts"],
] as const;

export type Design = (typeof designs)[number][0];

export const sizes = [
  { name: "1 KB", bodyBytes: 1_000 },
  { name: "20 KB", bodyBytes: 20_000 },
];

/** Enough to let the middle settle, and few enough for the queue of the simulator, which holds 10,000. */
export const loads = [
  { connections: 1, requests: 150 },
  { connections: 16, requests: 800 },
  { connections: 64, requests: 1_200 },
];

export interface Round {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export function keyOf(design: Design, size: string, connections: number): string {
  return `${design}, ${size}, ${connections}`;
}

const nothing: Round = { perSecond: Number.NaN, p50: Number.NaN, p99: Number.NaN };

export function describeRounds(medians: ReadonlyMap<string, Round>, notes: readonly string[]): Report {
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
