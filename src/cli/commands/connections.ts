import { z } from "zod";
import { connection as connectionSchema, scheduledReconciliation } from "../../api/schemas/connection.ts";
import { diagnostics } from "../../api/schemas/diagnostics.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { Fault } from "../fault.ts";
import { option, readIsoTime, readWhole, withDefault } from "../options.ts";
import type { Cell, Output } from "../output.ts";
import { type RelayClient, RelayUnreachable } from "../relay-client.ts";

const CONNECTIONS_PATH = "/api/connections";

const connectionPath = (id: string) => `${CONNECTIONS_PATH}/${encodeURIComponent(id)}`;

/** A newer relay may know more fields and states. A program that reads `--json` gets them all. */
const connection = connectionSchema
  .extend({
    status: z.string(),
    subscriptions: z.array(connectionSchema.shape.subscriptions.element.extend({ status: z.string() }).loose()),
    // An older relay does not know it.
    refused_types: connectionSchema.shape.refused_types.default([]),
    reconciling: z.looseObject({ kind: z.string() }).nullable(),
    last_reconciliation: z.looseObject({ kind: z.string() }).nullable(),
  })
  .loose();

export type Connection = z.output<typeof connection>;

const connections = z.object({ data: z.array(connection) });

/** All of them: they are few, so that the list has no pages. */
export async function listConnections(relay: RelayClient): Promise<Connection[]> {
  return (await relay.get(CONNECTIONS_PATH, connections)).data;
}

const ofOne = { arguments: { id: "as `connections list` shows it" }, asks: ["relay"] } as const;

const list = defineCommand({
  name: "list",
  summary: "list them with their state",
  asks: ["relay"],
  example: "connections list --json",
  async run({ output, openRelay }) {
    const data = await listConnections(openRelay());
    output.show({ data }, () => asTable(data, output));
  },
});

const reconcile = defineCommand({
  name: "reconcile",
  summary: "have the relay compare its state with the bank's within a minute, and its subscriptions with Qonto's",
  ...ofOne,
  options: {
    since: option("--since <time>", "what changed from then on (else since the last reconciliation)", readIsoTime),
  },
  example: "connections reconcile con_0193 --since 3d",
  async run({ output, openRelay }, { id, since }) {
    const scheduled = await openRelay().post(`${connectionPath(id)}/reconcile`, { since }, asScheduled);
    output.show(scheduled, () => `Scheduled: \`connections list\` shows when ${id} is complete.`);
  },
});

const asScheduled = scheduledReconciliation.extend({ status: z.string() }).loose();

const disconnect = defineCommand({
  name: "disconnect",
  summary: "remove the relay's subscriptions and tokens of an organization; its events and state stay",
  ...ofOne,
  example: "connections disconnect con_0193",
  async run({ output, openRelay }, { id }) {
    await openRelay().delete(connectionPath(id));
    output.show({ id, disconnected: true }, () => `Disconnected ${id}.`);
  },
});

export const connectionCommands = defineGroup("connections", "the organizations that are connected to Qonto", {
  commands: [list, reconcile, disconnect],
});

const POLL_MS = 2_000;

export const connect = defineCommand({
  name: "connect",
  summary: "say where to connect an organization to Qonto, and wait until that is done; Ctrl-C ends it",
  asks: ["relay"],
  options: { timeoutSeconds: withDefault("--timeout <seconds>", "how long to wait", "600", readWhole(1, 86_400)) },
  help: `Qonto asks a person for consent, so it takes a browser. The relay needs QONTO_CLIENT_ID and QONTO_CLIENT_SECRET; the page
says how to get them.`,
  example: "connect --url https://relay.example.com",
  async run({ output, openRelay, relayUrl, world }, { timeoutSeconds }) {
    const relay = openRelay();
    const page = `${relayUrl}/console/qonto`;
    const { configuration } = await relay.get("/api/diagnostics", diagnostics.pick({ configuration: true }));
    if (configuration.qonto_environment === null) {
      throw new Fault("The relay has no application at Qonto to connect with.", {
        remedy: `${page} says how to get one.`,
      });
    }
    const before = await listConnections(relay);
    output.note(`Open ${page} in a browser and press Connect. Waiting until that is done.`);
    const endsAt = world.elapsedMs() + timeoutSeconds * 1000;
    while (world.elapsedMs() < endsAt) {
      await world.wait(POLL_MS);
      const made = (await lookAgain(relay)).find((one) => isNewlyConnected(one, before));
      if (made === undefined) continue;
      output.show(made, () => output.clean(`Connected ${nameOf(made)}: ${made.id}, ${made.status}.`));
      return 0;
    }
    throw new Fault(`Nothing was connected within ${timeoutSeconds} s.`, {
      remedy: `It can still be done on ${page}.`,
    });
  },
});

/** Nothing while the relay does not answer: it may be restarting. */
async function lookAgain(relay: RelayClient): Promise<Connection[]> {
  try {
    return await listConnections(relay);
  } catch (error) {
    if (error instanceof RelayUnreachable) return [];
    throw error;
  }
}

/** One that was not there, or that was connected again: its id stays. */
function isNewlyConnected({ id, connected_at }: Connection, before: readonly Connection[]): boolean {
  return before.every((one) => one.id !== id || one.connected_at !== connected_at);
}

export function nameOf({
  organization_id,
  organization_name,
}: Pick<Connection, "organization_id" | "organization_name">): string {
  return organization_name === null ? organization_id : `${organization_name} (${organization_id})`;
}

function asTable(found: readonly Connection[], output: Output): string {
  if (found.length === 0) return "No connections yet. `connect` says how to make one.";
  const table = output.table(
    ["id", "organization", "status", "subscriptions", "complete up to"],
    found.map((one) => [
      one.id,
      nameOf(one),
      statusCell(one),
      subscriptionsOf(one),
      one.reconciled_until ?? "not filled yet",
    ]),
  );
  const errors = found.flatMap(({ id, last_error }) =>
    last_error === null ? [] : output.clean(`${id}: ${last_error}`),
  );
  const refused = found.flatMap(({ id, refused_types: types }) =>
    types.length === 0 ? [] : output.clean(`${id}: Qonto does not take ${types.join(", ")}`),
  );
  return [table, ...errors, ...refused].join("\n");
}

function statusCell({ status }: Connection): Cell {
  return { text: status, style: status === "connected" ? "green" : "red" };
}

/** As `1 active, 1 foreign`. */
function subscriptionsOf({ subscriptions }: Connection): string {
  const byStatus = Map.groupBy(subscriptions, ({ status }) => status);
  return [...byStatus].map(([status, those]) => `${those.length} ${status}`).join(", ") || "none seen yet";
}
