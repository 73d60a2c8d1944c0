import { isBalanced } from "../domain/ledger.ts";
import type { World } from "../platform/world.ts";
import { readCronState } from "../store/cron-state.ts";
import { countLedger } from "../store/ledger.ts";
import { defineRoute } from "./define-route.ts";
import { type OperatorApi, invalidRequest } from "./requests.ts";
import { json, show } from "./responses.ts";
import { instant } from "./schemas/common.ts";
import { exampleLedger, ledger } from "./schemas/ledger.ts";

const detail = defineRoute("get", "/api/ledger", {
  operationId: "showLedger",
  tag: "Ledger",
  summary: "Balance received events against their present states",
  query: { since: instant.optional(), until: instant.optional() },
  answers: { 200: json(ledger, "Of events received from `since`, inclusive, to `until`, exclusive", exampleLedger) },
});

export function addLedger(api: OperatorApi, world: World): void {
  api.openapi(detail, async (c) => {
    const { since, until } = c.req.valid("query");
    if (since !== undefined && until !== undefined && until <= since) {
      throw invalidRequest([{ path: "until", message: "must be after since" }]);
    }
    const now = world.now();
    const counted = await countLedger(c.env.DB, { since: since ?? 0, until: until ?? now + 1 }, now);
    const driftedAt = (await readCronState(c.env.DB)).get("ledger_drifted_at") ?? null;
    const destinations = counted.accounts.map((one) => ({ ...one, pending: one.pending + one.unwritten }));
    return c.json(show(ledger, { ...counted, balanced: isBalanced(counted), driftedAt, destinations }), 200);
  });
}
