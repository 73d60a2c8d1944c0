import { z } from "zod";
import type { RelayClient } from "../../src/cli/relay-client.ts";
import { type Reply, DestinationServer } from "../demo/destination-server.ts";

/** What becomes of what a destination is owed, once it is as well as it ever will be. */
type Ending = "delivered" | "dead" | "waiting" | "disabled";

interface DestinationScript {
  readonly name: string;
  readonly types?: readonly string[];
  readonly retry_schedule_seconds?: readonly number[];
  readonly timeout_ms?: number;
  readonly ending: Ending;
  /** Part of the load after which it is well; absent: it is what it is. */
  readonly illUntil?: number;
  /** What it answers while ill, or always; `before` counts the requests that came before. */
  readonly answer: (before: number) => number | Reply;
}

/** Goes on for long behind the load: a destination that recovers needs nobody's help to get what it missed. */
const patientSchedule = [1, 2, 5, 10, ...Array.from({ length: 40 }, () => 15)];

const large = Buffer.alloc(3_000_000, "large ");

const scripts: readonly DestinationScript[] = [
  { name: "healthy", ending: "delivered", answer: () => 200 },
  { name: "choosy", types: ["v1/cards"], ending: "delivered", answer: () => 200 },
  {
    name: "hangs, recovers",
    retry_schedule_seconds: patientSchedule,
    timeout_ms: 2_000,
    ending: "delivered",
    illUntil: 2 / 3,
    answer: () => 0,
  },
  {
    name: "503, recovers",
    retry_schedule_seconds: patientSchedule,
    ending: "delivered",
    illUntil: 1,
    answer: () => 503,
  },
  {
    name: "429, then well",
    retry_schedule_seconds: patientSchedule,
    ending: "delivered",
    answer: (before) => (before < 20 ? { status: 429, headers: { "retry-after": "2" } } : 200),
  },
  { name: "answers 3 MB", ending: "delivered", answer: () => ({ status: 200, body: large }) },
  {
    name: "slow, 1.5 s",
    types: ["v1/transfers"],
    ending: "delivered",
    answer: () => ({ status: 200, delayMs: 1_500 }),
  },
  { name: "always 503", retry_schedule_seconds: [1, 2], ending: "dead", answer: () => 503 },
  { name: "redirects", ending: "waiting", answer: () => ({ status: 302, headers: { location: "/elsewhere" } }) },
  { name: "410", ending: "disabled", answer: () => 410 },
];

/** A destination that takes part: its server, and the destination that the relay knows it by. */
export interface Destination {
  readonly name: string;
  readonly ending: Ending;
  readonly destinationId: string;
  readonly illUntil: number;
  readonly wants: (type: string) => boolean;
  readonly heal: () => void;
  readonly server: DestinationServer;
}

export async function enlistDestinations(client: RelayClient): Promise<Destination[]> {
  const destinations: Destination[] = [];
  for (const script of scripts) destinations.push(await enlist(script, client));
  return destinations;
}

async function enlist(script: DestinationScript, client: RelayClient): Promise<Destination> {
  const { name, ending, illUntil, answer, ...wishes } = script;
  let isWell = false;
  const server = await DestinationServer.start((before) => (isWell ? 200 : answer(before)));
  const wish = { url: server.url, description: name, ...wishes };
  const { id } = await client.post("/api/destinations", wish, z.object({ id: z.string() }));
  return {
    name,
    ending,
    destinationId: id,
    illUntil: illUntil ?? Number.POSITIVE_INFINITY,
    wants: (type) => wishes.types === undefined || wishes.types.includes(type),
    heal: () => void (isWell = true),
    server,
  };
}
