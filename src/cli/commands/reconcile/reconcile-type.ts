import type { z } from "zod";
import { pageOfSchema } from "../../../api/schemas/common.ts";
import { resource } from "../../../api/schemas/organization.ts";
import { type Instant, parseInstant } from "../../../domain/instant.ts";
import { type QontoClient, QontoRefusal, TooManyResults } from "../../../qonto/api-client.ts";
import { type Found, type Item, type Known, compareGone, compareItems, idOf } from "../../../reconciliation/compare.ts";
import { type Organization, isListedByTime } from "../../../reconciliation/listings.ts";
import { LookUps } from "../../../reconciliation/look-up.ts";
import { readPage } from "../../../reconciliation/read-page.ts";
import { IncompleteListing, beginReading } from "../../../reconciliation/reading.ts";
import type { RelayClient } from "../../relay-client.ts";
import { type Applied, type Receiver, applyEvent } from "./apply-event.ts";

export interface Reconciling {
  readonly qonto: QontoClient;
  readonly organization: Organization;
  readonly sinceMs: number;
  /** When the run began, by Qonto's clock: what it lists is at least as new. */
  readonly asOf: Instant;
  readonly progress: (text: string) => void;
  readonly relay: RelayClient;
  /** Null when differences are only reported. */
  readonly receiver: Receiver | null;
}

/** A resource that the bank and the relay do not show alike. */
export interface Difference {
  readonly type: string;
  readonly resource_id: string;
  readonly difference: "missing" | "drifted" | "deleted" | "extra";
  /** Names of the fields that differ, as far as both sides show them; only of what has drifted. */
  readonly fields: readonly string[];
  readonly bank_updated_at: string | null;
  readonly relay_version_at: string | null;
  /** The event that was made for it; null for an extra resource, for which none is made. */
  readonly event_id: string | null;
  readonly outcome: "reported" | Applied;
}

export interface TypeReport {
  readonly type: string;
  /** Number of resources that Qonto lists. */
  readonly listed: number;
  readonly differences: readonly Difference[];
  /** Why the comparison is incomplete; null when it is complete. */
  readonly fault: string | null;
}

/** Resources that one request asks the relay for: their ids are in the address, and may be long. */
const IDS_A_REQUEST = 50;

const PROGRESS_EVERY = 100;

const APPLIED_AT_ONCE = 8;

/**
 * Compares all that Qonto lists of a type with what the relay has, and applies what the relay lacks. Memory holds a page,
 * the ids of what was listed, and the differences.
 */
export async function reconcileType(type: string, reconciling: Reconciling): Promise<TypeReport> {
  const { relay, organization, progress } = reconciling;
  const listed = new Set<string>();
  const differences: Difference[] = [];
  const report = (fault: string | null): TypeReport => ({ type, listed: listed.size, differences, fault });
  try {
    for await (const page of pagesOf(type, reconciling)) {
      // What is listed twice is compared once: the run is about what was there when it began.
      const fresh = page.filter((item) => !listed.has(idOf(type, item)));
      differences.push(...(await reconcileItems(type, fresh, reconciling)));
      for (const item of fresh) listed.add(idOf(type, item));
      progress(`${type}: ${listed.size} listed, ${differences.length} differ …`);
    }
  } catch (error) {
    if (isOfOneType(error)) return report(error.message);
    throw error;
  }
  const [listedId = null] = listed;
  const lookUps = new LookUps({ type, listedId, isReliable: null }, reconciling.qonto);
  let compared = 0;
  for await (const known of relay.list(resourcesPath(organization.id), resource, { type })) {
    compared += 1;
    if (compared % PROGRESS_EVERY === 0) {
      progress(`${type}: ${compared} known to the relay, ${differences.length} differ …`);
    }
    if (!isExtra(type, known, listed, reconciling)) continue;
    differences.push(await reconcileExtra(type, known, lookUps, reconciling));
  }
  return report(null);
}

/** The token may not see this type, or Qonto does not list it whole. Other types are still compared. */
function isOfOneType(error: unknown): error is Error {
  if (error instanceof TooManyResults || error instanceof IncompleteListing) return true;
  return error instanceof QontoRefusal && [403, 404].includes(error.status);
}

/** What Qonto lists of a type, page by page. */
async function* pagesOf(
  type: string,
  { qonto, organization, sinceMs, asOf, progress }: Reconciling,
): AsyncGenerator<readonly Item[]> {
  if (type === "v1/organizations") yield [organization.shown];
  if (type === "v1/accounts") yield organization.accounts;
  const accountIds = organization.accounts.map((account) => idOf("v1/accounts", account));
  let reading = beginReading(type, { accountIds, sinceMs, asOfMs: Date.parse(asOf.iso) });
  while (reading !== null) {
    const { fresh, next, again } = await readPage(reading, qonto);
    yield fresh;
    if (again !== null) progress(`${type}: ${again}, reading again …`);
    reading = next;
  }
}

async function reconcileItems(type: string, items: readonly Item[], reconciling: Reconciling): Promise<Difference[]> {
  const { organization, asOf } = reconciling;
  const all: Difference[] = [];
  for (const some of inParts(items, IDS_A_REQUEST)) {
    const known = await findKnown(type, some, reconciling);
    const differing = await compareItems(type, some, known, { organizationId: organization.id, asOf });
    for (const together of inParts(differing, APPLIED_AT_ONCE)) {
      all.push(...(await Promise.all(together.map((found) => settle(found, reconciling)))));
    }
  }
  return all;
}

/** Applies the event of a difference, or only reports it. */
async function settle({ difference, event }: Found, { receiver }: Reconciling): Promise<Difference> {
  return {
    type: difference.type,
    resource_id: difference.resourceId,
    difference: difference.state,
    fields: difference.fields,
    bank_updated_at: difference.bankUpdatedAt,
    relay_version_at: difference.relayVersionAt,
    event_id: event.id,
    outcome: receiver === null ? "reported" : await applyEvent(event, receiver),
  };
}

const resourcesPath = (organizationId: string) => `/api/organizations/${encodeURIComponent(organizationId)}/resources`;

const resources = pageOfSchema(resource).pick({ data: true });

type Resource = z.output<typeof resource>;
type KnownById = ReadonlyMap<string | null, Known>;

/** What the relay has of some resources. */
async function findKnown(
  type: string,
  items: readonly Item[],
  { relay, organization }: Reconciling,
): Promise<KnownById> {
  const query = { type, resource_id: items.map((item) => idOf(type, item)) };
  const { data } = await relay.get(resourcesPath(organization.id), resources, query);
  return new Map(data.map((known) => [known.resource_id, toKnown(known)]));
}

function toKnown({ resource_id: resourceId, version_at: versionAt, event_id: eventId, ...known }: Resource): Known {
  // The API does not show when the event was created: a webhook that comes while this command runs may be taken for older.
  return { ...known, resourceId, versionAt, eventId, createdAt: null };
}

function* inParts<Value>(values: readonly Value[], size: number): Generator<readonly Value[]> {
  for (let start = 0; start < values.length; start += size) yield values.slice(start, start + size);
}

/** A resource that the relay has and Qonto does not list. */
interface Extra extends Resource {
  readonly resource_id: string;
}

function isExtra(type: string, known: Resource, listed: ReadonlySet<string>, reconciling: Reconciling): known is Extra {
  const { resource_id: id, deleted } = known;
  return id !== null && !deleted && !listed.has(id) && shouldBeListed(type, known, reconciling);
}

/**
 * It is deleted if Qonto says so. Otherwise it may be gone, or be hidden from this access token, or be listed again tomorrow: that
 * is for a person to find out, and no event is made of it.
 */
async function reconcileExtra(
  type: string,
  known: Extra,
  lookUps: LookUps,
  reconciling: Reconciling,
): Promise<Difference> {
  const { organization, asOf } = reconciling;
  const { resource_id: id, version_at, data } = known;
  const gone = (await lookUps.isGone(id)) ? [toKnown(known)] : [];
  const [deletion] = await compareGone(type, gone, { organizationId: organization.id, asOf });
  if (deletion !== undefined) return settle(deletion, reconciling);
  return {
    type,
    resource_id: id,
    difference: "extra",
    fields: [],
    bank_updated_at: null,
    relay_version_at: version_at ?? parseInstant(data["created_at"])?.iso ?? null,
    event_id: null,
    outcome: "reported",
  };
}

/** Not what changed after the run began. Of types that are listed by time, only what is known to have changed since. */
function shouldBeListed(type: string, { version_at, data }: Resource, { sinceMs, asOf }: Reconciling): boolean {
  if (version_at !== null && Date.parse(version_at) >= Date.parse(asOf.iso)) return false;
  if (!isListedByTime(type)) return true;
  const changedAt = parseInstant(data["updated_at"]) ?? parseInstant(data["created_at"]);
  return changedAt !== null && Date.parse(changedAt.iso) >= sinceMs;
}
