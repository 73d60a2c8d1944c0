import { RECONCILED_PREFIX } from "../domain/event.ts";
import { type Instant, parseInstant } from "../domain/instant.ts";
import { digestOf } from "../platform/digest.ts";
import { isObject, numberText, sortKeys } from "../platform/json.ts";
import { QontoRefusal } from "../qonto/api-client.ts";
import { rulesOf } from "../qonto/catalogue.ts";
import { readId } from "../qonto/envelope.ts";

/** A resource as Qonto's API lists it. Its numbers keep their text. */
export type Item = Readonly<Record<string, unknown>>;

/** The latest state of a resource as the relay has it. */
export interface Known {
  readonly resourceId: string | null;
  readonly deleted: boolean;
  readonly versionAt: string | null;
  /** The event that the state was made from. */
  readonly eventId: string;
  /** Of that event; null where that is not known. */
  readonly createdAt: string | null;
  readonly data: Item;
}

/** The id that the relay keeps it under. Throws QontoRefusal. */
export function idOf(type: string, shown: Item): string {
  const found = readId(shown[rulesOf(type).resourceId ?? "id"] ?? shown["id"]);
  if (found === null) throw new QontoRefusal(200, `its answer is not as documented (it lists ${type} without an id).`);
  return found;
}

/**
 * How the bank's side of a resource differs from the relay's. `version` dates the bank's side: the resource's own
 * `updated_at`; null for the beginning of the run.
 */
type Judgement =
  | { readonly state: "in_balance" }
  | { readonly state: "missing"; readonly version: Instant | null }
  | { readonly state: "drifted"; readonly version: Instant | null; readonly fields: readonly string[] };

const IN_BALANCE = { state: "in_balance" } as const;

/** Nothing says that Qonto moves the date of an account with its balance. There are few, so that its contents may decide. */
const LOOSELY_DATED = "v1/accounts";

/**
 * Where both sides have a date, the newer one is right. Otherwise the contents decide, as they do for accounts of the same date: the
 * bank is right as of the beginning of the run, unless the relay has received something later.
 */
export function judge(type: string, item: Item, known: Known | null, asOf: Instant): Judgement {
  const bankAt = parseInstant(item["updated_at"]);
  if (known === null) return { state: "missing", version: bankAt };

  const fields = differingFields(item, known.data);
  const knownAt = parseInstant(known.data["updated_at"]);
  if (bankAt !== null && knownAt !== null) {
    if (isNewer(bankAt, knownAt, fields)) return { state: "drifted", version: bankAt, fields };
    if (type !== LOOSELY_DATED || bankAt.sortKey !== knownAt.sortKey) return IN_BALANCE;
  }
  if (mayBeNewer(known, asOf) || isSince(known.createdAt, asOf)) return IN_BALANCE;
  return fields.length > 0 || known.deleted ? { state: "drifted", version: null, fields } : IN_BALANCE;
}

/** Whether the relay may have received it after the run began. */
export function mayBeNewer({ versionAt }: Pick<Known, "versionAt">, asOf: Instant): boolean {
  return isSince(versionAt, asOf);
}

function isSince(text: string | null, asOf: Instant): boolean {
  const at = parseInstant(text);
  return at !== null && at.sortKey >= asOf.sortKey;
}

/** Webhook and API may write the same instant with and without its fraction. */
function isNewer(bankAt: Instant, knownAt: Instant, fields: readonly string[]): boolean {
  const secondOf = ({ sortKey }: Instant) => sortKey.slice(0, sortKey.indexOf("."));
  return secondOf(bankAt) === secondOf(knownAt)
    ? fields.length > 0 && bankAt.sortKey > knownAt.sortKey
    : bankAt.sortKey > knownAt.sortKey;
}

/** Fields of a webhook's `data` that say what happened and when, and are not of the resource. */
const aboutTheEvent = ["event", "updated_at"];

/**
 * Names of the fields that both sides show and that differ. Webhook and API each show only some fields of a resource. They also
 * write the same value in different ways: amounts as texts, as numbers or with their currency, instants with or without fractions
 * or a zone.
 */
export function differingFields(one: Item, other: Item): string[] {
  return sharedKeys(one, other).filter((key) => !aboutTheEvent.includes(key) && !isSame(one[key], other[key]));
}

function sharedKeys(one: object, other: object): string[] {
  return Object.keys(one).filter((key) => Object.hasOwn(other, key));
}

function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((element, index) => isSame(element, other[index]));
  }
  if (isObject(one) && isObject(other)) return sharedKeys(one, other).every((key) => isSame(one[key], other[key]));
  const [text, otherText] = [textOf(one), textOf(other)];
  if (text === null || otherText === null) return one === other;
  // Two numbers are no instants: seconds and milliseconds of the same one are different amounts.
  if (isNumber(text) && isNumber(otherText)) return withoutZeros(text) === withoutZeros(otherText);
  return text === otherText || isSameInstant(text, otherText);
}

/** A text, or a number as it was written. Qonto shows the same amount with its currency and without. */
function textOf(value: unknown): string | null {
  if (isObject(value) && "amount" in value && "currency" in value) return textOf(value["amount"]);
  return typeof value === "string" ? value : numberText(value);
}

function isNumber(text: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(text);
}

function withoutZeros(number: string): string {
  const whole = number.replace(/^(-?)0+(?=\d)/, "$1");
  return whole.includes(".") ? whole.replace(/\.?0+$/, "") : whole;
}

function isSameInstant(one: string, other: string): boolean {
  const instant = parseInstant(one);
  return instant !== null && instant.sortKey === parseInstant(other)?.sortKey;
}

/** A resource of the bank's that the relay lacks, or has in an older state, or one that the bank has no more. */
export interface Difference {
  readonly type: string;
  readonly resourceId: string;
  readonly state: "missing" | "drifted" | "deleted";
  /** Names of the fields that differ, as far as both sides show them; only of what has drifted. */
  readonly fields: readonly string[];
  readonly bankUpdatedAt: string | null;
  /** When the bank's side became what it is; null where nothing dates that, as of a resource that is there again. */
  readonly changedAt: string | null;
  readonly relayVersionAt: string | null;
}

/** A difference, and the event that makes up for it. */
export interface Found {
  readonly difference: Difference;
  readonly event: ReconciledEvent;
}

interface Comparing {
  readonly organizationId: string;
  /** When the run began. */
  readonly asOf: Instant;
}

/** How the relay's state differs from items that Qonto lists. */
export async function compareItems(
  type: string,
  items: readonly Item[],
  knownById: ReadonlyMap<string | null, Known>,
  { organizationId, asOf }: Comparing,
): Promise<readonly Found[]> {
  const compared = items.map(async (item) => {
    const resourceId = idOf(type, item);
    const known = knownById.get(resourceId) ?? null;
    const judgement = judge(type, item, known, asOf);
    if (judgement.state === "in_balance") return [];
    const difference: Difference = {
      type,
      resourceId,
      state: judgement.state,
      fields: judgement.state === "drifted" ? judgement.fields : [],
      bankUpdatedAt: parseInstant(item["updated_at"])?.iso ?? null,
      changedAt: judgement.version?.iso ?? null,
      relayVersionAt: known?.versionAt ?? null,
    };
    const event = await reconciledEvent({ type, organizationId, item, judgement, known, asOf });
    return [{ difference, event }];
  });
  return (await Promise.all(compared)).flat();
}

/**
 * What has become of resources that Qonto says are gone. What the relay knows as deleted is none, nor what it has received since
 * the run began.
 */
export async function compareGone(
  type: string,
  gone: readonly Known[],
  { organizationId, asOf }: Comparing,
): Promise<readonly Found[]> {
  const compared = gone.map(async (known) => {
    const { resourceId, versionAt, eventId, data } = known;
    if (resourceId === null || known.deleted || mayBeNewer(known, asOf)) return [];
    const names = [organizationId, type, resourceId, "deleted", eventId];
    const state = { ...withoutDate(data), event: "deleted" };
    const event = await eventOf(names, { organizationId, type, createdAt: asOf.iso, data: state });
    const difference: Difference = {
      type,
      resourceId,
      state: "deleted",
      fields: [],
      bankUpdatedAt: null,
      changedAt: null,
      relayVersionAt: versionAt,
    };
    return [{ difference, event }];
  });
  return (await Promise.all(compared)).flat();
}

/** An event made in place of one that never arrived. */
export interface ReconciledEvent {
  readonly id: string;
  readonly body: string;
}

export interface Differing extends Comparing {
  readonly type: string;
  readonly item: Item;
  readonly judgement: Exclude<Judgement, { readonly state: "in_balance" }>;
  /** What the event replaces; null when the relay has nothing. */
  readonly known: Known | null;
}

/**
 * Makes the event of a difference, with the same id each time.
 *
 * A resource with a date is the version that `updated_at` names: organization, type, resource and that instant make the id.
 * The instant is also the envelope's `created_at`. If the webhook of the same version still arrives, its `created_at` is
 * later, so the state keeps the webhook.
 *
 * A resource without a date is right as of the beginning of the run, which is the envelope's `created_at`: the event replaces
 * what the relay received before, and is replaced by what is sent later. The next run begins at another instant, so the id
 * is made of the content instead, and of the event that is replaced: a resource that changes and changes back gets a new one.
 * So is that of a deletion: a resource that is gone, and there again, can be gone a second time. An account keeps the date that both
 * sides have: among events of the same date the state takes the one that was created last.
 */
export async function reconciledEvent(difference: Differing): Promise<ReconciledEvent> {
  const { type, organizationId, item, judgement, known, asOf } = difference;
  const { version } = judgement;
  const names = version === null ? [sortKeys(item), known?.eventId ?? null] : [version.sortKey];
  const createdAt = (version ?? asOf).iso;
  const isDated = version !== null || parseInstant(known?.data["updated_at"]) !== null;
  const data = { ...(isDated ? item : withoutDate(item)), ...eventName(difference) };
  return eventOf([organizationId, type, idOf(type, item), ...names], { organizationId, type, createdAt, data });
}

interface Content {
  readonly organizationId: string;
  readonly type: string;
  readonly createdAt: string;
  readonly data: Item;
}

/** Of a digest, in an id. */
const DIGEST_CHARACTERS = 32;

/** The event whose id these names make, in Qonto's form. */
async function eventOf(
  names: readonly unknown[],
  { organizationId, type, createdAt, data }: Content,
): Promise<ReconciledEvent> {
  const digest = await digestOf(JSON.stringify(names));
  const id = RECONCILED_PREFIX + digest.slice(0, DIGEST_CHARACTERS);
  return { id, body: JSON.stringify({ id, organization_id: organizationId, type, created_at: createdAt, data }) };
}

/** The relay's side has no date, so the event is dated by its envelope, as that one is. */
function withoutDate({ updated_at: _date, ...item }: Item): Item {
  return item;
}

/** Invoices do not say what happened to them. */
const WITHOUT_EVENT = "v1/client-invoices";

/** A status of the type's lifecycle names what happened (a transfer `settled`, a card `discarded`); else `created` or `updated`. */
function eventName({ type, item, judgement }: Differing): { event?: string } {
  if (type === WITHOUT_EVENT) return {};
  const status = item["status"];
  if (typeof status === "string" && rulesOf(type).lifecycle.includes(status)) return { event: status };
  return { event: judgement.state === "missing" ? "created" : "updated" };
}
