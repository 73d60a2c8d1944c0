import { z } from "@hono/zod-openapi";
import type { DestinationReport } from "../store/destinations.ts";
import { isoTime, isoTimeOrNull, time } from "./responses.ts";

const wishes = z.strictObject({
  url: z.string().max(2_048).openapi({
    description: "Kept as the URL standard writes it, without blanks around it; a fragment is refused.",
    example: "https://accounting.example.com/qonto",
  }),
  description: z.string().max(1_000).nullable(),
  types: z
    .array(
      z
        .string()
        .max(255)
        .regex(/^[\x21-\x29\x2b-\x7e]*\*?$/, "must be a type, with `*` at its end or not at all")
        .min(1),
    )
    .max(100)
    .openapi({
      description: "Exact, or with a trailing `*`. Empty: all.",
      example: ["v1/transactions", "registrations.*"],
    }),
  organizations: z
    .array(z.string().min(1).max(255))
    .min(1)
    .max(1_000)
    .nullable()
    .openapi({ description: "Ids. Null: all." }),
  enabled: z.boolean(),
  retry_schedule_seconds: z
    .array(z.int().min(0).max(86_400))
    .max(50)
    .nullable()
    .openapi({ description: "Waits between attempts. Null: the default retry schedule.", example: [1, 1, 5] }),
  timeout_ms: z.int().min(100).max(30_000),
  max_per_second: z.number().min(0.01).max(1_000).nullable(),
});

/** What a destination can wish for, as the API names it. */
export const wishNames = Object.keys(wishes.shape);

export const creation = wishes.partial().required({ url: true });
export const change = wishes.partial();

export const destination = z
  .object({
    ...wishes.shape,
    id: z.string(),
    created_at: time,
    updated_at: time,
    health: z.object({
      state: z.enum(["healthy", "failing", "paused"]),
      consecutive_failures: z.number(),
      last_success_at: time.nullable(),
      last_failure_at: time.nullable(),
      circuit_opened_at: time.nullable().openapi({
        description: "Since when its deliveries wait, but for a single one from time to time: it kept failing.",
      }),
      next_probe_at: time
        .nullable()
        .openapi({ description: "From when on a delivery that is due is tried as that single one." }),
      held_until: time.nullable().openapi({
        description:
          "Until then nothing is attempted: it answered 429, or 503 with `Retry-After`. Null when that is over.",
      }),
    }),
  })
  .openapi("Destination");

/** The key is 32 zero bytes: nobody takes it for a real one. */
export const exampleSecret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

export const exampleCreation = {
  url: "https://accounting.example.com/qonto",
  description: "Accounting",
  types: ["v1/transactions", "registrations.*"],
} satisfies z.input<typeof creation>;

export const exampleDestination = {
  id: "dst_019a935f7400a1b2c3d4e5f60718",
  ...exampleCreation,
  organizations: null,
  enabled: true,
  retry_schedule_seconds: null,
  timeout_ms: 10_000,
  max_per_second: null,
  created_at: "2026-11-24T10:00:00.000Z",
  updated_at: "2026-11-24T10:00:00.000Z",
  health: {
    state: "healthy",
    consecutive_failures: 0,
    last_success_at: "2026-11-24T10:05:00.000Z",
    last_failure_at: null,
    circuit_opened_at: null,
    next_probe_at: null,
    held_until: null,
  },
} satisfies z.input<typeof destination>;

/** A destination as the API shows it: never its secret. */
export function showDestination(report: DestinationReport, now: number): z.input<typeof destination> {
  return {
    id: report.id,
    url: report.url,
    description: report.description,
    types: [...report.types],
    organizations: report.organizations === null ? null : [...report.organizations],
    enabled: report.enabled,
    retry_schedule_seconds: report.retryScheduleSeconds === null ? null : [...report.retryScheduleSeconds],
    timeout_ms: report.timeoutMs,
    max_per_second: report.maxPerSecond,
    created_at: isoTime(report.createdAt),
    updated_at: isoTime(report.updatedAt),
    health: {
      state: report.enabled ? (report.consecutiveFailures === 0 ? "healthy" : "failing") : "paused",
      consecutive_failures: report.consecutiveFailures,
      last_success_at: isoTimeOrNull(report.lastSuccessAt),
      last_failure_at: isoTimeOrNull(report.lastFailureAt),
      circuit_opened_at: isoTimeOrNull(report.circuitOpenedAt),
      next_probe_at: isoTimeOrNull(nextProbeAt(report)),
      held_until: isoTimeOrNull(report.heldUntil !== null && report.heldUntil > now ? report.heldUntil : null),
    },
  };
}

/** One that asked for less is not even probed before. */
function nextProbeAt({ circuitOpenedAt, nextDrainAt, heldUntil }: DestinationReport): number | null {
  return circuitOpenedAt === null || nextDrainAt === null ? null : Math.max(nextDrainAt, heldUntil ?? 0);
}
