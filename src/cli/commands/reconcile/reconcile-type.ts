import { type Instant, parseInstant } from "../../../domain/instant.ts";
import type { Fault } from "../../fault.ts";
import { TooManyResults } from "../../qonto-client.ts";
import { QontoRefusal } from "../../qonto-refusal.ts";
import type { RelayClient } from "../../relay-client.ts";
import { IncompleteListing } from "./complete-pages.ts";
import { type Item, idOf } from "./item.ts";
import { judge } from "./judge.ts";
import { type Known, findKnown, listKnown } from "./known.ts";
import { type Asking, isListedByTime, listItems } from "./listings.ts";
import { type Passage, type Road, putThrough } from "./put-through.ts";
import { type ReconciledEvent, reconciledEvent } from "./reconciled-event.ts";

export interface Reconciling extends Asking {
  readonly asOf: Instant;
  readonly relay: RelayClient;
  /** Null when nothing is to be put through. */
  readonly road: Road | null;
}

/** A thing that the bank and the relay do not know alike. */
export interface Found {
  readonly type: string;
  readonly resource_id: string;
  readonly difference: "missing" | "drifted" | "extra";
  /** Names of the fields that differ, as far as both sides show them; only of what has drifted. */
  readonly fields: readonly string[];
  readonly bank_updated_at: string | null;
  readonly relay_version_at: string | null;
  /** The event that stands for it; null for what is extra, for which there is none. */
  readonly event_id: string | null;
  readonly outcome: "reported" | Passage;
}

export interface TypeReport {
  readonly type: string;
  /** Things that Qonto lists. */
  readonly listed: number;
  readonly differences: readonly Found[];
  /** Why it was not compared, or not to its end; null when it was. */
  readonly fault: string | null;
}

/** Things that one request asks the relay for: their ids travel in the address, and may be long. */
const ASKED_FOR_AT_ONCE = 50;

/** Things that are looked at between two words about it. */
const TOLD_EVERY = 100;

/** Events on their way to the relay at once. */
const PUT_THROUGH_AT_ONCE = 8;

/**
 * Compares all that Qonto lists of a type with what the relay knows, and puts through what it lacks. Held in memory are a
 * page, the ids of what was listed, and what differs.
 */
export async function reconcileType(type: string, reconciling: Reconciling): Promise<TypeReport> {
  const listed = new Set<string>();
  const differences: Found[] = [];
  const report = (fault: string | null): TypeReport => {
    return { type, listed: listed.size, differences, fault };
  };
  try {
    for await (const page of listItems(type, reconciling)) {
      // What is listed twice is looked at once: the run is about what was there when it began.
      const fresh = page.filter((item) => !listed.has(idOf(type, item)));
      differences.push(...(await reconcileItems(type, fresh, reconciling)));
      for (const item of fresh) listed.add(idOf(type, item));
      reconciling.progress(`${type}: ${listed.size} listed, ${differences.length} differ …`);
    }
  } catch (error) {
    if (isOfOneType(error)) return report(error.message);
    throw error;
  }
  let looked = 0;
  for await (const known of listKnown(reconciling.relay, reconciling.organization.id, type)) {
    looked += 1;
    if (looked % TOLD_EVERY === 0)
      reconciling.progress(`${type}: ${looked} known to the relay, ${differences.length} differ …`);
    const extra = findExtra(type, known, listed, reconciling);
    if (extra !== null) differences.push(extra);
  }
  return report(null);
}

/** A type that this token may not see, or that Qonto does not list whole, does not hold up the others. */
function isOfOneType(error: unknown): error is Fault {
  if (error instanceof TooManyResults || error instanceof IncompleteListing) return true;
  return error instanceof QontoRefusal && [403, 404].includes(error.status);
}

async function reconcileItems(type: string, items: readonly Item[], reconciling: Reconciling): Promise<Found[]> {
  const all: Found[] = [];
  for (const some of inParts(items, ASKED_FOR_AT_ONCE)) {
    const { organization, relay } = reconciling;
    const known = await findKnown(
      relay,
      organization.id,
      type,
      some.map((item) => idOf(type, item)),
    );
    const differing = some
      .map((item) => compare(type, item, known.get(idOf(type, item)) ?? null, reconciling))
      .filter((one) => one !== null);
    for (const together of inParts(differing, PUT_THROUGH_AT_ONCE)) {
      all.push(...(await Promise.all(together.map((one) => mend(one, reconciling)))));
    }
  }
  return all;
}

function* inParts<Value>(values: readonly Value[], size: number): Generator<readonly Value[]> {
  for (let start = 0; start < values.length; start += size) yield values.slice(start, start + size);
}

interface Differing {
  readonly found: Found;
  readonly event: ReconciledEvent;
}

function compare(type: string, item: Item, known: Known | null, { organization, asOf }: Reconciling): Differing | null {
  const judgement = judge(item, known, asOf);
  if (judgement.state === "in_balance") return null;
  const supersedes = known?.event_id ?? null;
  const event = reconciledEvent({ type, organizationId: organization.id, item, judgement, supersedes, asOf });
  const found: Found = {
    type,
    resource_id: idOf(type, item),
    difference: judgement.state,
    fields: judgement.state === "drifted" ? judgement.fields : [],
    bank_updated_at: parseInstant(item["updated_at"])?.iso ?? null,
    relay_version_at: known?.version_at ?? null,
    event_id: event.id,
    outcome: "reported",
  };
  return { found, event };
}

async function mend({ found, event }: Differing, { road }: Reconciling): Promise<Found> {
  return road === null ? found : { ...found, outcome: await putThrough(event, road) };
}

/**
 * A thing that the relay knows and Qonto does not list. It may be gone, or be hidden from this access token, or be listed
 * again tomorrow: that is for a person to find out, and no event is made of it.
 */
function findExtra(type: string, known: Known, listed: ReadonlySet<string>, asking: Reconciling): Found | null {
  const { resource_id: id, deleted, version_at, data } = known;
  if (id === null || deleted || listed.has(id) || !shouldBeListed(type, known, asking)) return null;
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

/** Not what came to be after the run began; and of what is listed by time only what surely has changed in it. */
function shouldBeListed(type: string, { version_at, data }: Known, { sinceMs, asOfMs }: Asking): boolean {
  if (version_at !== null && Date.parse(version_at) >= asOfMs) return false;
  if (!isListedByTime(type)) return true;
  const changedAt = parseInstant(data["updated_at"]) ?? parseInstant(data["created_at"]);
  return changedAt !== null && Date.parse(changedAt.iso) >= sinceMs;
}
