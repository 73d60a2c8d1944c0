import type { z } from "@hono/zod-openapi";
import { disconnect } from "../../connection/disconnect.ts";
import { type LastRun, type Run, readLastRun, readRun } from "../../connection/run.ts";
import type { ConnectionContext } from "../../connection/context.ts";
import { notedRefusal } from "../../connection/refused-types.ts";
import { isoTime } from "../../domain/instant.ts";
import { isConnectable, readConfig } from "../../env.ts";
import type { World } from "../../platform/world.ts";
import { type Connection, deleteConnection, findConnection } from "../../store/connections.ts";
import { requestReconciliation } from "../../store/reconciliation.ts";
import { refuse } from "../refusals.ts";
import { type ActionContext, existing, invalidRequest, notFound } from "../requests.ts";
import { show } from "../responses.ts";
import { connection } from "../schemas/connection.ts";
import { audited } from "./audited.ts";

/** A run of the cron ends within it. */
const BUSY_SECONDS = "30";

/** Throws `not_configured` without an application at Qonto. */
export function connectionContext({ env }: Pick<ActionContext, "env">, world: World): ConnectionContext {
  const config = readConfig(env);
  if (!isConnectable(config)) {
    throw refuse("not_configured", { detail: "QONTO_CLIENT_ID and QONTO_CLIENT_SECRET are not set." });
  }
  return { env, config, world };
}

/**
 * Has the cron compare the state of a connection with the bank's, and its subscriptions with those at Qonto, in its next run.
 * `since`: Unix milliseconds; null: since the last reconciliation. Throws `not_configured`,
 * `invalid_request` and `not_connected`.
 */
export async function reconcileConnection(
  c: ActionContext,
  world: World,
  id: string,
  since: number | null,
): Promise<void> {
  const { status } = await existingConnection(c, id);
  const { env } = connectionContext(c, world);
  if (since !== null && since > world.now()) {
    throw invalidRequest([{ path: "since", message: "must not lie in the future" }]);
  }
  if (status !== "connected") {
    const ended = status === "expired" ? "has expired" : "was revoked";
    const detail = `This connection ${ended}. Connect the organization again on the console's page Qonto.`;
    throw refuse("not_connected", { detail });
  }
  await audited(c, world, {
    action: "connection.reconciled",
    subject: id,
    make: async () => {
      if (!(await requestReconciliation(env.DB, id, { now: world.now(), since }))) throw notFound("connection");
    },
    after: () => ({ since: since === null ? null : isoTime(since) }),
  });
}

/**
 * Removes a connection's own subscriptions at Qonto, and its tokens. Throws `connection_busy` and `qonto_unavailable`. Without an
 * application there is nothing to ask Qonto with: then only the tokens are removed.
 */
export async function removeConnection(c: ActionContext, world: World, id: string): Promise<void> {
  const found = await existingConnection(c, id);
  const { organization_id, organization_name, environment, status } = showConnection(found, world.now());
  await audited(c, world, {
    action: "connection.removed",
    subject: id,
    before: { organization_id, organization_name, environment, status },
    make: async () => {
      const { env } = c;
      const config = readConfig(env);
      if (!isConnectable(config)) return deleteConnection(env.DB, id);
      const outcome = await disconnect(found, { env, config, world });
      if (outcome === "busy") throw refuse("connection_busy", { headers: { "retry-after": BUSY_SECONDS } });
      if (outcome === "unavailable") throw refuse("qonto_unavailable");
    },
  });
}

async function existingConnection({ env }: Pick<ActionContext, "env">, id: string): Promise<Connection> {
  return existing(await findConnection(env.DB, id), "connection");
}

/** A connection as the API shows it: never its tokens. */
export function showConnection(row: Connection, now: number): z.input<typeof connection> {
  const run = readRun(row, now);
  const last = readLastRun(row.lastReconciliation);
  return show(connection, {
    ...row,
    statusSince: row.endedAt ?? row.connectedAt,
    refusedTypes: notedRefusal(row.subscriptions)?.types ?? [],
    reconciling: run && { ...describeRun(run), typesLeft: run.types_left },
    lastReconciliation: last && { ...describeRun(last), finishedAt: last.finished_at },
  });
}

function describeRun({ kind, since, as_of, types }: Run | LastRun) {
  return { kind, since, asOf: as_of, types: types.map((one) => ({ ...one, covered: one.is_covered })) };
}
