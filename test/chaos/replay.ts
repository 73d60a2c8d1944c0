import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import type { RelayClient } from "../../src/cli/relay-client.ts";
import type { DestinationAccount } from "./accounting.ts";
import { readDead } from "./books.ts";
import type { Fault } from "./faults.ts";
import type { Destination } from "./destinations.ts";

const ARRIVES_WITHIN_MS = 90_000;
const ROUND_MS = 500;

/** What was given up for a destination is replayed once that is well: then it has everything that it was ever owed. */
export async function replayFaults(
  client: RelayClient,
  { name, destinationId, server, heal }: Destination,
  { dead, pending }: DestinationAccount,
): Promise<Fault[]> {
  heal();
  const listed = await readDead(client, destinationId);
  const wish = { since: new Date(0).toISOString(), which: "failed" };
  const { count } = await client.post(
    `/api/destinations/${destinationId}/replay`,
    wish,
    z.object({ count: z.number() }),
  );
  const startedAt = Date.now();
  const missing = () => [...dead, ...pending].filter((id) => !server.accepted().has(id));
  while (missing().length > 0 && Date.now() - startedAt < ARRIVES_WITHIN_MS) await wait(ROUND_MS);
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  console.log(`"${name}" is well: ${count} replayed, all there after ${seconds} s\n`);

  const left = missing();
  return [
    ...(count >= listed.size
      ? []
      : [{ what: `${count} of ${listed.size} dead deliveries were replayed`, eventIds: [] }]),
    ...(left.length === 0 ? [] : [{ what: `${left.length} replayed events never came to "${name}"`, eventIds: left }]),
  ];
}
