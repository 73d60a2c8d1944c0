import { LoadGenerator } from "../load/load-generator.ts";
import { type Goal, figure } from "../report.ts";
import { ServedWorker } from "../served-worker.ts";
import { median, quantile } from "../statistics.ts";
import type { Section } from "./section.ts";

const RATE = 50;

/** The faults of test/bench/worker/faulty-stores.ts. */
const states = ["both are well", "D1 hangs", "the queue hangs", "both are slow"];

/** Qonto waits a second, part of which the network takes. */
const P99_LIMIT_MS = 500;

/** How long an acknowledgement takes while a store does not answer. */
export const faults: Section = async ({ isShort, say }) => {
  const generator = new LoadGenerator();
  const measured = [];
  try {
    for (const fault of isShort ? states.slice(0, 2) : states) {
      say(fault);
      const worker = await ServedWorker.start("test/bench/worker/faulty-stores.ts", { bindings: { FAULT: fault } });
      try {
        const steady = { connections: 64, bodyBytes: 1_000, rate: RATE };
        await generator.send(worker, { ...steady, requests: RATE });
        const { answers } = await generator.send(worker, { ...steady, requests: RATE * (isShort ? 1 : 6) });
        const times = answers.map(({ durationMs }) => durationMs);
        const refused = answers.filter(({ status }) => status !== 200).length;
        measured.push({ fault, p50: median(times), p99: quantile(times, 0.99), refused });
      } finally {
        await worker.stop();
      }
    }
  } finally {
    generator.stop();
  }
  return {
    tables: [
      {
        title: `Acknowledgement while a store is ill, ms, at ${RATE} events a second (slow: each 350 ms late)`,
        columns: ["stores", "p50", "p99", "not acknowledged"],
        rows: measured.map(({ fault, p50, p99, refused }) => [fault, figure(p50), figure(p99), String(refused)]),
      },
    ],
    goals: measured.map(({ fault, p99, refused }): Goal => ({
      goal: `p99 ≤ ${P99_LIMIT_MS} ms, ${fault}`,
      measured: `${figure(p99)} ms`,
      isMet: p99 <= P99_LIMIT_MS && refused === 0,
    })),
    figures: Object.fromEntries(measured.map(({ fault, p99 }) => [`${fault}: p99 ms`, p99])),
    notes: [],
  };
};
