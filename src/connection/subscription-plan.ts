import type { ConnectionSubscription } from "../store/connections.ts";
import type { ListedSubscription, SubscriptionContent } from "./subscriptions-at-qonto.ts";

/**
 * What to do about a connection's subscriptions at Qonto. The relay changes and deletes only those that it has made itself; all
 * others are foreign.
 */

/** The one subscription that a connection is to have. */
export interface DesiredSubscription extends SubscriptionContent {
  readonly connectionId: string;
  /** Id of the key that its secret is derived from. */
  readonly keyId: string;
}

export interface SubscriptionPlan {
  /** The one that stays; null: one is to be created. */
  readonly kept: ListedSubscription | null;
  /** Whether its types or its address are to be replaced. */
  readonly isReplaced: boolean;
  /** Further ones of the relay's own, to delete once the desired one is there. */
  readonly surplus: readonly ListedSubscription[];
  /** Whether there was none before. */
  readonly isFirst: boolean;
  /** Whether events may have been missed: there was one before, and it no longer delivers all that it did. */
  readonly hasGap: boolean;
  /** Ids of the relay's own that were there and are not listed. */
  readonly vanishedIds: readonly string[];
  /** What is there before anything is done. */
  readonly seen: readonly ConnectionSubscription[];
}

/** What tells a connection's own subscriptions. */
type OwnersMark = Pick<DesiredSubscription, "connectionId" | "callbackUrl">;

/** One of the relay's own. */
interface OwnSubscription extends ListedSubscription {
  readonly keyId: string;
  readonly isNoted: boolean;
}

/** Where Qonto sends webhooks to. `relayUrl`: an origin. */
export function callbackUrlOf(relayUrl: string): string {
  return `${relayUrl}/webhooks/qonto`;
}

/**
 * Makes a subscription recognisable as the connection's own, and says which key its secret is derived from: the run that created it
 * may have died before it noted it.
 */
export function descriptionOf(connectionId: string, keyId: string): string {
  return `Qonto relay ${connectionId}, key ${keyId}`;
}

const describedAsOwn = /^Qonto relay (\S+), key (\S+)$/;

/** `noted`: the subscriptions as they were last seen. `listed`: all that Qonto has now. */
export function planSubscriptions(
  listed: readonly ListedSubscription[],
  noted: readonly ConnectionSubscription[],
  desired: OwnersMark & Pick<DesiredSubscription, "types" | "keyId">,
): SubscriptionPlan {
  const own = ownAmong(listed, noted, desired);
  const usable = own.filter(({ isActive, keyId }) => isActive && keyId === desired.keyId);
  const kept = usable.find(({ isNoted }) => isNoted) ?? usable[0] ?? null;
  const former = noted.filter(({ id, status }) => id !== null && status !== "foreign");
  const delivered = new Set(own.filter(({ isActive, isNoted }) => isActive && isNoted).flatMap(({ types }) => types));
  const lost = desired.types.filter((type) =>
    former.some(({ types, status }) => types.includes(type) && (status === "missing" || !delivered.has(type))),
  );
  const formerIds = new Set(former.flatMap(({ id }) => id ?? []));
  return {
    kept,
    isReplaced: kept !== null && !isAsDesired(kept, desired),
    surplus: own.filter(({ id }) => id !== kept?.id),
    isFirst: former.length === 0,
    hasGap: lost.length > 0,
    vanishedIds: [...formerIds].filter((id) => listed.every((one) => one.id !== id)),
    seen: [
      ...describeActive(own),
      ...describeMissing(own, { lost, former: former[0], desired: desired.types }),
      ...describeForeign(listed, own),
    ],
  };
}

export function isAsDesired(
  { types, callbackUrl }: ListedSubscription,
  desired: Pick<DesiredSubscription, "types" | "callbackUrl">,
): boolean {
  return callbackUrl === desired.callbackUrl && new Set(types).symmetricDifference(new Set(desired.types)).size === 0;
}

/**
 * Those that are noted as its own, or described as made for this connection, and are where the relay is, or where it has pointed
 * them: it was elsewhere before it was connected again under another address.
 */
export function ownAmong(
  listed: readonly ListedSubscription[],
  noted: readonly ConnectionSubscription[],
  { connectionId, callbackUrl }: OwnersMark,
): OwnSubscription[] {
  return listed.flatMap((one) => {
    const note = noted.find(({ id }) => id === one.id);
    const notedKeyId = note?.keyId ?? null;
    const [, describedId, describedKeyId = null] = describedAsOwn.exec(one.description ?? "") ?? [];
    const keyId = notedKeyId ?? (describedId === connectionId ? describedKeyId : null);
    const isWhereLeft = one.callbackUrl === callbackUrl || one.callbackUrl === note?.callbackUrl;
    const isOwn = isWhereLeft && keyId !== null;
    return isOwn ? [{ ...one, keyId, isNoted: notedKeyId !== null }] : [];
  });
}

function describeActive(own: readonly OwnSubscription[]): ConnectionSubscription[] {
  const active = own.filter(({ isActive }) => isActive);
  return active.map(({ id, types, keyId, callbackUrl }) => ({ id, types, status: "active", keyId, callbackUrl }));
}

/** What was lost keeps the id of the one that delivered it: if this check fails, the gap is still one for the next. */
function describeMissing(
  own: readonly OwnSubscription[],
  {
    lost,
    former,
    desired,
  }: {
    readonly lost: readonly string[];
    readonly former: ConnectionSubscription | undefined;
    readonly desired: readonly string[];
  },
): ConnectionSubscription[] {
  if (former !== undefined && lost.length > 0) {
    const { id, keyId, callbackUrl } = former;
    return [{ id, types: lost, status: "missing", keyId, callbackUrl }];
  }
  return own.some(({ isActive }) => isActive) ? [] : [{ id: null, types: desired, status: "missing", keyId: null }];
}

function describeForeign(
  listed: readonly ListedSubscription[],
  own: readonly OwnSubscription[],
): ConnectionSubscription[] {
  const foreign = listed.filter(({ id }) => own.every((one) => one.id !== id));
  return foreign.map(({ id, types }) => ({ id, types, status: "foreign", keyId: null }));
}
