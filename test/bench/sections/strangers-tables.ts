import type { FloodReport } from "../load/flood-order.ts";
import { type Goal, type Report, figure } from "../report.ts";

/** Answers to signed events, ms. */
export interface Signed {
  readonly p99: number;
  readonly max: number;
  /** Not answered 200. */
  readonly refused: number;
}

export interface Turn {
  readonly name: string;
  readonly connections: number;
  /** Just before, without strangers. */
  readonly alone: Signed;
  readonly beside: Signed;
  readonly flood: FloodReport;
  /** Of the runtime that was flooded, beyond what the signed events took. */
  readonly processorMs: number;
  readonly databaseCalls: number;
}

const LIMIT_MS = 250;

export function describeTurns(turns: readonly Turn[], { rate }: { readonly rate: number }): Report {
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
