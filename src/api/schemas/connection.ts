import { z } from "@hono/zod-openapi";
import { instant, time } from "./common.ts";
import { exampleOrganization } from "./organization.ts";

const subscription = z.object({
  id: z.string().nullable().describe("At Qonto. Null while it is missing."),
  types: z.array(z.string()),
  status: z
    .enum(["active", "missing", "foreign"])
    .describe("As last seen at Qonto. `foreign`: somebody else's, which the relay leaves alone."),
});

const comparedType = z.object({
  type: z.string(),
  listed: z.number(),
  missing: z.number().describe("Items that the relay did not have."),
  drifted: z.number().describe("Items that the relay had in another state, or that are gone."),
  extra: z
    .number()
    .describe("Items that the relay has and Qonto does not list, though nothing says that they are gone."),
  covered: z.boolean().describe("False: Qonto does not list them with the granted scopes."),
  fault: z.string().nullable().describe("Why it was not read to its end. Null: it was, or is not yet."),
});

const reconciliation = z.object({
  kind: z
    .enum(["fill", "changes"])
    .describe("`fill`: the first one, which reads everything. `changes`: what changed since the one before."),
  since: time.describe("What is listed by time is read from then on, or later."),
  as_of: time.describe("By Qonto's clock: what changed until then is compared."),
  types: z.array(comparedType),
});

const reconciling = reconciliation.extend({
  types_left: z.array(z.string()).describe("The first of them is being read."),
});

const lastReconciliation = reconciliation.extend({ finished_at: time });

export const connection = z
  .object({
    id: z.string(),
    organization_id: z.string(),
    organization_name: z.string().nullable(),
    environment: z.enum(["production", "sandbox"]),
    status: z
      .enum(["connected", "expired", "revoked"])
      .describe("`expired`: its tokens are lost. `revoked`: the consent was withdrawn at Qonto. Connect it again."),
    status_since: time,
    connected_at: time,
    scopes: z.array(z.string()).describe("As Qonto granted them."),
    subscriptions: z.array(subscription),
    refused_types: z
      .array(z.string())
      .describe("Types that Qonto does not take, so that they are not subscribed to. They are tried again once a day."),
    reconciled_until: time
      .nullable()
      .describe("Until when the state is known to equal the bank's. Null: it is not filled yet."),
    reconciling: reconciling.nullable().describe("The reconciliation in progress."),
    last_reconciliation: lastReconciliation.nullable().describe("What the last finished one found."),
    last_error: z.string().nullable().describe("What stopped the last work on it. Null: that succeeded."),
  })
  .openapi("Connection");

/** There are few, so that they have no pages. */
export const connections = z.object({ data: z.array(connection) });

export const reconciliationInput = z.strictObject({
  since: instant.optional().describe("Read what changed from then on. Absent: since the last reconciliation."),
});

export const scheduledReconciliation = z.object({
  id: z.string(),
  status: z.literal("scheduled"),
  since: time.nullable(),
});

export const exampleConnection = {
  id: "con_019a935f7400a1b2c3d4e5f60718",
  organization_id: exampleOrganization.organization_id,
  organization_name: exampleOrganization.name,
  environment: "production",
  status: "connected",
  status_since: "2026-11-01T08:00:00.000Z",
  connected_at: "2026-11-01T08:00:00.000Z",
  scopes: ["offline_access", "organization.read", "webhook"],
  subscriptions: [
    { id: "018f71db-c635-78b5-b90a-ea05de98c2bf", types: ["v1/transactions", "v1/accounts"], status: "active" },
  ],
  refused_types: ["v1/recurring-transfers"],
  reconciled_until: "2026-11-24T09:40:00.000Z",
  reconciling: null,
  last_reconciliation: {
    kind: "changes",
    since: "2026-11-24T07:40:00.000Z",
    as_of: "2026-11-24T09:40:00.000Z",
    finished_at: "2026-11-24T09:40:03.000Z",
    types: [{ type: "v1/transactions", listed: 12, missing: 0, drifted: 0, extra: 0, covered: true, fault: null }],
  },
  last_error: null,
} satisfies z.input<typeof connection>;
