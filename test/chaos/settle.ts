import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { type RelayClient, RelayRefusal } from "../../src/cli/relay-client.ts";
import { type EventDetail, isBeforeFanOut } from "./accounting.ts";

/** Unfinished events in one round: the questions must not become a load of their own. */
const OPEN_PER_ROUND = 40;
const SIDE_BY_SIDE = 4;
const ROUND_MS = 2_000;

/** The cron replaces a message that a kill lost: after a lease of a minute, and up to a minute to its next run. */
const NO_PROGRESS_MS = 150_000;
const LIMIT_MS = 600_000;

/**
 * Waits until nothing is pending for these destinations, or until the number of pending events no longer falls. Returns
 * what the relay says of each event; an event that it does not know is missing.
 */
export async function settle(
  client: RelayClient,
  ids: readonly string[],
  destinationIds: ReadonlySet<string>,
): Promise<Map<string, EventDetail>> {
  const details = new Map<string, EventDetail>();
  const open = new Set(ids);
  const look = async (id: string) => {
    const detail = await findEvent(client, id);
    if (detail !== null) details.set(id, detail);
    open.delete(id);
    if (detail === null || isOpen(detail, destinationIds)) open.add(id);
  };

  const startedAt = Date.now();
  let least = open.size;
  let progressAt = startedAt;
  for (;;) {
    const looked = [...open];
    for (let start = 0, stillOpen = 0; start < looked.length && stillOpen < OPEN_PER_ROUND; start += SIDE_BY_SIDE) {
      const some = looked.slice(start, start + SIDE_BY_SIDE);
      await Promise.all(some.map(look));
      stillOpen += some.filter((id) => open.has(id)).length;
    }
    if (open.size === 0) return details;
    const now = Date.now();
    if (open.size < least) [least, progressAt] = [open.size, now];
    if (now - progressAt > NO_PROGRESS_MS || now - startedAt > LIMIT_MS) return details;
    await wait(ROUND_MS);
  }
}

function isOpen(detail: EventDetail, destinationIds: ReadonlySet<string>): boolean {
  return (
    isBeforeFanOut(detail) ||
    detail.deliveries.some(({ destination_id, status }) => status === "pending" && destinationIds.has(destination_id))
  );
}

const eventDetail = z.object({
  state: z.string(),
  deliveries: z.array(z.object({ destination_id: z.string(), status: z.enum(["pending", "delivered", "dead"]) })),
});

async function findEvent(client: RelayClient, id: string): Promise<EventDetail | null> {
  try {
    return await client.get(`/api/events/${id}`, eventDetail);
  } catch (error) {
    if (error instanceof RelayRefusal && error.status === 404) return null;
    throw error;
  }
}
