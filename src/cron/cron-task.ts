import type { Counters } from "../domain/counters.ts";
import type { Config, Env } from "../env.ts";
import type { Fields } from "../platform/log.ts";
import type { World } from "../platform/world.ts";

export interface CronRun {
  readonly env: Env;
  /** Null when a variable cannot be read; `/health` says which. */
  readonly config: Config | null;
  readonly counters: Counters;
  readonly world: World;
}

/** A task of the cron. The fields that it returns go into the log line of the run. */
export type CronTask = (cron: CronRun) => Promise<Fields>;
