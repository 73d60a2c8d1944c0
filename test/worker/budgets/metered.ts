import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { interceptDatabase } from "../support/database.ts";
import type { HeldQueue, TestRelay } from "../support/relay.ts";
import { type Usage, noUsage } from "./usage.ts";

type Counts = { -readonly [Name in keyof Usage]: Usage[Name] };

/** Counts what a relay uses of the platform from now on. The answer takes what was used since the last time. */
export function meter(relay: TestRelay): () => Usage {
  let counts: Counts = { ...noUsage };
  const count = (name: keyof Usage, by = 1) => void (counts[name] += by);

  meterDatabase(relay, count);
  for (const queue of [relay.events, relay.retries, relay.deadLetters]) meterQueue(queue, count);
  for (const name of ["webhook", "runCron"] as const) meterRequests(relay, name, count);
  vi.spyOn(console, "log").mockImplementation(() => count("logEvents"));
  vi.spyOn(console, "error").mockImplementation(() => count("logEvents"));
  return () => {
    const taken = { ...counts };
    counts = { ...noUsage };
    return taken;
  };
}

type Count = (name: keyof Usage, by?: number) => void;

function meterDatabase(relay: TestRelay, count: Count): void {
  const DB = interceptDatabase(env.DB, async (_call, proceed) => {
    const results = await proceed();
    count("databaseCalls");
    for (const { meta } of results) {
      count("rowsWritten", meta.rows_written);
      count("rowsRead", meta.rows_read);
    }
    return results;
  });
  relay.env = { ...relay.env, DB };
}

/** A message is written, read and deleted; each retry reads it once more. */
function meterQueue(queue: HeldQueue, count: Count): void {
  const hold = queue.hold.bind(queue);
  queue.hold = (message) => {
    count("queueOperations", message.tries === 0 ? 1 : -1);
    hold(message);
  };
  const takeDue = queue.takeDue.bind(queue);
  queue.takeDue = (most) => {
    const due = takeDue(most);
    if (due.length > 0) count("consumerInvocations");
    count("queueOperations", 2 * due.length);
    return due;
  };
}

/** A run of the cron is billed as a request. */
function meterRequests(relay: TestRelay, name: "webhook" | "runCron", count: Count): void {
  const original: (...given: any[]) => Promise<any> = relay[name].bind(relay);
  relay[name] = (...given: unknown[]) => {
    count("requests");
    return original(...given);
  };
}
