import type { z } from "@hono/zod-openapi";
import type { Database } from "../../store/database.ts";
import type { Destination } from "../../domain/destination.ts";
import type { Counters } from "../../domain/counters.ts";
import { type Env, readConfig } from "../../env.ts";
import { readDestinationUrl } from "../../outbound/destination-url.ts";
import { makeSecret } from "../../outbound/secrets.ts";
import { drainNow } from "../../deliver/drain-messages.ts";
import { makeSortableId } from "../../platform/sortable-id.ts";
import type { World } from "../../platform/world.ts";
import { endPendingDeliveries } from "../../store/deliveries.ts";
import { endUnwantedDeliveries } from "../../store/unwanted-deliveries.ts";
import { bringDeliveriesForward } from "../../store/destination-health.ts";
import {
  type DestinationReport,
  updateDestination,
  deleteDestination,
  findDestination,
  insertDestination,
} from "../../store/destinations.ts";
import { audited } from "../audited.ts";
import { type change, type creation, showDestination, wishNames } from "../destination-schema.ts";
import { type Acting, invalidRequest, notFound } from "../requests.ts";

export const DEFAULT_TIMEOUT_MS = 10_000;

/** Deliveries that one statement ends when a destination is removed. */
const ENDED_AT_ONCE = 1_000;

/** The id of a destination that is yet to be made. */
export function newDestinationId(world: World): string {
  return makeSortableId("dst", world);
}

/** Adds a destination; its secret is known this once. */
export async function createDestination(
  c: Acting,
  world: World,
  input: z.output<typeof creation>,
  id = newDestinationId(world),
): Promise<{ readonly destination: DestinationReport; readonly secret: string }> {
  const url = readUrl(input.url, c.env);
  const now = world.now();
  const { secret, encrypted } = await makeSecret(readConfig(c.env).encryptionKeys, id, world);
  const created: Destination = {
    id,
    url,
    description: input.description ?? null,
    types: input.types ?? [],
    organizations: input.organizations ?? null,
    enabled: input.enabled ?? true,
    retryScheduleSeconds: input.retry_schedule_seconds ?? null,
    timeoutMs: input.timeout_ms ?? DEFAULT_TIMEOUT_MS,
    maxPerSecond: input.max_per_second ?? null,
    encryptedSecret: encrypted,
    previousSecrets: [],
    isIsolated: false,
    isFailing: false,
    hasSucceeded: false,
    circuitOpenedAt: null,
    nextDrainAt: null,
    heldUntil: null,
    createdAt: now,
    updatedAt: now,
  };
  const destination = { ...created, ...noHistory };
  await audited(c, world, {
    action: "destination.created",
    subject: id,
    make: () => insertDestination(c.env.DB, created),
    after: () => pick(showDestination(destination, now), wishNames),
  });
  return { destination, secret };
}

/** What it is owed and wants no more ends. Returns the destination as it is then. */
export async function changeDestination(
  c: Acting,
  { world, counters }: { readonly world: World; readonly counters: Counters },
  id: string,
  asked: z.output<typeof change>,
): Promise<DestinationReport> {
  const input = asked.url === undefined ? asked : { ...asked, url: readUrl(asked.url, c.env) };
  const before = showDestination(await existingDestination(c, id), world.now());
  await audited(c, world, {
    action: "destination.changed",
    subject: id,
    before: pick(before, Object.keys(input)),
    make: async () => {
      if (!(await updateDestination(c.env.DB, id, input, world.now()))) throw notFound("destination");
    },
    after: () => input,
  });
  if (input.types !== undefined || input.organizations !== undefined) {
    for (const status of await endUnwantedDeliveries(c.env.DB, id, world.now())) {
      counters.count("qonto_relay_deliveries_total", { destination_id: id, status });
    }
  }
  // What it is owed need not wait for the lane to find out that it may be well again.
  if (input.enabled === true || input.url !== undefined) await bringDeliveriesForward(c.env.DB, id, world.now());
  await drainNow(c.env, [id], world.now());
  return existingDestination(c, id);
}

/** Removes a destination; what it is owed ends as dead. */
export async function removeDestination(c: Acting, world: World, id: string): Promise<void> {
  const found = await existingDestination(c, id);
  await audited(c, world, {
    action: "destination.deleted",
    subject: found.id,
    before: pick(showDestination(found, world.now()), wishNames),
    make: () => remove(c.env.DB, found.id, world.now()),
  });
}

export async function existingDestination({ env }: Pick<Acting, "env">, id: string): Promise<DestinationReport> {
  const found = await findDestination(env.DB, id);
  if (found === null) throw notFound("destination");
  return found;
}

async function remove(db: Database, id: string, now: number): Promise<void> {
  // Disabled first: should this be cut short, the destination is still there to be removed again.
  await updateDestination(db, id, { enabled: false }, now);
  await endAllPending(db, id, now);
  await deleteDestination(db, id);
  await endAllPending(db, id, now);
}

async function endAllPending(db: Database, destinationId: string, now: number): Promise<void> {
  while ((await endPendingDeliveries(db, destinationId, { now, limit: ENDED_AT_ONCE })) === ENDED_AT_ONCE);
}

const noHistory = { consecutiveFailures: 0, lastSuccessAt: null, lastFailureAt: null };

/** As it is kept. */
function readUrl(text: string, env: Env): string {
  const { url, fault } = readDestinationUrl(text, { allowPrivate: readConfig(env).allowPrivateDestinations });
  if (url === null) throw invalidRequest([{ path: "url", message: fault }]);
  return url;
}

function pick(shown: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(shown).filter(([name]) => names.includes(name)));
}
