import { createRoute, z } from "@hono/zod-openapi";
import { isBalanced } from "../domain/ledger.ts";
import type { World } from "../platform/world.ts";
import { countLedger } from "../store/ledger.ts";
import { readCronState } from "../store/cron-state.ts";
import { exampleDestination } from "./destination-schema.ts";
import { badInput, behindToken } from "./refusals.ts";
import { type OperatorApi, instant, invalidRequest } from "./requests.ts";
import { isoTimeOrNull, json, security, time } from "./responses.ts";

const deliveries = { expected: z.number(), delivered: z.number(), pending: z.number(), dead: z.number() };

const ledger = z
  .object({
    received: z.number().openapi({ description: "The sum of the four states, counted by itself." }),
    settled: z.number().openapi({ description: "Every delivery it owes is delivered or dead." }),
    pending: z.number(),
    unmatched: z.number().openapi({ description: "Wanted by nobody." }),
    quarantined: z.number(),
    duplicates: z
      .number()
      .openapi({ description: "Times that a recorded event came again; counted beside the states." }),
    conflicts: z.number().openapi({ description: "Of these, with another body, which was not kept." }),
    reconciled: z
      .number()
      .openapi({ description: "Of the recorded ones, those made up by `reconcile` from what Qonto's API lists." }),
    balanced: z.boolean(),
    drifted_at: time.nullable().openapi({
      description:
        "When the cron last found an hour whose rows no longer say what was counted of them before, which the log shows; null: never. Hours in which nothing is pending are counted once, and again by the cron, one after the other.",
    }),
    destinations: z.array(z.object({ destination_id: z.string(), ...deliveries })).openapi({
      description:
        "`expected` is counted from the events; what became of it, from the deliveries. `pending`: also what is on its way to its first attempt.",
    }),
  })
  .openapi("Ledger");

const exampleLedger = {
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

const route = createRoute({
  operationId: "showLedger",
  tags: ["Ledger"],
  method: "get",
  path: "/api/ledger",
  summary: "Balance what was received against what became of it",
  security,
  request: { query: z.strictObject({ since: instant.optional(), until: instant.optional() }) },
  responses: {
    200: json(ledger, "Of events received from `since`, inclusive, to `until`, exclusive", exampleLedger),
    ...badInput,
    ...behindToken,
  },
});

export function addLedger(api: OperatorApi, world: World): void {
  api.openapi(route, async (c) => {
    const { since, until } = c.req.valid("query");
    if (since !== undefined && until !== undefined && until <= since) {
      throw invalidRequest([{ path: "until", message: "must be after since" }]);
    }
    const now = world.now();
    const counted = await countLedger(c.env.DB, { since: since ?? 0, until: until ?? now + 1 }, now);
    const { accounts, ...states } = counted;
    const destinations = accounts.map(({ destinationId, unwritten, pending, ...account }) => ({
      destination_id: destinationId,
      ...account,
      pending: pending + unwritten,
    }));
    const driftedAt = (await readCronState(c.env.DB)).get("ledger_drifted_at") ?? null;
    return c.json(
      { ...states, balanced: isBalanced(counted), drifted_at: isoTimeOrNull(driftedAt), destinations },
      200,
    );
  });
}
