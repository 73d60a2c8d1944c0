import { bundle } from "../bundle.ts";
import { figure } from "../report.ts";
import { type Asked, type Start, measureStart } from "../start-runtime.ts";
import { median } from "../statistics.ts";
import type { Section } from "./section.ts";

const WEBHOOK: Asked = { method: "POST", path: "/webhooks/qonto", status: 401 };
const API: Asked = { method: "GET", path: "/api/events?limit=0", status: 400 };
const CONSOLE: Asked = { method: "GET", path: "/console/login", status: 200 };

const EMPTY = "an empty Hono Worker";
const RECEIVING = "the relay, a webhook";
const WHOLE = "the relay, a webhook, the API, the console";

const starts = [
  { name: EMPTY, entry: "test/bench/worker/references/bare.ts", asked: [{ ...WEBHOOK, status: 200 }] },
  { name: RECEIVING, entry: "src/index.ts", asked: [WEBHOOK] },
  { name: WHOLE, entry: "src/index.ts", asked: [WEBHOOK, API, CONSOLE] },
];

const ROUNDS = 9;

/** Largest part of the whole Worker's start, beyond an empty Worker, that receiving may cost. */
const MOST_OF_WHOLE = 0.6;

/** The cost of a new isolate up to its first acknowledgement. */
export const coldStart: Section = async ({ isShort, say }) => {
  const measured = new Map<string, Start[]>();
  for (let round = 0; round < (isShort ? 1 : ROUNDS); round += 1) {
    say(`round ${round + 1}`);
    for (const { name, entry, asked } of starts) {
      const start = await measureStart(await bundle(entry), asked);
      measured.set(name, [...(measured.get(name) ?? []), start]);
    }
  }
  const bytes = (await bundle("src/index.ts")).length;
  const processorMs = (name: string) => median((measured.get(name) ?? []).map((start) => start.processorMs));
  const beyondEmpty = (name: string) => processorMs(name) - processorMs(EMPTY);
  const part = beyondEmpty(RECEIVING) / beyondEmpty(WHOLE);
  return {
    tables: [
      {
        title: "From the start of a process to its last answer, ms, medians",
        columns: ["answered", "CPU", "CPU beyond an empty Worker", "by the clock"],
        rows: Array.from(measured, ([name, all]) => [
          name,
          figure(processorMs(name)),
          figure(beyondEmpty(name)),
          figure(median(all.map(({ ms }) => ms))),
        ]),
      },
    ],
    goals: [
      {
        goal: `receiving costs ≤ ${MOST_OF_WHOLE} × the whole, beyond an empty Worker`,
        measured: `${figure(part)} ×`,
        isMet: part <= MOST_OF_WHOLE,
      },
    ],
    figures: {
      "empty Worker: CPU ms": processorMs(EMPTY),
      "a webhook: CPU ms beyond it": beyondEmpty(RECEIVING),
      "a webhook, the API, the console: CPU ms beyond it": beyondEmpty(WHOLE),
    },
    notes: [
      `Each start is a workerd of its own, with the bundle of ${figure(bytes / 1e6)} MB as its only Worker and without stores: it is parsed, evaluated, and answers once each.`,
      "The webhook bears no signature, the API is asked for what it refuses, the console for its login: none of them needs D1.",
    ],
  };
};
