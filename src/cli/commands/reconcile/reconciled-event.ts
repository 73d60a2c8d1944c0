import { createHash } from "node:crypto";
import { RECONCILED_PREFIX } from "../../../domain/event.ts";
import type { Instant } from "../../../domain/instant.ts";
import { isObject } from "../../../platform/json.ts";
import { rulesOf } from "../../../qonto/catalogue.ts";
import { type Item, idOf } from "./item.ts";
import type { Judgement } from "./judge.ts";

/** An event that stands for one that never came. */
export interface ReconciledEvent {
  readonly id: string;
  readonly body: string;
}

export interface Difference {
  readonly type: string;
  readonly organizationId: string;
  readonly item: Item;
  readonly judgement: Exclude<Judgement, { readonly state: "in_balance" }>;
  /** The event that the relay's state is of; null when it has none. */
  readonly supersedes: string | null;
  /** When the run began. */
  readonly asOf: Instant;
}

/**
 * Makes the event of a difference, always under the same id.
 *
 * A thing with a date is the version that its `updated_at` names, so organization, type, resource and that instant make
 * the id. The instant is the envelope's `created_at` as well: the webhook of the same version, should it still come, was
 * made later, and so is the one that the state keeps.
 *
 * A thing without a date is right as of the run's beginning, which is the envelope's `created_at`: it replaces what the
 * relay heard before, and gives way to what is sent later. The next run begins at another instant, so the id is made of
 * the thing's content instead, and of the event that it replaces: should the thing come to be again what it was, that is
 * another event.
 */
export function reconciledEvent(difference: Difference): ReconciledEvent {
  const { type, organizationId, item, judgement, supersedes, asOf } = difference;
  const { version } = judgement;
  const isDated = version.by === "updated_at";
  const names = isDated ? [version.at.sortKey] : [inOneOrder(item), supersedes];
  const id = RECONCILED_PREFIX + digest([organizationId, type, idOf(type, item), ...names]);
  const created_at = isDated ? version.at.iso : asOf.iso;
  const data = { ...(isDated ? item : withoutDate(item)), ...eventName(difference) };
  return { id, body: JSON.stringify({ id, organization_id: organizationId, type, created_at, data }) };
}

/** What the relay knows bears no date, so what replaces it is dated as that is, by its envelope. */
function withoutDate({ updated_at: _date, ...item }: Item): Item {
  return item;
}

/** Invoices do not say what happened to them. */
const WITHOUT_EVENT = "v1/client-invoices";

/**
 * What happened to it, as far as can be told: a status that is the end or a stage of the thing's life names it (a transfer
 * `settled`, a card `discarded`); else it is new to the relay, or has changed.
 */
function eventName({ type, item, judgement }: Difference): { event?: string } {
  if (type === WITHOUT_EVENT) return {};
  const status = item["status"];
  if (typeof status === "string" && rulesOf(type).lifecycle.includes(status)) return { event: status };
  return { event: judgement.state === "missing" ? "created" : "updated" };
}

const DIGEST_CHARACTERS = 32;

function digest(names: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(names)).digest("hex").slice(0, DIGEST_CHARACTERS);
}

/** The same with the fields in one order, whatever order they came in. */
function inOneOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOneOrder);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, one]) => [key, inOneOrder(one)]),
  );
}
