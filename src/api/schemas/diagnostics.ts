import { z } from "@hono/zod-openapi";
import { time } from "./common.ts";

const queue = z.object({
  backlog: z.number().nullable().describe("Messages in the queue. Null: the queue does not tell."),
  oldest_message_at: time.nullable(),
  canary_consumed_at: time.nullable().describe("When the latest canary that reached this queue's consumer was sent."),
});

const typeTraffic = z.object({
  organization_id: z.string().nullable(),
  type: z.string(),
  events: z.number(),
  first_received_at: time,
  last_received_at: time,
  longest_gap_seconds: z.number().nullable(),
});

export const diagnostics = z
  .object({
    now: time.describe("The relay's clock."),
    configuration: z.object({
      faults: z.array(z.string()),
      secrets: z
        .object({
          business: z.number(),
          onboarding: z.number(),
          subscriptions: z.number().describe("Derived, for the relay's own subscriptions."),
        })
        .describe("How many are set."),
      signature_tolerance_seconds: z.number(),
      allow_private_destinations: z.boolean(),
      qonto_environment: z
        .enum(["production", "sandbox"])
        .nullable()
        .describe("Of the OAuth application at Qonto. Null: none is configured, and no organization can be connected."),
      qonto_types: z.array(z.string()).nullable().describe("Of QONTO_TYPES. Null: all that the scopes allow."),
    }),
    signature_vectors: z
      .object({ business: z.boolean(), onboarding: z.boolean() })
      .describe("Whether the relay's own verification agrees with Qonto's official vectors."),
    migrations: z.object({
      applied: z.array(z.string()),
      missing: z.array(z.string()),
    }),
    cron_ran_at: time.nullable(),
    canary_sent_at: time.nullable(),
    canary_receiver_at: time.nullable().describe("When the latest `relay.canary` event was received."),
    queues: z.object({ events: queue, retries: queue, dead_letters: queue }),
    signatures: z
      .object({
        since: time,
        authentic: z.number(),
        mismatched: z.number(),
        too_old: z.number(),
        in_future: z.number(),
        malformed: z.number(),
        missing: z.number(),
      })
      .describe(
        "Webhook requests of the last day by the result of their signature check, to the hour; without the doctor's own.",
      ),
    traffic: z.array(typeTraffic).describe("Events of the last 30 days, or the newest 20,000."),
  })
  .openapi("Diagnostics");

export const sentCanary = z.object({ sent_at: time });

export const exampleDiagnostics = {
  now: "2026-11-24T10:05:00.000Z",
  configuration: {
    faults: [],
    secrets: { business: 2, onboarding: 0, subscriptions: 0 },
    signature_tolerance_seconds: 300,
    allow_private_destinations: false,
    qonto_environment: "production",
    qonto_types: null,
  },
  signature_vectors: { business: true, onboarding: true },
  migrations: { applied: ["0001_schema.sql"], missing: [] },
  cron_ran_at: "2026-11-24T10:04:30.000Z",
  canary_sent_at: "2026-11-24T10:04:50.000Z",
  canary_receiver_at: null,
  queues: {
    events: { backlog: 0, oldest_message_at: null, canary_consumed_at: "2026-11-24T10:04:50.000Z" },
    retries: {
      backlog: 3,
      oldest_message_at: "2026-11-24T10:03:12.000Z",
      canary_consumed_at: "2026-11-24T10:04:50.000Z",
    },
    dead_letters: { backlog: 0, oldest_message_at: null, canary_consumed_at: null },
  },
  signatures: {
    since: "2026-11-23T10:00:00.000Z",
    authentic: 4_201,
    mismatched: 0,
    too_old: 1,
    in_future: 0,
    malformed: 0,
    missing: 17,
  },
  traffic: [
    {
      organization_id: "8f4c2b1a-5d3e-4f6a-9b7c-1e2d3c4b5a69",
      type: "v1/transactions",
      events: 912,
      first_received_at: "2026-10-25T10:05:12.000Z",
      last_received_at: "2026-11-24T10:01:44.000Z",
      longest_gap_seconds: 30_600,
    },
  ],
} satisfies z.input<typeof diagnostics>;
