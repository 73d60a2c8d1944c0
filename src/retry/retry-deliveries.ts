import type { Config, Env } from "../env.ts";
import type { DeliveryMessage } from "../messages.ts";
import { logLine } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { type Job, attemptAll } from "../outbound/attempt-all.ts";
import { conclude } from "../outbound/conclude.ts";
import { claimDueDeliveries, readDeliveryRow } from "../store/deliveries.ts";
import { namedDestinations, readDestinationRow } from "../store/destinations.ts";
import { loadEvents, readLoadedRow } from "../store/events.ts";

export interface Retrying {
  readonly env: Pick<Env, "DB" | "RETRIES">;
  readonly config: Pick<Config, "allowPrivateDestinations">;
  readonly world: World;
  /** Lets late attempts go on behind the batch. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** Every destination's own limit holds here, and no batch runs on for ever. */
const LATER_ATTEMPTS = { attemptMs: 30_000, beginWithinMs: 20_000 };

/** Longer than a batch can take; short, because a dead consumer's deliveries wait for its end. */
const LEASE_MS = 60_000;
const NEEDED_MS = 50_000;

/** Queue and Worker clocks differ by less. */
const EARLY_MS = 1_000;

/** How long the deliveries to a destination wait that let one of them run late. */
const REST_MS = 30_000;

/**
 * Makes the attempts that some messages call for, unless they have been made. What D1 says counts: a message for a
 * delivery that has ended, moved on or is being attempted right now is spent.
 */
export async function retryDeliveries(messages: readonly DeliveryMessage[], retrying: Retrying): Promise<void> {
  const { env, world, config } = retrying;
  const startedAt = world.now();
  const jobs = await claimJobs(messages, retrying);
  const attempted = await attemptAll(jobs, LATER_ATTEMPTS, {
    world,
    allowPrivateDestinations: config.allowPrivateDestinations,
  });
  const deliveries = await conclude(attempted, { env, world, restMs: REST_MS, waitUntil: retrying.waitUntil });

  logLine("retry", {
    messages: messages.length,
    claimed: jobs.length,
    event_ids: jobs.map(({ event }) => event.id),
    delivered: deliveries.filter(({ status }) => status === "delivered").length,
    pending: deliveries.filter(({ status }) => status === "pending").length,
    late: attempted.late.length,
    dead: deliveries.filter(({ status }) => status === "dead").length,
    duration_ms: world.now() - startedAt,
  });
}

/** Claims the deliveries that are due and finds what their attempts need: one D1 call. */
async function claimJobs(messages: readonly DeliveryMessage[], { env, world }: Retrying): Promise<Job[]> {
  const now = world.now();
  const due = messages.map((message) => ({
    key: { destinationId: message.destination_id, eventId: message.event_id, receivedAt: message.received_at },
    attempt: message.attempt,
  }));
  const [claimed, destinationRows, eventRows] = await env.DB.batch([
    claimDueDeliveries(env.DB, due, { now: now + EARLY_MS, claimedUntil: now + LEASE_MS }),
    namedDestinations(env.DB, unique(due.map(({ key }) => key.destinationId))),
    loadEvents(env.DB, unique(due.map(({ key }) => key.eventId))),
  ]);
  // A D1 that stalled may have used up the lease: then the cron sends these again when it has ended.
  if (world.now() > now + LEASE_MS - NEEDED_MS) return [];
  const destinations = byId((destinationRows?.results ?? []).map(readDestinationRow));
  const events = byId((eventRows?.results ?? []).map(readLoadedRow));

  return (claimed?.results ?? []).map(readDeliveryRow).flatMap((delivery) => {
    const destination = destinations.get(delivery.destinationId);
    const event = events.get(delivery.eventId)?.event;
    // Claimed but not loaded for want of memory: its lease ends, and the cron sends it again.
    return destination && event ? { delivery, destination, event } : [];
  });
}

function byId<Row extends { readonly id: string }>(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.id, row]));
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
