import { type Env, configFaults } from "../env.ts";
import { type Timers, withTimeout } from "../platform/timeout.ts";
import { type Told, readCondition } from "../store/condition.ts";
import {
  DATABASE_TIMEOUT_MS,
  RECENT_DEAD_LETTERS_MS,
  checkCondition,
  checkConfiguration,
  checkDatabase,
  checkSchema,
  nobodyCanTell,
} from "./health-checks.ts";

/** Tells whether events flow, in one D1 call, also while D1 says nothing or has no tables. */
export async function judgeHealth(env: Env, now: number, timers: Timers) {
  const told = await withTimeout(readCondition(env.DB, now - RECENT_DEAD_LETTERS_MS), DATABASE_TIMEOUT_MS, timers);
  const checks = {
    configuration: checkConfiguration(configFaults(env).map(({ message }) => message)),
    database: checkDatabase(told.state),
    ...(told.state === "done" ? checkTold(told.value, now) : nobodyCanTell("D1 does not say.")),
  };
  const isDegraded = Object.values(checks).some(({ status }) => status === "degraded");
  return { status: isDegraded ? ("degraded" as const) : ("ok" as const), checks };
}

function checkTold(told: Told, now: number) {
  const { condition } = told;
  const checks =
    condition === null ? nobodyCanTell("The database lacks tables to tell.") : checkCondition(condition, now);
  return { ...checks, schema: checkSchema(told) };
}

export type Health = Awaited<ReturnType<typeof judgeHealth>>;
