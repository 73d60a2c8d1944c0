import { announceOperationalEvent } from "../announce.ts";
import { type OperationalEvent, operationalEvent } from "../domain/operational-event.ts";
import { keyIdOf } from "../platform/encryption.ts";
import { logLine } from "../platform/log.ts";
import { QontoRefusal } from "../qonto/api-client.ts";
import { cataloguedTypes, isCatalogued, scopeOf } from "../qonto/catalogue.ts";
import { subscriptionSecrets } from "../qonto/subscription-secret.ts";
import { type CheckedSubscriptions, noteSubscriptions } from "../store/connection-subscriptions.ts";
import type { Connection, ConnectionSubscription } from "../store/connections.ts";
import { type Budget, type ConnectionContext, ConnectionFault } from "./context.ts";
import { openQonto } from "./open-qonto.ts";
import {
  type DesiredSubscription,
  type SubscriptionPlan,
  callbackUrlOf,
  descriptionOf,
  planSubscriptions,
} from "./subscription-plan.ts";
import { OutOfBudget, SubscriptionsAtQonto, UnreliableList } from "./subscriptions-at-qonto.ts";

const CHECKED_EVERY_MS = 900_000;

/**
 * `created`: the first one. `restored`: there was one before, and it no longer delivered all that it should. `changed`: it got other
 * types or another key, or a surplus one was deleted. `unfinished`: the budget was spent, and the next run goes on.
 */
type Outcome = "unchanged" | "created" | "restored" | "changed" | "unfinished";

/**
 * Compares a connection's subscriptions at Qonto with what they should be, brings that about, and notes what is there after each
 * step, because the next one may fail. Throws what stopped it: then what was seen is noted too.
 */
export async function checkSubscriptions(
  connection: Connection,
  context: ConnectionContext,
  budget: Budget,
): Promise<Outcome> {
  const { world } = context;
  const startedAt = world.now();
  let subscriptions: readonly ConnectionSubscription[] = connection.subscriptions;
  let restored: OperationalEvent | null = null;
  let noted = connection;
  try {
    const desired = await desiredSubscription(connection, context);
    const atQonto = new SubscriptionsAtQonto(openQonto(connection, context), budget, world);
    const plan = await planByQonto(connection.subscriptions, desired, atQonto);
    subscriptions = plan.seen;

    const kept = await keepOrMake(plan, desired, atQonto).catch((error: unknown) => {
      throw namingUncatalogued(error, desired.types);
    });
    const outcome = outcomeOf(plan);
    const own = {
      id: kept.id,
      types: kept.types,
      status: "active" as const,
      keyId: desired.keyId,
      callbackUrl: desired.callbackUrl,
      checkedAt: world.now(),
    };
    const others = plan.seen.filter(({ id, status }) => status !== "missing" && id !== kept.id);
    subscriptions = [own, ...others];
    restored = outcome === "restored" ? tellRestored(kept, connection, context) : null;
    noted = await note({ subscriptions, restored }, noted, context, world.now() + CHECKED_EVERY_MS);
    restored = null;

    if (plan.surplus.length > 0) {
      // Only now: there is always one that delivers.
      for (const { id } of plan.surplus) await atQonto.delete(id);
      subscriptions = [own, ...others.filter(({ status }) => status === "foreign")];
      await note({ subscriptions, restored }, noted, context, world.now() + CHECKED_EVERY_MS);
    }
    if (outcome !== "unchanged") {
      logLine("connection", {
        message: `subscription.${outcome}`,
        connection_id: connection.id,
        organization_id: connection.organizationId,
        subscriptions: subscriptions.length,
        duration_ms: world.now() - startedAt,
      });
    }
    return outcome;
  } catch (error) {
    const dueAt = concernsSubscriptionsAlone(error) ? world.now() + CHECKED_EVERY_MS : connection.subscriptionsDueAt;
    await note({ subscriptions, restored }, noted, context, dueAt);
    if (error instanceof OutOfBudget) return "unfinished";
    throw error;
  }
}

/** What was seen or done; `restored` is told with it. */
type Noted = Pick<CheckedSubscriptions, "subscriptions" | "restored">;

/** Returns the connection as it is then. */
async function note(
  { subscriptions, restored }: Noted,
  connection: Connection,
  { env, world }: ConnectionContext,
  dueAt: number,
): Promise<Connection> {
  const seen = subscriptions.map((one) => withTimes(one, connection, world.now()));
  await noteSubscriptions(env.DB, connection, { subscriptions: seen, dueAt, restored });
  if (restored !== null) await announceOperationalEvent(env, restored.id, world);
  return { ...connection, subscriptions: seen, subscriptionsDueAt: dueAt };
}

/** Health says how long it has been missing, or not as it should be. */
function withTimes(
  one: ConnectionSubscription,
  { subscriptions: before }: Connection,
  now: number,
): ConnectionSubscription {
  if (one.status === "missing") {
    return { ...one, missingSince: before.find(({ status }) => status === "missing")?.missingSince ?? now };
  }
  return { ...before.find(({ id, status }) => id === one.id && status === one.status), ...one };
}

/** Whether it stops no other step, and the next check is made at its usual time. A 401 stops all of them. */
function concernsSubscriptionsAlone(error: unknown): boolean {
  return error instanceof NothingToSubscribe || (error instanceof QontoRefusal && error.status !== 401);
}

/** Throws NothingToSubscribe. */
async function desiredSubscription(
  { id, relayUrl, scopes }: Connection,
  { config }: ConnectionContext,
): Promise<DesiredSubscription> {
  const types = (config.qonto.types ?? cataloguedTypes.business).filter((type) => {
    const scope = scopeOf(type);
    return scope === null || scopes.includes(scope);
  });
  if (types.length === 0) throw new NothingToSubscribe();
  const [key] = config.subscriptionKeys;
  const [secret] = await subscriptionSecrets(config.subscriptionKeys);
  if (key === undefined || secret === undefined) throw new NoSubscriptionKey();
  const keyId = await keyIdOf(key);
  const description = descriptionOf(id, keyId);
  return { connectionId: id, callbackUrl: callbackUrlOf(relayUrl), types, secret, keyId, description };
}

class NothingToSubscribe extends ConnectionFault {
  override readonly name = "NothingToSubscribe";
  override readonly message = "The granted scopes allow no event type of QONTO_TYPES, so there is no subscription.";
}

class NoSubscriptionKey extends ConnectionFault {
  override readonly name = "NoSubscriptionKey";
  override readonly message = "ENCRYPTION_KEYS holds no key that is long enough for the secret of a subscription.";
}

/** Decides once the whole list is read. A list that lacks one which Qonto still has is not believed. */
async function planByQonto(
  noted: readonly ConnectionSubscription[],
  desired: DesiredSubscription,
  atQonto: SubscriptionsAtQonto,
): Promise<SubscriptionPlan> {
  const listed = await atQonto.list();
  const plan = planSubscriptions(listed, noted, desired);
  for (const id of plan.vanishedIds) if (await atQonto.has(id)) throw new UnreliableList();
  return plan;
}

async function keepOrMake(
  { kept, isReplaced }: SubscriptionPlan,
  desired: DesiredSubscription,
  atQonto: SubscriptionsAtQonto,
) {
  if (kept === null) return atQonto.create(desired);
  return isReplaced ? atQonto.replace(kept.id, desired) : kept;
}

/** Statuses with which Qonto refuses what a subscription is to be, whole and perhaps for one of its types. */
const REFUSED_CONTENT: readonly number[] = [400, 403, 422];

/** Types that the catalogue lacks may be new, or misspelt: only Qonto knows. */
function namingUncatalogued(error: unknown, types: readonly string[]): unknown {
  const uncatalogued = types.filter((type) => !isCatalogued(type));
  if (!(error instanceof QontoRefusal) || !REFUSED_CONTENT.includes(error.status) || uncatalogued.length === 0) {
    return error;
  }
  const hint = `QONTO_TYPES names types that the relay does not know: ${uncatalogued.join(", ")}.`;
  return new QontoRefusal(error.status, `${error.detail} ${hint}`, error.code);
}

function outcomeOf({ kept, isReplaced, surplus, isFirst, hasGap }: SubscriptionPlan): Outcome {
  if (isFirst) return "created";
  if (hasGap) return "restored";
  return kept === null || isReplaced || surplus.length > 0 ? "changed" : "unchanged";
}

function tellRestored(
  { id, types }: { readonly id: string; readonly types: readonly string[] },
  connection: Connection,
  { world }: ConnectionContext,
): OperationalEvent {
  const at = world.now();
  return operationalEvent("relay.subscription.restored", {
    transition: `${connection.id}_${at}`,
    organizationId: connection.organizationId,
    at,
    data: {
      connection_id: connection.id,
      organization_name: connection.organizationName,
      subscription_id: id,
      types,
    },
  });
}
