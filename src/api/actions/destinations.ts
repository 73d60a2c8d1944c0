import type { z } from "@hono/zod-openapi";
import type { Counters } from "../../domain/counters.ts";
import type { Attempt } from "../../domain/delivery.ts";
import { isoTime } from "../../domain/instant.ts";
import { type Env, readConfig } from "../../env.ts";
import { readDestinationUrl } from "../../outbound/destination-url.ts";
import { drainNow } from "../../deliver/drain-messages.ts";
import { encryptHeaders } from "../../outbound/own-headers.ts";
import { readFilter } from "../../domain/read-filter.ts";
import { makeSecret } from "../../outbound/secrets.ts";
import { sendTest } from "../../outbound/test-delivery.ts";
import { makeSortableId } from "../../platform/sortable-id.ts";
import type { World } from "../../platform/world.ts";
import type { Database } from "../../store/database.ts";
import { endPendingDeliveries } from "../../store/deliveries.ts";
import { bringDeliveriesForward } from "../../store/circuits.ts";
import { rotateSecret } from "../../store/destination-secrets.ts";
import {
  type DestinationReport,
  deleteDestination,
  findDestination,
  insertDestination,
  updateDestination,
} from "../../store/destinations.ts";
import { endFilteredDeliveries } from "../../store/filtered-deliveries.ts";
import { refuse } from "../refusals.ts";
import { type ActionContext, existing, invalidRequest, notFound } from "../requests.ts";
import { show } from "../responses.ts";
import {
  destination,
  type destinationChange,
  type destinationInput,
  destinationOptionNames,
} from "../schemas/destination.ts";
import { audited } from "./audited.ts";
import { changeFormat, checkTemplate, newFormat } from "./destination-format.ts";

export const DEFAULT_TIMEOUT_MS = 10_000;

/** Deliveries that one statement ends when a destination is removed. */
const ENDED_AT_ONCE = 1_000;

/** The id of a destination that is yet to be created. */
export function newDestinationId(world: World): string {
  return makeSortableId("dst", world);
}

/** Creates a destination. Its secret is returned here and never again. */
export async function createDestination(
  c: ActionContext,
  world: World,
  input: z.output<typeof destinationInput>,
  id = newDestinationId(world),
): Promise<{ readonly destination: DestinationReport; readonly secret: string }> {
  const url = readUrl(input.url, c.env);
  const now = world.now();
  const { format, template, max_per_second } = { ...newFormat, ...changeFormat(input, newFormat) };
  const { encryptionKeys } = readConfig(c.env);
  const { secret, encrypted } = await makeSecret(encryptionKeys, id, world);
  const created: DestinationReport = {
    id,
    url,
    description: input.description ?? null,
    types: input.types ?? [],
    organizations: input.organizations ?? null,
    filter: toFilter(input.filter),
    enabled: input.enabled ?? true,
    retryScheduleSeconds: input.retry_schedule_seconds ?? null,
    timeoutMs: input.timeout_ms ?? DEFAULT_TIMEOUT_MS,
    maxPerSecond: input.max_per_second ?? max_per_second ?? null,
    format,
    template,
    relayUrl: relayUrlOf(c),
    ...(await encryptHeaders(encryptionKeys, input.headers ?? null, id, world)),
    encryptedSecret: encrypted,
    previousSecrets: [],
    isIsolated: false,
    isFailing: false,
    consecutiveFailures: 0,
    hasSucceeded: false,
    lastSuccessAt: null,
    lastFailureAt: null,
    circuitOpenedAt: null,
    nextDrainAt: null,
    heldUntil: null,
    createdAt: now,
    updatedAt: now,
  };
  await checkTemplate(template, created.types, world);
  await audited(c, world, {
    action: "destination.created",
    subject: id,
    make: () => insertDestination(c.env.DB, created),
    after: () => pick(showDestination(created, now), destinationOptionNames),
  });
  return { destination: created, secret };
}

/** Changes a destination and returns it. Pending deliveries that no longer match it end as dead. */
export async function changeDestination(
  c: ActionContext,
  { world, counters }: { readonly world: World; readonly counters: Counters },
  id: string,
  { headers, ...asked }: z.output<typeof destinationChange>,
): Promise<DestinationReport> {
  const present = await existingDestination(c, id);
  const formatted = { ...asked, ...changeFormat(asked, present) };
  const { template = present.template } = formatted;
  const mustFit = asked.template !== undefined || asked.types !== undefined;
  if (mustFit) await checkTemplate(template, asked.types ?? present.types, world);
  const input = asked.url === undefined ? formatted : { ...formatted, url: readUrl(asked.url, c.env) };
  const stored =
    headers === undefined ? null : await encryptHeaders(readConfig(c.env).encryptionKeys, headers, id, world);
  // The values of headers stay out of the audit trail.
  const shownInput = stored === null ? input : { ...input, header_names: stored.headerNames };
  const before = showDestination(present, world.now());
  await audited(c, world, {
    action: "destination.changed",
    subject: id,
    before: pick(before, Object.keys(shownInput)),
    make: async () => {
      const change = {
        ...shownInput,
        ...(stored === null ? {} : { headers: stored.encryptedHeaders }),
        relay_url: relayUrlOf(c),
      };
      if (!(await updateDestination(c.env.DB, id, change, world.now()))) throw notFound("destination");
    },
    after: () => shownInput,
  });
  if (input.types !== undefined || input.organizations !== undefined || input.filter !== undefined) {
    for (const status of await endFilteredDeliveries(c.env.DB, id, world.now())) {
      counters.count("qonto_relay_deliveries_total", { destination_id: id, status });
    }
  }
  // It may be healthy again: its pending deliveries need not wait for their next retry.
  const isMended = input.enabled === true || input.url !== undefined || input.format !== undefined || stored !== null;
  if (isMended) await bringDeliveriesForward(c.env.DB, id, world.now());
  await drainNow(c.env, [id], world.now());
  return existingDestination(c, id);
}

/** Removes a destination. Its pending deliveries end as dead. */
export async function removeDestination(c: ActionContext, world: World, id: string): Promise<void> {
  const found = await existingDestination(c, id);
  await audited(c, world, {
    action: "destination.deleted",
    subject: id,
    before: pick(showDestination(found, world.now()), destinationOptionNames),
    make: () => remove(c.env.DB, id, world.now()),
  });
}

/**
 * Gives a destination a new secret and returns it. The present one signs as well until the overlap ends. Throws
 * `too_many_rotations` when more secrets would be valid than can sign.
 */
export async function rotateDestinationSecret(
  c: ActionContext,
  world: World,
  id: string,
  overlapSeconds: number,
  now = world.now(),
): Promise<string> {
  const { secret, encrypted } = await makeSecret(readConfig(c.env).encryptionKeys, id, world);
  const previousUntil = now + overlapSeconds * 1000;
  await audited(c, world, {
    action: "destination.secret_rotated",
    subject: id,
    make: async () => {
      const rotated = await rotateSecret(c.env.DB, id, { encrypted, previousUntil }, now);
      if (rotated.state === "unknown") throw notFound("destination");
      if (rotated.state === "too_many") {
        throw refuse("too_many_rotations", {
          detail: `Five secrets sign already. The next rotation is possible at ${isoTime(rotated.possibleAt)}, or now without an overlap, which ends the others at once.`,
        });
      }
    },
    after: () => ({ overlap_seconds: overlapSeconds }),
  });
  return secret;
}

/** Sends a destination one signed sample event, now. */
export async function testDestination(c: ActionContext, world: World, id: string): Promise<Attempt> {
  const found = await existingDestination(c, id);
  const attempt = await audited(c, world, {
    action: "destination.tested",
    subject: id,
    make: () => sendTest(found, { world, config: readConfig(c.env) }),
    after: ({ outcome, status }) => ({ outcome, status }),
  });
  // The test has shown that it answers: its deliveries need not wait for the next probe.
  if (attempt.outcome === "delivered" && found.circuitOpenedAt !== null) {
    await drainNow(c.env, [id], world.now());
  }
  return attempt;
}

export async function existingDestination({ env }: Pick<ActionContext, "env">, id: string): Promise<DestinationReport> {
  return existing(await findDestination(env.DB, id), "destination");
}

/** A destination as the API shows it: never its secret. */
export function showDestination(report: DestinationReport, now: number): z.input<typeof destination> {
  const { enabled, consecutiveFailures, circuitOpenedAt, nextDrainAt, heldUntil } = report;
  return show(destination, {
    ...report,
    filter: report.filter?.json ?? null,
    health: {
      ...report,
      state: enabled ? (consecutiveFailures === 0 ? "healthy" : "failing") : "paused",
      // A held destination is not probed before its hold ends.
      nextProbeAt: circuitOpenedAt === null || nextDrainAt === null ? null : Math.max(nextDrainAt, heldUntil ?? 0),
      heldUntil: heldUntil !== null && heldUntil > now ? heldUntil : null,
    },
  });
}

async function remove(db: Database, id: string, now: number): Promise<void> {
  // Disabled first: if this is cut short, the destination is still there and can be removed again.
  await updateDestination(db, id, { enabled: false }, now);
  await endAllPending(db, id, now);
  await deleteDestination(db, id);
  await endAllPending(db, id, now);
}

async function endAllPending(db: Database, destinationId: string, now: number): Promise<void> {
  while ((await endPendingDeliveries(db, destinationId, { now, limit: ENDED_AT_ONCE })) === ENDED_AT_ONCE);
}

/** The origin at which the operator reaches the relay. */
export function relayUrlOf({ req }: Pick<ActionContext, "req">): string {
  return new URL(req.url).origin;
}

/** A filter that the schema of requests has checked. */
export function toFilter(checked: z.output<typeof destinationChange>["filter"]): DestinationReport["filter"] {
  return checked ? readFilter(checked).filter : null;
}

/** The URL as it is stored. */
function readUrl(text: string, env: Env): string {
  const { url, fault } = readDestinationUrl(text, { allowPrivate: readConfig(env).allowPrivateDestinations });
  if (url === null) throw invalidRequest([{ path: "url", message: fault }]);
  return url;
}

function pick(shown: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(shown).filter(([name]) => names.includes(name)));
}
