import type { RelayClient } from "../demo/client.ts";
import { organizations, resourceName } from "./load.ts";

/** What the relay itself says, by the operator's API. */

export interface Ledger {
  readonly received: number;
  readonly settled: number;
  readonly pending: number;
  readonly unmatched: number;
  readonly quarantined: number;
  readonly duplicates: number;
  readonly balanced: boolean;
}

export function readLedger(client: RelayClient): Promise<Ledger> {
  return client.get<Ledger>("/api/ledger");
}

/** Event ids of a destination's dead deliveries. */
export async function readDead(client: RelayClient, destinationId: string): Promise<Set<string>> {
  const path = `/api/deliveries?status=dead&destination_id=${destinationId}`;
  const dead = await allPages<{ event_id: string }>(client, path);
  return new Set(dead.map(({ event_id }) => event_id));
}

/** The event that each resource's latest state is of, by the resource's name. */
export async function readLatestState(client: RelayClient): Promise<Map<string, string>> {
  const latest = new Map<string, string>();
  for (const organizationId of organizations) {
    const path = `/api/organizations/${organizationId}/resources?`;
    const shown = await allPages<{ type: string; resource_id: string; event_id: string }>(client, path);
    for (const { type, resource_id, event_id } of shown) {
      latest.set(resourceName(organizationId, type, resource_id), event_id);
    }
  }
  return latest;
}

const MAX_PAGES = 1_000;

async function allPages<Item>(client: RelayClient, path: string): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = "";
  for (let page = 0; page < MAX_PAGES && cursor !== null; page += 1) {
    const from: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const { data, next_cursor } = await client.get<{ data: Item[]; next_cursor: string | null }>(
      `${path}&limit=100${from}`,
    );
    items.push(...data);
    cursor = next_cursor;
  }
  return items;
}
