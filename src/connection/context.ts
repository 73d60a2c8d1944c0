import type { Counters } from "../domain/counters.ts";
import type { ConnectableConfig, Env } from "../env.ts";
import type { World } from "../platform/world.ts";

/** What work on a connection needs. */
export interface ConnectionContext {
  readonly env: Pick<Env, "DB" | "EVENTS" | "RETRIES">;
  readonly config: ConnectableConfig;
  readonly world: World;
}

/** What the cron works with. */
export interface LookAfterContext extends ConnectionContext {
  readonly counters: Counters;
}

/** What is left to one run of the cron: time for all connections, requests to Qonto for one. */
export interface Budget {
  /** Unix milliseconds. No further request begins after it. */
  readonly until: number;
  requests: number;
}

/** Whether another request to Qonto may begin. */
export function hasBudget({ until, requests }: Budget, now: number): boolean {
  return requests > 0 && now < until;
}

/** What stops the work on a connection, and its operator is told. The message is a sentence, and holds nothing secret. */
export class ConnectionFault extends Error {
  override readonly name: string = "ConnectionFault";
}
