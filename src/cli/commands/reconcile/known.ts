import { z } from "zod";
import { type RelayClient, RelayRefusal } from "../../relay-client.ts";
import { item } from "./item.ts";

const resource = z.object({
  resource_id: z.string().nullable(),
  deleted: z.boolean(),
  version_at: z.string().nullable(),
  event_id: z.string(),
  data: item,
});

/** The latest state of a thing as the relay knows it. */
export type Known = z.output<typeof resource>;

const pathOf = (organizationId: string) => `/api/organizations/${encodeURIComponent(organizationId)}/resources`;

/** What the relay knows of some things, by their ids. Ids travel in the address, so there is an end to how many. */
export async function findKnown(
  relay: RelayClient,
  organizationId: string,
  type: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string | null, Known>> {
  const { data } = await relay.get(pathOf(organizationId), z.object({ data: z.array(resource) }), {
    type,
    resource_id: ids,
  });
  return new Map(data.map((known) => [known.resource_id, known]));
}

export function listKnown(relay: RelayClient, organizationId: string, type: string): AsyncGenerator<Known> {
  return relay.list(pathOf(organizationId), resource, { type });
}

export async function isRecorded(relay: RelayClient, eventId: string): Promise<boolean> {
  try {
    await relay.get(`/api/events/${encodeURIComponent(eventId)}`, z.object({ id: z.string() }));
    return true;
  } catch (error) {
    if (error instanceof RelayRefusal && error.code === "not_found") return false;
    throw error;
  }
}
