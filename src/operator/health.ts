import { createRoute, z } from "@hono/zod-openapi";
import { configFaults } from "../env.ts";
import { settleWithin } from "../platform/time-box.ts";
import type { World } from "../platform/world.ts";
import { readCondition } from "../store/condition.ts";
import {
  DATABASE_TIME_BOX_MS,
  RECENT_DEAD_LETTERS_MS,
  checkCondition,
  checkConfiguration,
  checkDatabase,
  nobodyCanTell,
} from "./health-checks.ts";
import type { OperatorApi } from "./requests.ts";
import { json } from "./responses.ts";

const check = z.object({
  status: z.enum(["ok", "degraded"]),
  detail: z.string(),
  value: z.number().nullable().openapi({ description: "The figure; null where nothing can be counted." }),
  limit: z.number().nullable().openapi({ description: "The largest figure that is still well." }),
});
const health = z
  .object({
    status: z.enum(["ok", "degraded"]),
    checks: z.object({
      configuration: check,
      database: check,
      cron: check,
      fan_out: check,
      deliveries: check,
      resting_destinations: check,
      dead_letters: check,
      secrets: check,
    }),
  })
  .openapi("Health");

const route = createRoute({
  method: "get",
  path: "/health",
  summary: "Tell whether events flow",
  responses: { 200: json(health, "They do"), 503: json(health, "They do not, or nobody can tell") },
});

export function addHealth(api: OperatorApi, world: World): void {
  api.openapi(route, async (c) => {
    const now = world.now();
    const condition = await settleWithin(readCondition(c.env.DB, now - RECENT_DEAD_LETTERS_MS), DATABASE_TIME_BOX_MS);
    const checks = {
      configuration: checkConfiguration(configFaults(c.env)),
      database: checkDatabase(condition.state),
      ...(condition.state === "done" ? checkCondition(condition.value, now) : nobodyCanTell()),
    };
    const degraded = Object.values(checks).some(({ status }) => status === "degraded");
    return degraded
      ? c.json({ status: "degraded", checks } as const, 503)
      : c.json({ status: "ok", checks } as const, 200);
  });
}
