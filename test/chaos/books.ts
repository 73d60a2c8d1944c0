import { z } from "zod";
import type { RelayClient } from "../../src/cli/relay-client.ts";
import { organizations, resourceName } from "./load.ts";

/** What the relay itself says, by the operator's API. */

const ledger = z.object({
  received: z.number(),
  settled: z.number(),
  pending: z.number(),
  unmatched: z.number(),
  quarantined: z.number(),
  duplicates: z.number(),
  balanced: z.boolean(),
});

export type Ledger = z.output<typeof ledger>;

export function readLedger(client: RelayClient): Promise<Ledger> {
  return client.get("/api/ledger", ledger);
}

/** Event ids of a destination's dead deliveries. */
export async function readDead(client: RelayClient, destinationId: string): Promise<Set<string>> {
  const query = { status: "dead", destination_id: destinationId };
  const dead = await Array.fromAsync(client.list("/api/deliveries", z.object({ event_id: z.string() }), query));
  return new Set(dead.map(({ event_id }) => event_id));
}

const resource = z.object({ type: z.string(), resource_id: z.string(), event_id: z.string() });

/** The event that each resource's latest state is of, by the resource's name. */
export async function readLatestState(client: RelayClient): Promise<Map<string, string>> {
  const latest = new Map<string, string>();
  for (const organizationId of organizations) {
    const shown = client.list(`/api/organizations/${organizationId}/resources`, resource);
    for await (const { type, resource_id, event_id } of shown) {
      latest.set(resourceName(organizationId, type, resource_id), event_id);
    }
  }
  return latest;
}
