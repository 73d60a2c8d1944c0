import { type OperationalEvent, operationalEvent } from "../domain/operational-event.ts";
import { keyIdOf } from "../platform/encryption.ts";
import { logLine } from "../platform/log.ts";
import { QontoRefusal } from "../qonto/api-client.ts";
import { cataloguedTypes, scopeOf } from "../qonto/catalogue.ts";
import { subscriptionSecrets } from "../qonto/subscription-secret.ts";
import type { Connection, ConnectionSubscription } from "../store/connections.ts";
import { type Budget, type ConnectionContext, ConnectionFault } from "./context.ts";
import { openQonto } from "./open-qonto.ts";
import { addRefused, rememberedRefusal } from "./refused-types.ts";
import { TypeSearch } from "./search-types.ts";
import { SubscriptionNotes } from "./subscription-notes.ts";
import {
  type DesiredSubscription,
  type SubscriptionPlan,
  callbackUrlOf,
  descriptionOf,
  isAsDesired,
  planSubscriptions,
} from "./subscription-plan.ts";
import {
  type ListedSubscription,
  OutOfBudget,
  SubscriptionsAtQonto,
  UnreliableList,
} from "./subscriptions-at-qonto.ts";

const CHECKED_EVERY_MS = 900_000;

/**
 * `created`: the first one. `restored`: there was one before, and it no longer delivered all that it should. `changed`: it got other
 * types or another key, or a surplus one was deleted. `unfinished`: the budget was spent, and the next run goes on.
 */
type Outcome = "unchanged" | "created" | "restored" | "changed" | "unfinished";

/**
 * Compares a connection's subscriptions at Qonto with what they should be, brings that about, and notes what is there after each
 * step. Throws what stopped it: then what was seen is noted too.
 */
export async function checkSubscriptions(
  connection: Connection,
  context: ConnectionContext,
  budget: Budget,
): Promise<Outcome> {
  const { world } = context;
  const notes = new SubscriptionNotes(connection, context);
  try {
    const startedAt = world.now();
    const outcome = await bringAbout(connection, context, { budget, notes });
    if (outcome !== "unchanged") {
      logLine("connection", {
        message: `subscription.${outcome}`,
        connection_id: connection.id,
        organization_id: connection.organizationId,
        subscriptions: notes.subscriptions.length,
        duration_ms: world.now() - startedAt,
      });
    }
    return outcome;
  } catch (error) {
    await notes.write(
      concernsSubscriptionsAlone(error) ? world.now() + CHECKED_EVERY_MS : connection.subscriptionsDueAt,
    );
    if (error instanceof OutOfBudget) return "unfinished";
    throw error;
  }
}

interface Work {
  readonly budget: Budget;
  readonly notes: SubscriptionNotes;
}

async function bringAbout(
  connection: Connection,
  context: ConnectionContext,
  { budget, notes }: Work,
): Promise<Outcome> {
  const { world } = context;
  const wanted = wantedTypes(connection, context);
  const remembered = rememberedRefusal(connection.subscriptions, wanted, world.now());
  const types = wanted.filter((type) => remembered?.types.includes(type) !== true);
  const desired = await desiredSubscription(connection, types, context);
  const atQonto = new SubscriptionsAtQonto(openQonto(connection, context), budget, world);
  const plan = await planByQonto(connection.subscriptions, desired, atQonto);
  notes.subscriptions = plan.seen;
  // A process that dies once the gap is closed leaves it to be told.
  if (plan.hasGap) await notes.write(connection.subscriptionsDueAt);

  const search = new TypeSearch(plan.kept, desired, atQonto);
  const kept = await keepOrMake(plan, search).finally(() => {
    notes.refused = addRefused(remembered, search.refused, { wanted, now: world.now() });
  });
  if (search.refused.length > 0) logRefused(connection, search.refused);
  const own = describeOwn(kept, desired, world.now());
  const others = plan.seen.filter(({ id, status }) => status !== "missing" && id !== kept.id);
  const outcome = outcomeOf(plan, own);
  notes.subscriptions = [own, ...others];
  notes.restored = outcome === "restored" ? tellRestored(kept, connection, context) : null;
  await notes.write(world.now() + CHECKED_EVERY_MS);

  if (plan.surplus.length > 0) {
    // Only now: there is always one that delivers.
    for (const { id } of plan.surplus) await atQonto.delete(id);
    notes.subscriptions = [own, ...others.filter(({ status }) => status === "foreign")];
    await notes.write(world.now() + CHECKED_EVERY_MS);
  }
  return outcome;
}

function logRefused({ id, organizationId }: Connection, types: readonly string[]): void {
  logLine("connection", {
    message: "types.refused",
    connection_id: id,
    organization_id: organizationId,
    refused_types: types,
  });
}

function describeOwn(
  { id, types }: ListedSubscription,
  { keyId, callbackUrl }: DesiredSubscription,
  checkedAt: number,
) {
  return { id, types, status: "active", keyId, callbackUrl, checkedAt } as const;
}

/** Whether it stops no other step, and the next check is made at its usual time. A 401 stops all of them. */
function concernsSubscriptionsAlone(error: unknown): boolean {
  return error instanceof NothingToSubscribe || (error instanceof QontoRefusal && error.status !== 401);
}

/** Those that the scopes allow. Throws NothingToSubscribe. */
function wantedTypes({ scopes }: Connection, { config }: ConnectionContext): readonly string[] {
  const types = (config.qonto.types ?? cataloguedTypes.business).filter((type) => {
    const scope = scopeOf(type);
    return scope === null || scopes.includes(scope);
  });
  if (types.length === 0) throw new NothingToSubscribe();
  return types;
}

async function desiredSubscription(
  { id, relayUrl }: Connection,
  types: readonly string[],
  { config }: ConnectionContext,
): Promise<DesiredSubscription> {
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

async function keepOrMake({ kept, isReplaced }: SubscriptionPlan, search: TypeSearch): Promise<ListedSubscription> {
  return kept === null || isReplaced ? search.subscribe() : kept;
}

function outcomeOf(
  { kept, surplus, isFirst, hasGap }: SubscriptionPlan,
  own: Pick<DesiredSubscription, "types" | "callbackUrl">,
): Outcome {
  if (isFirst) return "created";
  if (hasGap) return "restored";
  return kept === null || !isAsDesired(kept, own) || surplus.length > 0 ? "changed" : "unchanged";
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
