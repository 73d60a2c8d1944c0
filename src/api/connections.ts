import type { World } from "../platform/world.ts";
import { listConnections } from "../store/connections.ts";
import { reconcileConnection, removeConnection, showConnection } from "./actions/connections.ts";
import { defineRoute } from "./define-route.ts";
import { worldOf } from "./idempotency.ts";
import type { OperatorApi } from "./requests.ts";
import { json, show } from "./responses.ts";
import { connections, exampleConnection, reconciliationInput, scheduledReconciliation } from "./schemas/connection.ts";

const tag = "Connections";

const list = defineRoute("get", "/api/connections", {
  operationId: "listConnections",
  tag,
  summary: "List the organizations that are connected to Qonto",
  description: "An operator connects one on the console's page Qonto.",
  answers: { 200: json(connections, "In the order in which they were connected", { data: [exampleConnection] }) },
});

const reconciliation = defineRoute("post", "/api/connections/{id}/reconcile", {
  operationId: "reconcileConnection",
  tag,
  summary: "Compare the state with the bank's, and the subscriptions with those at Qonto, within a minute",
  description:
    "The relay does this by itself every hour, and after every gap. The request ends a pause, unless that waits for new tokens. `since` must not lie in the future.",
  body: { schema: reconciliationInput, example: { since: "2026-11-20T00:00:00Z" }, isOptional: true },
  answers: {
    202: json(scheduledReconciliation, "Scheduled", {
      id: exampleConnection.id,
      status: "scheduled",
      since: "2026-11-20T00:00:00.000Z",
    }),
  },
  refusals: ["not_connected"],
});

const removal = defineRoute("delete", "/api/connections/{id}", {
  operationId: "removeConnection",
  tag,
  summary: "Disconnect an organization: remove its subscriptions and its tokens",
  description: "Subscriptions that the relay has not made stay, as do events and the latest state.",
  answers: { 204: { description: "Removed" } },
  refusals: ["connection_busy", "qonto_unavailable"],
});

export function addConnections(api: OperatorApi, world: World): void {
  api.openapi(list, async (c) =>
    c.json({ data: (await listConnections(c.env.DB)).map((row) => showConnection(row, world.now())) }, 200),
  );

  api.openapi(reconciliation, async (c) => {
    const { id } = c.req.valid("param");
    const { since = null } = c.req.valid("json");
    await reconcileConnection(c, worldOf(c, world), id, since);
    return c.json(show(scheduledReconciliation, { id, status: "scheduled", since }), 202);
  });

  api.openapi(removal, async (c) => {
    await removeConnection(c, world, c.req.valid("param").id);
    return c.body(null, 204);
  });
}
