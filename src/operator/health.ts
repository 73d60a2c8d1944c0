import { createRoute, z } from "@hono/zod-openapi";
import { configFaults } from "../env.ts";
import { settleWithin } from "../platform/time-box.ts";
import type { World } from "../platform/world.ts";
import { type MarkName, readMarks } from "../store/marks.ts";
import type { OperatorApi } from "./requests.ts";
import { json } from "./responses.ts";

const DATABASE_TIME_BOX_MS = 1_000;

/** The cron runs every minute; missing a few runs is no accident. */
const CRON_PATIENCE_SECONDS = 180;

/** An event is fanned out within seconds; one that has waited this long is stuck. */
const EVENT_PATIENCE_SECONDS = 180;

const check = z.object({ status: z.enum(["ok", "degraded"]), detail: z.string() });
const health = z
  .object({
    status: z.enum(["ok", "degraded"]),
    checks: z.object({ configuration: check, database: check, cron: check, fan_out: check }),
  })
  .openapi("Health");

type Check = z.input<typeof check>;

const route = createRoute({
  method: "get",
  path: "/health",
  summary: "Tell whether events flow",
  responses: { 200: json(health, "They do"), 503: json(health, "They do not, or nobody can tell") },
});

export function addHealth(api: OperatorApi, world: World): void {
  api.openapi(route, async (c) => {
    const marks = await settleWithin(readMarks(c.env.DB), DATABASE_TIME_BOX_MS);
    const checks = {
      configuration: checkConfiguration(configFaults(c.env)),
      database: checkDatabase(marks.state),
      ...(marks.state === "done" ? checkMarks(marks.value, world.now()) : nobodyCanTell("D1 does not say.")),
    };
    const degraded = Object.values(checks).some(({ status }) => status === "degraded");
    return degraded
      ? c.json({ status: "degraded", checks } as const, 503)
      : c.json({ status: "ok", checks } as const, 200);
  });
}

function checkConfiguration(faults: readonly string[]): Check {
  return faults.length === 0
    ? { status: "ok", detail: "Every required secret is set." }
    : { status: "degraded", detail: `${faults.join("; ")}.` };
}

function checkDatabase(state: "done" | "failed" | "late"): Check {
  if (state === "done") return { status: "ok", detail: "D1 answers." };
  const fault = state === "late" ? `has not answered within ${DATABASE_TIME_BOX_MS} ms` : "refused a query";
  return { status: "degraded", detail: `D1 ${fault}.` };
}

function nobodyCanTell(detail: string): { cron: Check; fan_out: Check } {
  const unknown: Check = { status: "degraded", detail };
  return { cron: unknown, fan_out: unknown };
}

function checkMarks(marks: ReadonlyMap<MarkName, number>, now: number): { cron: Check; fan_out: Check } {
  const ranAt = marks.get("cron_ran_at");
  const oldestUnfinishedAt = marks.get("oldest_unfinished_at");
  if (ranAt === undefined || oldestUnfinishedAt === undefined) {
    return nobodyCanTell("The cron has never run.");
  }
  const sinceRunSeconds = Math.round((now - ranAt) / 1000);
  const waitedSeconds = Math.max(0, Math.round((ranAt - oldestUnfinishedAt) / 1000));
  return {
    cron: {
      status: sinceRunSeconds > CRON_PATIENCE_SECONDS ? "degraded" : "ok",
      detail: `The cron ran ${sinceRunSeconds} s ago.`,
    },
    fan_out: {
      status: waitedSeconds > EVENT_PATIENCE_SECONDS ? "degraded" : "ok",
      detail: `At that time the oldest event without its first attempts had waited ${waitedSeconds} s.`,
    },
  };
}
