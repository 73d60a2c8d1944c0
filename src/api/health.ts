import { createRoute, z } from "@hono/zod-openapi";
import type { World } from "../platform/world.ts";
import { RecentHealth } from "./recent-health.ts";
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
      schema: check,
      cron: check,
      fan_out: check,
      deliveries: check,
      open_circuits: check,
      dead_letters: check,
      secrets: check,
      storage: check,
    }),
  })
  .openapi("Health");

const wellCheck = { status: "ok", detail: "All is well.", value: 0, limit: 0 } as const;

const exampleHealth = {
  status: "ok",
  checks: {
    configuration: { ...wellCheck, detail: "Every required secret is set." },
    database: { status: "ok", detail: "D1 answers.", value: null, limit: null },
    schema: { ...wellCheck, detail: "Every migration has been applied." },
    cron: { status: "ok", detail: "The cron ran 42 s ago.", value: 42, limit: 200 },
    fan_out: wellCheck,
    deliveries: { ...wellCheck, limit: 180 },
    open_circuits: { ...wellCheck, detail: "No destination rests.", limit: 3_600 },
    dead_letters: wellCheck,
    secrets: wellCheck,
    storage: {
      status: "ok",
      detail: "The database holds 1.2 GB of the 10 GB that D1 takes.",
      value: 1_200_000_000,
      limit: 8_000_000_000,
    },
  },
} satisfies z.input<typeof health>;

const exampleDegraded = {
  status: "degraded",
  checks: {
    ...exampleHealth.checks,
    cron: { status: "degraded", detail: "The cron ran 400 s ago.", value: 400, limit: 200 },
  },
} satisfies z.input<typeof health>;

const route = createRoute({
  operationId: "showHealth",
  tags: ["Health"],
  method: "get",
  path: "/health",
  summary: "Tell whether events flow, as it was within the last ten seconds",
  responses: {
    200: json(health, "They do", exampleHealth),
    503: json(health, "They do not, or nobody can tell", exampleDegraded),
  },
});

export function addHealth(api: OperatorApi, world: World): void {
  const recent = new RecentHealth();
  api.openapi(route, async (c) => {
    const judged = await recent.judge(c.env, world);
    return judged.status === "degraded" ? c.json(judged, 503) : c.json(judged, 200);
  });
}
