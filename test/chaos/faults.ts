import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import type { RelayClient } from "../../src/cli/relay-client.ts";
import type { DestinationAccount } from "./accounting.ts";
import type { Destination } from "./destinations.ts";
import { staleResources } from "./latest-state.ts";
import { organizations, resourceName } from "./load.ts";
import type { SentWebhook } from "./sender.ts";

/** A broken promise, and the events that show it. */
export interface Fault {
  readonly what: string;
  readonly eventIds: readonly string[];
}

const fault = (what: string, eventIds: readonly string[] = []): Fault[] => [{ what, eventIds }];

/** Lost, unwanted, pending and dead deliveries that must not be. */
export function accountFaults({ ending }: Pick<Destination, "ending">, account: DestinationAccount): Fault[] {
  const { destination, lost, unwanted, pending, dead } = account;
  return [
    ...(lost.length > 0 ? fault(`${lost.length} events are lost to "${destination}"`, lost) : []),
    ...(unwanted.length > 0
      ? fault(`"${destination}" got ${unwanted.length} events that it does not want`, unwanted)
      : []),
    ...(ending === "delivered" && pending.length > 0
      ? fault(`${pending.length} events are still pending for "${destination}"`, pending)
      : []),
    ...(["delivered", "pending"].includes(ending) && dead.length > 0
      ? fault(`${dead.length} events are dead for "${destination}"`, dead)
      : []),
  ];
}

/** A destination must receive what Qonto sent, byte for byte. */
export function bodyFaults({ name, server }: Destination, webhooks: ReadonlyMap<string, SentWebhook>): Fault[] {
  const altered = [...server.accepted()]
    .filter(([id, requests]) => {
      const sent = webhooks.get(id)?.body;
      return sent !== undefined && requests.some(({ body }) => !body.equals(sent));
    })
    .map(([id]) => id);
  return altered.length === 0 ? [] : fault(`${altered.length} bodies reached "${name}" changed`, altered);
}

/** The latest state of each resource is that of its newest event. */
export async function stateFaults(client: RelayClient, webhooks: ReadonlyMap<string, SentWebhook>): Promise<Fault[]> {
  const sent = [...webhooks.values()].map(({ event, acknowledgedAt }) => ({
    event,
    isAcknowledged: acknowledgedAt !== null,
  }));
  return staleResources(sent, await readLatestState(client)).flatMap(({ resource, shownId, newestId }) =>
    fault(`Not the latest state of ${resource}: shows ${shownId}, the newest is ${newestId}`, [newestId]),
  );
}

/** The ledger has every recorded event once. */
export async function ledgerFaults(client: RelayClient, webhooks: ReadonlyMap<string, SentWebhook>): Promise<Fault[]> {
  const ledger = await readLedger(client);
  console.log("ledger", ledger);
  const { received, settled, pending, unmatched, quarantined, balanced } = ledger;
  const acknowledged = webhooks.values().filter(({ acknowledgedAt }) => acknowledgedAt !== null);
  const least = [...acknowledged].length;
  return [
    ...(balanced && received === settled + pending + unmatched + quarantined
      ? []
      : fault("The ledger does not balance")),
    ...(received >= least && received <= webhooks.size
      ? []
      : fault(`The ledger has ${received} events; ${least} were acknowledged, ${webhooks.size} sent`)),
  ];
}

/** Dead deliveries are listed, and a destination that answered 410 is disabled. */
export async function destinationFaults(
  client: RelayClient,
  { name, destinationId, ending }: Destination,
  account: DestinationAccount,
): Promise<Fault[]> {
  if (ending === "disabled") {
    const { enabled } = await client.get(`/api/destinations/${destinationId}`, z.object({ enabled: z.boolean() }));
    return enabled ? fault(`"${name}" has answered 410 and is not disabled`) : [];
  }
  if (ending !== "dead") return [];
  if (account.dead.length === 0) return fault(`No delivery is dead for "${name}"`);
  const listed = await readDead(client, destinationId);
  console.log(`dead deliveries listed for "${name}"`, listed.size);
  const unlisted = account.dead.filter((id) => !listed.has(id));
  return unlisted.length === 0 ? [] : fault(`${unlisted.length} dead deliveries of "${name}" are not listed`, unlisted);
}

const ARRIVES_WITHIN_MS = 90_000;
const ROUND_MS = 500;

/** After a replay of its dead deliveries a destination that has recovered has everything. */
export async function replayFaults(
  client: RelayClient,
  { name, destinationId, server, recover }: Destination,
  { dead, pending }: DestinationAccount,
): Promise<Fault[]> {
  recover();
  const listed = await readDead(client, destinationId);
  const input = { since: new Date(0).toISOString(), which: "failed" };
  const { count } = await client.post(
    `/api/destinations/${destinationId}/replay`,
    input,
    z.object({ count: z.number() }),
  );
  const startedAt = Date.now();
  const missing = () => [...dead, ...pending].filter((id) => !server.accepted().has(id));
  while (missing().length > 0 && Date.now() - startedAt < ARRIVES_WITHIN_MS) await wait(ROUND_MS);
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  console.log(`"${name}" has recovered: ${count} replayed, all received after ${seconds} s\n`);

  const left = missing();
  return [
    ...(count >= listed.size ? [] : fault(`${count} of ${listed.size} dead deliveries were replayed`)),
    ...(left.length === 0 ? [] : fault(`${left.length} replayed events never reached "${name}"`, left)),
  ];
}

const ledger = z.object({
  received: z.number(),
  settled: z.number(),
  pending: z.number(),
  unmatched: z.number(),
  quarantined: z.number(),
  duplicates: z.number(),
  balanced: z.boolean(),
});

function readLedger(client: RelayClient): Promise<z.output<typeof ledger>> {
  return client.get("/api/ledger", ledger);
}

/** Event ids of a destination's dead deliveries. */
async function readDead(client: RelayClient, destinationId: string): Promise<Set<string>> {
  const query = { status: "dead", destination_id: destinationId };
  const dead = await Array.fromAsync(client.list("/api/deliveries", z.object({ event_id: z.string() }), query));
  return new Set(dead.map(({ event_id }) => event_id));
}

const resource = z.object({ type: z.string(), resource_id: z.string(), event_id: z.string() });

/** The event id of each resource's latest state, by the resource's name. */
async function readLatestState(client: RelayClient): Promise<Map<string, string>> {
  const latest = new Map<string, string>();
  for (const organizationId of organizations) {
    const shown = client.list(`/api/organizations/${organizationId}/resources`, resource);
    for await (const { type, resource_id, event_id } of shown) {
      latest.set(resourceName(organizationId, type, resource_id), event_id);
    }
  }
  return latest;
}
