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

/** Null when the relay has never heard of it. */
export async function findKnown(
  relay: RelayClient,
  organizationId: string,
  type: string,
  id: string,
): Promise<Known | null> {
  return orNull(relay.get(`${pathOf(organizationId)}/${encodeURIComponent(id)}`, resource, { type }));
}

export function listKnown(relay: RelayClient, organizationId: string, type: string): AsyncGenerator<Known> {
  return relay.list(pathOf(organizationId), resource, { type });
}

export async function isRecorded(relay: RelayClient, eventId: string): Promise<boolean> {
  return (await orNull(relay.get(`/api/events/${encodeURIComponent(eventId)}`, z.object({ id: z.string() })))) !== null;
}

async function orNull<Value>(answer: Promise<Value>): Promise<Value | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RelayRefusal && error.code === "not_found") return null;
    throw error;
  }
}
