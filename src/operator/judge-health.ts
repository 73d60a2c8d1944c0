import { type Env, configFaults } from "../env.ts";
import { settleWithin } from "../platform/time-box.ts";
import { readCondition } from "../store/condition.ts";
import {
  DATABASE_TIME_BOX_MS,
  RECENT_DEAD_LETTERS_MS,
  checkCondition,
  checkConfiguration,
  checkDatabase,
  nobodyCanTell,
} from "./health-checks.ts";

/** Tells whether events flow, in one D1 call, also while D1 says nothing. */
export async function judgeHealth(env: Env, now: number) {
  const condition = await settleWithin(readCondition(env.DB, now - RECENT_DEAD_LETTERS_MS), DATABASE_TIME_BOX_MS);
  const checks = {
    configuration: checkConfiguration(configFaults(env)),
    database: checkDatabase(condition.state),
    ...(condition.state === "done" ? checkCondition(condition.value, now) : nobodyCanTell()),
  };
  const isDegraded = Object.values(checks).some(({ status }) => status === "degraded");
  return { status: isDegraded ? ("degraded" as const) : ("ok" as const), checks };
}

export type Health = Awaited<ReturnType<typeof judgeHealth>>;
