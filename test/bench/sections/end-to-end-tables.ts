import { type Report, figure } from "../report.ts";

/** Events a second: a busy bank's, and a fraction of what this machine can do. */
export const RATE = 50;

export interface Throughput {
  readonly destinations: number;
  readonly perSecond: number;
  readonly missing: number;
}

interface Passages {
  readonly name: string;
  readonly p50: number;
  readonly p99: number;
  readonly missing: number;
}

export function describePassages(
  arrival: readonly Passages[],
  throughput: readonly Throughput[],
  batching: number,
): Report {
  const [configured, withoutBatching] = arrival;
  // An event waits for the end of its batch, which began with any of the events before it: for half the time in the middle.
  const beyond = Math.max((configured?.p50 ?? 0) - batching / 2, withoutBatching?.p50 ?? 0);
  const toOne = throughput[0]?.perSecond ?? 0;
  return {
    tables: [
      {
        title: `From Qonto's sending to the first arrival at a team, ms, at ${RATE} events a second`,
        columns: ["the queue's batching delay", "p50", "p99", "not arrived"],
        rows: arrival.map(({ name, p50, p99, missing }) => [name, figure(p50), figure(p99), String(missing)]),
      },
      {
        title: "Deliveries a second out of a backlog (the simulator runs one batch at a time)",
        columns: ["destinations", "deliveries a second", "events a second", "not arrived"],
        rows: throughput.map(({ destinations, perSecond, missing }) => [
          String(destinations),
          figure(perSecond),
          figure(perSecond / destinations),
          String(missing),
        ]),
      },
    ],
    goals: [
      {
        goal: "first arrival ≤ 150 ms p50 beyond the batching delay",
        measured: `${figure(beyond)} ms`,
        isMet: beyond <= 150,
      },
      { goal: "≥ 500 deliveries a second to one destination", measured: figure(toOne), isMet: toOne >= 500 },
    ],
    figures: Object.fromEntries([
      ...arrival.map(({ name, p50 }) => [`batching ${name}: arrival p50 ms`, p50]),
      ...throughput.map(({ destinations, perSecond }) => [`${destinations} destinations: deliveries/s`, perSecond]),
    ]),
    notes: ["An event waits half the batching delay in the middle, and all of it at most."],
  };
}
