import { dollars } from "../../worker/budgets/price.ts";
import { type Goal, type Report, figure } from "../report.ts";

/** Events at a steady rate. */
export interface Steady {
  /** Events a second. */
  readonly rate: number;
  readonly seconds: number;
  /** How long an event may wait for company in its queue. */
  readonly batchingSeconds: number;
  /** Whether there is a second destination, which never answers. */
  readonly hanging: boolean;
}

/** How they arrived, in milliseconds, and what they took of the platform. */
export interface Passages extends Steady {
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

export interface Throughput {
  readonly destinations: number;
  readonly events: number;
  readonly perSecond: number;
  readonly missing: number;
}

export function describePassages(passages: readonly Passages[], throughput: readonly Throughput[]): Report {
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
      "The simulator runs one batch at a time and hands it over at once: thin traffic is handed out event by event.",
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

/** Under load a delay of nothing costs no more than one of a second did, with a message and a row of a delivery for each event. */
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
