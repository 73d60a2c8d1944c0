import { z } from "@hono/zod-openapi";
import { time } from "./common.ts";
import { exampleDestination } from "./destination.ts";

export const ledger = z
  .object({
    received: z
      .number()
      .describe("The sum of the four states, counted independently. Operational events of the relay are not in it."),
    settled: z.number().describe("Every delivery is delivered or dead."),
    pending: z.number(),
    unmatched: z.number().describe("No destination wanted the event."),
    quarantined: z.number(),
    duplicates: z.number().describe("Further arrivals of a recorded event. Not part of the four states."),
    conflicts: z.number().describe("Duplicates with a different body, which was not stored."),
    reconciled: z.number().describe("Recorded events that `reconcile` made from what Qonto's API lists."),
    balanced: z.boolean(),
    drifted_at: time
      .nullable()
      .describe(
        "When the cron last found an hour whose rows no longer match their count; the log shows which. Null: never. An hour without pending events is counted once, and the cron counts the hours again, one after the other.",
      ),
    destinations: z
      .array(
        z.object({
          destination_id: z.string(),
          expected: z.number(),
          delivered: z.number(),
          pending: z.number(),
          dead: z.number(),
        }),
      )
      .describe(
        "`expected` is counted from the events' recipients, the rest from the deliveries. `pending` includes first attempts that are not written yet.",
      ),
  })
  .openapi("Ledger");

export const exampleLedger = {
  received: 105,
  settled: 97,
  pending: 3,
  unmatched: 4,
  quarantined: 1,
  duplicates: 12,
  conflicts: 0,
  reconciled: 2,
  balanced: true,
  drifted_at: null,
  destinations: [{ destination_id: exampleDestination.id, expected: 100, delivered: 96, pending: 3, dead: 1 }],
} satisfies z.input<typeof ledger>;
