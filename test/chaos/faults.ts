import { z } from "zod";
import type { RelayClient } from "../../src/cli/relay-client.ts";
import type { DestinationAccount } from "./accounting.ts";
import { readDead, readLatestState, readLedger } from "./books.ts";
import { staleResources } from "./latest-state.ts";
import type { Letter } from "./sender.ts";
import type { Destination } from "./destinations.ts";

/** Something that is not as promised, and the events that show it. */
export interface Fault {
  readonly what: string;
  readonly eventIds: readonly string[];
}

const fault = (what: string, eventIds: readonly string[] = []): Fault[] => [{ what, eventIds }];

/** What a destination's account must not show. */
export function accountFaults({ ending }: Pick<Destination, "ending">, account: DestinationAccount): Fault[] {
  const { destination, lost, unasked, pending, dead } = account;
  return [
    ...(lost.length > 0 ? fault(`${lost.length} events are lost to "${destination}"`, lost) : []),
    ...(unasked.length > 0
      ? fault(`"${destination}" got ${unasked.length} events that it does not want`, unasked)
      : []),
    ...(ending === "delivered" && pending.length > 0
      ? fault(`${pending.length} events are still on their way to "${destination}"`, pending)
      : []),
    ...(["delivered", "waiting"].includes(ending) && dead.length > 0
      ? fault(`${dead.length} events were given up for "${destination}"`, dead)
      : []),
  ];
}

/** What a destination took must be what Qonto sent, byte for byte. */
export function bodyFaults({ name, server }: Destination, letters: ReadonlyMap<string, Letter>): Fault[] {
  const altered = [...server.accepted()]
    .filter(([id, requests]) => {
      const sent = letters.get(id)?.body;
      return sent !== undefined && requests.some(({ body }) => !body.equals(sent));
    })
    .map(([id]) => id);
  return altered.length === 0 ? [] : fault(`${altered.length} bodies have changed on their way to "${name}"`, altered);
}

/** The latest state of each resource is that of its newest event. */
export async function stateFaults(client: RelayClient, letters: ReadonlyMap<string, Letter>): Promise<Fault[]> {
  const sent = [...letters.values()].map(({ event, acknowledgedAt }) => ({
    event,
    isAcknowledged: acknowledgedAt !== null,
  }));
  return staleResources(sent, await readLatestState(client)).flatMap(({ resource, shownId, newestId }) =>
    fault(`Not the latest state of ${resource}: shows ${shownId}, the newest is ${newestId}`, [newestId]),
  );
}

/** Every event that was recorded is somewhere in the ledger, once. */
export async function ledgerFaults(client: RelayClient, letters: ReadonlyMap<string, Letter>): Promise<Fault[]> {
  const ledger = await readLedger(client);
  console.log("ledger", ledger);
  const { received, settled, pending, unmatched, quarantined, balanced } = ledger;
  const acknowledged = letters.values().filter(({ acknowledgedAt }) => acknowledgedAt !== null);
  const least = [...acknowledged].length;
  return [
    ...(balanced && received === settled + pending + unmatched + quarantined
      ? []
      : fault("The ledger does not balance")),
    ...(received >= least && received <= letters.size
      ? []
      : fault(`The ledger has ${received} events; ${least} were acknowledged, ${letters.size} sent`)),
  ];
}

/** What was given up is listed, and a destination that answered 410 is left alone. */
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
  if (account.dead.length === 0) return fault(`Nothing was given up for "${name}"`);
  const listed = await readDead(client, destinationId);
  console.log(`dead deliveries listed for "${name}"`, listed.size);
  const unlisted = account.dead.filter((id) => !listed.has(id));
  return unlisted.length === 0 ? [] : fault(`${unlisted.length} dead deliveries of "${name}" are not listed`, unlisted);
}
