import { z } from "@hono/zod-openapi";
import { type CheckName, checkNames } from "../../domain/health.ts";

const status = z.enum(["ok", "degraded"]);

const check = z.object({
  status,
  detail: z.string(),
  value: z.number().nullable().describe("The measured value. Null: there is none."),
  limit: z.number().nullable().describe("The largest value that is healthy."),
});

const shape = Object.fromEntries(checkNames.map((name) => [name, check])) as Record<CheckName, typeof check>;

const checks = z.object(shape);

export const health = z.object({ status, checks }).openapi("Health");

const ok = (detail: string, limit = 0) => ({ status: "ok" as const, detail, value: 0, limit });

export const exampleHealth = {
  status: "ok",
  checks: {
    configuration: ok("Every required secret is set."),
    database: { status: "ok", detail: "D1 answers.", value: null, limit: null },
    schema: ok("Every migration has been applied."),
    cron: { status: "ok", detail: "The cron ran 42 s ago.", value: 42, limit: 200 },
    fan_out: ok("No event waits for its first attempts.", 180),
    deliveries: ok("No delivery is overdue.", 180),
    open_circuits: ok("No circuit is open.", 3_600),
    dead_letters: ok("No dead letters in the last hour."),
    connections: ok("No connection to Qonto."),
    secrets: ok("Every destination's secret can be decrypted."),
    storage: {
      status: "ok",
      detail: "The database holds 1.2 GB of the 10 GB that D1 takes.",
      value: 1_200_000_000,
      limit: 8_000_000_000,
    },
  },
} satisfies z.input<typeof health>;

export const exampleDegradedHealth = {
  status: "degraded",
  checks: {
    ...exampleHealth.checks,
    cron: { status: "degraded", detail: "The cron ran 400 s ago.", value: 400, limit: 200 },
  },
} satisfies z.input<typeof health>;
