import { z } from "zod";

/** What the doctor reads of the relay's own answers; what else they hold is left out. */

const time = z.string().transform((text) => Date.parse(text));

const queue = z.object({
  backlog: z.number().nullable(),
  oldest_message_at: time.nullable(),
  probe_consumed_at: time.nullable(),
});

export const diagnosticsFacts = z.object({
  now: time,
  configuration: z.object({
    secrets: z.object({ business: z.number(), onboarding: z.number() }),
    signature_tolerance_seconds: z.number().nullable(),
    allow_private_destinations: z.boolean().nullable(),
  }),
  signature_vectors: z.object({ business: z.boolean(), onboarding: z.boolean() }),
  migrations: z.object({ applied: z.array(z.string()), missing: z.array(z.string()) }),
  queues: z.object({ events: queue, retries: queue, dead_letters: queue }),
  signatures: z.object({
    since: time,
    authentic: z.number(),
    mismatched: z.number(),
    too_old: z.number(),
    in_future: z.number(),
    malformed: z.number(),
    missing: z.number(),
  }),
  traffic: z.array(
    z.object({
      organization_id: z.string().nullable(),
      type: z.string(),
      events: z.number(),
      first_received_at: time,
      last_received_at: time,
      longest_gap_seconds: z.number().nullable(),
    }),
  ),
});

export type Diagnostics = z.output<typeof diagnosticsFacts>;

const healthCheck = z.object({
  status: z.enum(["ok", "degraded"]),
  detail: z.string(),
  value: z.number().nullable(),
});

export const healthFacts = z.object({
  checks: z.object({
    configuration: healthCheck,
    database: healthCheck,
    schema: healthCheck,
    cron: healthCheck,
    fan_out: healthCheck,
    deliveries: healthCheck,
    open_circuits: healthCheck,
    dead_letters: healthCheck,
    secrets: healthCheck,
    storage: healthCheck,
  }),
});

export type Health = z.output<typeof healthFacts>;
