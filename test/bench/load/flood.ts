import http from "node:http";
import type { Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { median, quantile } from "../statistics.ts";
import type { FloodOrder, FloodReport } from "./flood-order.ts";
import { type Target, strangers } from "./strangers.ts";

/** Wait after a failed connection: without it nothing else could run. */
const PAUSE_AFTER_FAILURE_MS = 10;

/** Sends requests of strangers, each after the answer to the one before, until the time is up. */
export async function flood({ url, flood: kind, connections, seconds }: FloodOrder): Promise<FloodReport> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const sockets = new Set<Socket>();
  const target: Target = { url: new URL(url), agent, sockets };
  const act = strangers[kind]();
  const times = new Map<string, number[]>();
  const startedAt = performance.now();
  const timeIsUp = AbortSignal.timeout(seconds * 1000);
  timeIsUp.addEventListener("abort", () => {
    agent.destroy();
    for (const socket of sockets) socket.destroy();
  });

  const connection = async () => {
    while (!timeIsUp.aborted) {
      const begunAt = performance.now();
      const answer = await act(target);
      const outcome = answer ?? (timeIsUp.aborted ? "unanswered in the end" : "connection lost");
      times.getOrInsertComputed(outcome, () => []).push(performance.now() - begunAt);
      if (answer === null) await wait(PAUSE_AFTER_FAILURE_MS);
    }
  };
  await Promise.all(Array.from({ length: connections }, connection));
  return {
    seconds: (performance.now() - startedAt) / 1000,
    outcomes: Array.from(times, ([outcome, all]) => ({
      outcome,
      count: all.length,
      p50Ms: median(all),
      maxMs: quantile(all, 1),
    })),
  };
}
