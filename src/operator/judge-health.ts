import { type Env, configFaults } from "../env.ts";
import { type Timers, withTimeout } from "../platform/timeout.ts";
import { readCondition } from "../store/condition.ts";
import {
  DATABASE_TIMEOUT_MS,
  RECENT_DEAD_LETTERS_MS,
  checkCondition,
  checkConfiguration,
  checkDatabase,
  nobodyCanTell,
} from "./health-checks.ts";

/** Tells whether events flow, in one D1 call, also while D1 says nothing. */
export async function judgeHealth(env: Env, now: number, timers: Timers) {
  const condition = await withTimeout(readCondition(env.DB, now - RECENT_DEAD_LETTERS_MS), DATABASE_TIMEOUT_MS, timers);
  const checks = {
    configuration: checkConfiguration(configFaults(env).map(({ message }) => message)),
    database: checkDatabase(condition.state),
    ...(condition.state === "done" ? checkCondition(condition.value, now) : nobodyCanTell()),
  };
  const isDegraded = Object.values(checks).some(({ status }) => status === "degraded");
  return { status: isDegraded ? ("degraded" as const) : ("ok" as const), checks };
}

export type Health = Awaited<ReturnType<typeof judgeHealth>>;
