import { z } from "@hono/zod-openapi";
import { instant, time } from "./common.ts";
import { exampleDestination } from "./destination.ts";

const which = z
  .enum(["failed", "missing", "all"])
  .describe(
    "`failed`: its dead deliveries. `missing`: events that it wants and has no delivery of. `all`: both, and what it already has.",
  );

const count = z.number().describe("Number of deliveries created, or started again.");

export const destinationReplayInput = z.strictObject({
  since: instant.describe("Earliest receipt of the events, inclusive."),
  until: instant.optional().describe("Latest receipt of the events, exclusive. Absent: now."),
  which,
});

/** Counting what a filter lets pass would load every body. */
const countBeforeFilter = count.describe(
  "Number of deliveries to be created, or started again, by type and organization. The destination's filter may reject some of them.",
);

export const startedReplay = z.object({ count: countBeforeFilter, replay_id: z.string() });

export const replay = z.object({
  id: z.string(),
  destination_id: z.string(),
  which,
  since: time,
  until: time,
  reached_at: time.describe("Receipt of the last event that was examined."),
  created_at: time,
  finished_at: time.nullable(),
});

export const eventReplayInput = z.strictObject({ destination_id: z.string().min(1).optional() });

export const replayedEvent = z.object({ count });

export const exampleReplay = {
  id: "rpl_019a935f7400a1b2c3d4e5f60718",
  destination_id: exampleDestination.id,
  which: "missing",
  since: "2026-11-23T00:00:00.000Z",
  until: "2026-11-24T10:00:00.000Z",
  reached_at: "2026-11-23T14:30:00.000Z",
  created_at: "2026-11-24T10:00:00.000Z",
  finished_at: null,
} satisfies z.input<typeof replay>;
