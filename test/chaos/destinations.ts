import { z } from "zod";
import type { RelayClient } from "../../src/cli/relay-client.ts";
import { type Reply, DestinationServer } from "../demo/destination-server.ts";

/** The state of a destination's deliveries at the end, or of the destination itself. */
type Ending = "delivered" | "dead" | "pending" | "disabled";

interface DestinationScript {
  readonly name: string;
  readonly types?: readonly string[];
  readonly retry_schedule_seconds?: readonly number[];
  readonly timeout_ms?: number;
  readonly ending: Ending;
  /** Part of the load after which it recovers; absent: never. */
  readonly failsUntil?: number;
  /** What it answers until it recovers; `before` counts earlier requests. */
  readonly answer: (before: number) => number | Reply;
}

/** Lasts much longer than the load: a destination that recovers gets everything without a replay. */
const longSchedule = [1, 2, 5, 10, ...Array.from({ length: 40 }, () => 15)];

const large = Buffer.alloc(3_000_000, "large ");

const scripts: readonly DestinationScript[] = [
  { name: "healthy", ending: "delivered", answer: () => 200 },
  { name: "choosy", types: ["v1/cards"], ending: "delivered", answer: () => 200 },
  {
    name: "hangs, recovers",
    retry_schedule_seconds: longSchedule,
    timeout_ms: 2_000,
    ending: "delivered",
    failsUntil: 2 / 3,
    answer: () => 0,
  },
  {
    name: "503, recovers",
    retry_schedule_seconds: longSchedule,
    ending: "delivered",
    failsUntil: 1,
    answer: () => 503,
  },
  {
    name: "429, recovers",
    retry_schedule_seconds: longSchedule,
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
  { name: "redirects", ending: "pending", answer: () => ({ status: 302, headers: { location: "/elsewhere" } }) },
  { name: "410", ending: "disabled", answer: () => 410 },
];

/** A destination of the relay, and the server behind it. */
export interface Destination {
  readonly name: string;
  readonly ending: Ending;
  readonly destinationId: string;
  readonly failsUntil: number;
  readonly wants: (type: string) => boolean;
  readonly recover: () => void;
  readonly server: DestinationServer;
}

export async function createDestinations(client: RelayClient): Promise<Destination[]> {
  const destinations: Destination[] = [];
  for (const script of scripts) destinations.push(await createDestination(script, client));
  return destinations;
}

async function createDestination(script: DestinationScript, client: RelayClient): Promise<Destination> {
  const { name, ending, failsUntil, answer, ...settings } = script;
  let hasRecovered = false;
  const server = await DestinationServer.start((before) => (hasRecovered ? 200 : answer(before)));
  const input = { url: server.url, description: name, ...settings };
  const { id } = await client.post("/api/destinations", input, z.object({ id: z.string() }));
  return {
    name,
    ending,
    destinationId: id,
    failsUntil: failsUntil ?? Number.POSITIVE_INFINITY,
    wants: (type) => settings.types === undefined || settings.types.includes(type),
    recover: () => void (hasRecovered = true),
    server,
  };
}
