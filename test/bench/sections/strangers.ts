import { setTimeout as wait } from "node:timers/promises";
import { type FloodKind, type FloodReport, floodKinds } from "../load/flood-order.ts";
import { LoadGenerator } from "../load/load-generator.ts";
import type { LoadReport } from "../load/order.ts";
import { type Goal, type Report, figure } from "../report.ts";
import { ServedWorker } from "../served-worker.ts";
import { quantile } from "../statistics.ts";
import { takeUsage } from "./metered-relay.ts";
import type { Section } from "./section.ts";

/** Signed events a second. */
const RATE = 20;

const SECONDS = 8;
const CONNECTIONS = 10;

/** Idle connections cost something only when there are many. Each waits to be refused. */
const DRIPS: FloodKind = "a byte each half second";
const DRIP_SECONDS = 12;
const DRIP_CONNECTIONS = 200;

/** The flood begins this long before the signed events, and ends this long after them. */
const LEAD_MS = 300;

/** How soon signed events are acknowledged during floods of strangers. */
export const strangers: Section = async ({ isShort, say }) => {
  const signing = new LoadGenerator();
  const flooding = new LoadGenerator();
  const workers: ServedWorker[] = [];
  const turns: Turn[] = [];
  try {
    const relay = await ServedWorker.start("test/bench/worker/metered.ts");
    workers.push(relay);
    await signing.send(relay, { connections: 16, requests: isShort ? 20 : 500, bodyBytes: 1_000 });
    if (!isShort) await untilQuiet(relay);
    for (const kind of isShort ? floodKinds.slice(1, 2) : floodKinds) {
      say(kind);
      if (turns.length > 0) await untilQuiet(relay);
      turns.push(await measureTurn(kind, { relay, flooded: relay, kind }));
    }
    if (!isShort) {
      say("a bare Worker is flooded instead");
      const bare = await ServedWorker.start("test/bench/worker/references/bare.ts");
      workers.push(bare);
      const name = "a bare Worker beside, unknown paths";
      turns.push(await measureTurn(name, { relay, flooded: bare, kind: "unknown paths" }));
    }
  } finally {
    signing.stop();
    flooding.stop();
    await Promise.all(workers.map((worker) => worker.stop()));
  }
  return describeTurns(turns, { rate: RATE });

  /** Until the relay has finished the work of the last flood. */
  async function untilQuiet(relay: ServedWorker): Promise<void> {
    await signing.send(relay, { connections: 1, requests: 1, bodyBytes: 1_000 });
    await relay.drained();
  }

  async function measureTurn(name: string, { relay, flooded, kind }: Flooded): Promise<Turn> {
    const connections = kind === DRIPS ? DRIP_CONNECTIONS : CONNECTIONS;
    const leadMs = isShort ? LEAD_MS / 3 : LEAD_MS;
    const seconds = isShort ? 0.25 : kind === DRIPS ? DRIP_SECONDS : SECONDS;
    const quietFrom = relay.processorMs();
    const alone = await sendSigned(relay, seconds);
    const quietMs = relay.processorMs() - quietFrom;

    await takeUsage(relay);
    const busyFrom = flooded.processorMs();
    const lasting = seconds + (2 * leadMs) / 1000;
    const flood = flooding.flood(flooded, { flood: kind, connections, seconds: lasting });
    await wait(leadMs);
    const beside = await sendSigned(relay, seconds);
    const { outcomes, seconds: floodSeconds } = await flood;
    const busyMs = flooded.processorMs() - busyFrom;
    const { callsForStrangers } = await takeUsage(relay);
    return {
      name,
      connections,
      alone: summarize(alone),
      beside: summarize(beside),
      flood: { outcomes, seconds: floodSeconds },
      // The signed events cost as much as they did alone.
      processorMs: flooded === relay ? busyMs - quietMs : busyMs,
      databaseCalls: flooded === relay ? callsForStrangers : 0,
    };
  }

  async function sendSigned(relay: ServedWorker, seconds: number): Promise<LoadReport> {
    return signing.send(relay, {
      connections: 256,
      requests: Math.ceil(RATE * seconds),
      bodyBytes: 1_000,
      rate: RATE,
    });
  }
};

interface Flooded {
  readonly relay: ServedWorker;
  readonly flooded: ServedWorker;
  readonly kind: FloodKind;
}

function summarize({ answers }: LoadReport): Signed {
  const times = answers.map(({ durationMs }) => durationMs);
  return {
    p99: quantile(times, 0.99),
    max: quantile(times, 1),
    refused: answers.filter(({ status }) => status !== 200).length,
  };
}

/** Answers to signed events, ms. */
interface Signed {
  readonly p99: number;
  readonly max: number;
  /** Not answered 200. */
  readonly refused: number;
}

interface Turn {
  readonly name: string;
  readonly connections: number;
  /** Just before, without strangers. */
  readonly alone: Signed;
  readonly beside: Signed;
  readonly flood: FloodReport;
  /** Usage of the flooded runtime, without that of the signed events. */
  readonly processorMs: number;
  readonly databaseCalls: number;
}

const LIMIT_MS = 250;

function describeTurns(turns: readonly Turn[], { rate }: { readonly rate: number }): Report {
  return {
    tables: [
      {
        title: `A signed event's answer, ms, at ${rate} a second: alone, and beside strangers at full speed`,
        columns: ["strangers", "p99 alone", "max", "p99 beside them", "max", "not 200"],
        rows: turns.map(({ name, alone, beside }) => [
          name,
          ...[alone.p99, alone.max, beside.p99, beside.max].map(figure),
          String(alone.refused + beside.refused),
        ]),
      },
      {
        title: "What the strangers got, and what they cost",
        columns: ["strangers", "connections", "answers/s", "CPU ms each", "D1 calls", "each", "answers: p50, max ms"],
        rows: turns.map((turn) => [
          turn.name,
          String(turn.connections),
          figure(answersOf(turn) / turn.flood.seconds),
          figure(turn.processorMs / begunOf(turn)),
          String(turn.databaseCalls),
          figure(turn.databaseCalls / begunOf(turn)),
          turn.flood.outcomes
            .map(({ outcome, count, p50Ms, maxMs }) => `${count} × ${outcome}: ${figure(p50Ms)}, ${figure(maxMs)}`)
            .join(" · "),
        ]),
      },
    ],
    goals: turns.slice(0, 2).map(({ name, connections, beside: { p99, refused } }): Goal => ({
      goal: `a signed event within ${LIMIT_MS} ms (p99) beside ${connections} × ${name}`,
      measured: `${figure(p99)} ms`,
      isMet: p99 <= LIMIT_MS && refused === 0,
    })),
    figures: Object.fromEntries(
      turns.flatMap((turn) => [
        [`${turn.name}: p99 ms`, turn.beside.p99],
        [`${turn.name}: p99 ms alone`, turn.alone.p99],
        [`${turn.name}: answers a second`, answersOf(turn) / turn.flood.seconds],
        [`${turn.name}: CPU ms each`, turn.processorMs / begunOf(turn)],
        [`${turn.name}: D1 calls each`, turn.databaseCalls / begunOf(turn)],
      ]),
    ),
    notes: [
      "Compared are the same signed events on the same runtime a moment apart: first alone, then beside strangers who ask again as soon as they are answered.",
      "Strangers, sender, relay, D1 and queues share this machine's processors: the last row says what that alone costs. On Cloudflare they share an isolate at most.",
      "CPU is the runtime's, its HTTP and D1 among it; each is a request that was begun. Once a minute some request carries the D1 call that writes the counters.",
      "Tokens come from many addresses: one address alone is refused unheard after 40.",
      "Who hangs up does not wait for the relay: on one machine this fills the queue of connections that are to be accepted, before any Worker. A bare Worker beside it is as late.",
    ],
  };
}

function answersOf({ flood: { outcomes } }: Turn): number {
  return outcomes.reduce((sum, { outcome, count }) => sum + (/^\d+$/.test(outcome) ? count : 0), 0);
}

function begunOf({ flood: { outcomes } }: Turn): number {
  return outcomes.reduce((sum, { count }) => sum + count, 0);
}
