import type { Config, Env } from "../env.ts";
import type { Delivery } from "../domain/delivery.ts";
import { type Destination, wants } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import type { EventMessage, RecordedEventMessage } from "../messages.ts";
import { parseJsonLosslessly } from "../platform/json.ts";
import { logFailure, logLine } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { type Job, type JobResult, attemptAll } from "../outbound/attempt-all.ts";
import { conclude } from "../outbound/conclude.ts";
import { type Envelope, readEnvelope } from "../qonto/envelope.ts";
import { type ClaimOutcome, claimEvents } from "../store/claims.ts";
import { enabledDestinations, readDestinationRow } from "../store/destinations.ts";
import { loadEvents, readLoadedRow, recordClaimedEvents } from "../store/events.ts";
import { type ReadEvent, projectState } from "./project-state.ts";

export interface FanningOut {
  readonly env: Pick<Env, "DB" | "RETRIES">;
  readonly config: Pick<Config, "allowPrivateDestinations">;
  readonly world: World;
  /** Lets late attempts go on behind the batch. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** `done`: nothing is left for the event's message to do. Otherwise it has to come again. */
export type MessageVerdict = "done" | { readonly againInSeconds: number };

/** First attempts are short and few seconds in all: whatever needs longer is for the retry lane. */
const FIRST_ATTEMPTS = { attemptMs: 3_000, allMs: 15_000 };

/** Longer than first attempts and the writes around them take; short, because a dead consumer's events wait for its end. */
const LEASE_MS = 45_000;

/** Wait for an event that is between stores: being written by another, or beyond what fits into memory now. */
const SHORTLY_SECONDS = 5;

type Message = EventMessage | RecordedEventMessage;

/** An event to handle, and who is to get it. */
interface Claimable extends ReadEvent {
  readonly wantedBy: readonly Destination[];
}

/**
 * Fans out a batch of events: claims those that nobody has handled, brings the state up to them, makes the first attempt
 * at every destination that wants them, and hands what failed to the retry lane. Returns a verdict for each event id.
 */
export async function fanOut(
  messages: readonly Message[],
  fanningOut: FanningOut,
): Promise<Map<string, MessageVerdict>> {
  const { env, world } = fanningOut;
  const startedAt = world.now();
  const { events, verdicts, destinations } = await loadBatch(messages, env.DB);

  const claimables = events.map((read) => ({
    ...read,
    wantedBy: destinations.filter((one) => wants(one, read.event)),
  }));
  const claimed = await claim(claimables, verdicts, fanningOut);
  const jobs = claimed.flatMap(({ event, wantedBy }) =>
    wantedBy.map((destination): Job => ({ event, destination, delivery: firstDelivery(event, destination) })),
  );
  const { now = [], onLane = [] } = Object.groupBy(jobs, ({ destination }) => (destination.onLane ? "onLane" : "now"));
  const attempted = await attemptAll(now, FIRST_ATTEMPTS, {
    world,
    allowPrivateDestinations: fanningOut.config.allowPrivateDestinations,
  });
  const deliveries = await conclude(
    { ...attempted, results: [...attempted.results, ...onLane.map(putOff)] },
    { env, world, restMs: 0, waitUntil: fanningOut.waitUntil },
  );

  logLine("fan-out", {
    events: messages.length,
    claimed: claimed.length,
    event_ids: claimed.map(({ event }) => event.id),
    delivered: deliveries.filter(({ status }) => status === "delivered").length,
    pending: deliveries.filter(({ status }) => status === "pending").length,
    late: attempted.late.length,
    duration_ms: world.now() - startedAt,
  });
  return verdicts;
}

/** The batch's events, each once, and the destinations of this moment: one D1 call. */
async function loadBatch(messages: readonly Message[], db: D1Database) {
  const recordedIds = messages.filter(({ kind }) => kind === "recorded_event").map(({ id }) => id);
  const [destinationRows, eventRows] = await db.batch([enabledDestinations(db), loadEvents(db, recordedIds)]);
  const recorded = (eventRows?.results ?? []).map(readLoadedRow);
  const carried = messages.filter((message) => message.kind === "event");

  // An id that D1 does not know is one that retention has deleted: there is nothing left to do about it.
  const verdicts = new Map<string, MessageVerdict>(messages.map(({ id }) => [id, "done"]));
  const events = new Map<string, ReadEvent>();
  for (const { id, read } of [
    ...recorded.map(({ id, event }) => ({ id, read: event && readRecorded(event) })),
    ...carried.map((message) => ({ id: message.id, read: readCarried(message) })),
  ]) {
    if (read === null) verdicts.set(id, { againInSeconds: SHORTLY_SECONDS });
    else events.set(id, read);
  }
  return {
    events: [...events.values()],
    verdicts,
    destinations: (destinationRows?.results ?? []).map(readDestinationRow),
  };
}

function readRecorded(event: RelayEvent): ReadEvent | null {
  const envelope = readAgain(event);
  return envelope && { event, envelope };
}

function readCarried({ id, source, received_at, content_type, body }: EventMessage): ReadEvent | null {
  const envelope = readAgain({ id, source, body });
  if (envelope === null) return null;
  const { type, event, organizationId, resourceId, createdAt } = envelope;
  const about = { id, source, type, event, organizationId, resourceId, createdAt: createdAt?.iso ?? null };
  return { event: { ...about, receivedAt: received_at, contentType: content_type, body }, envelope };
}

/** Its receiver could read it. Should this version not, the event waits for one that can, and holds up no other. */
function readAgain({ id, source, body }: Pick<RelayEvent, "id" | "source" | "body">): Envelope | null {
  try {
    const envelope = readEnvelope(source, parseJsonLosslessly(body));
    if (envelope !== null) return envelope;
    throw new Error("An event that was readable when it was received is not now");
  } catch (error) {
    logFailure("fan-out", error, { event_id: id });
    return null;
  }
}

/** Claims what is free, and writes down what only the queue has taken so far. Corrects the verdicts of the rest. */
async function claim(
  claimables: readonly Claimable[],
  verdicts: Map<string, MessageVerdict>,
  { env, world }: FanningOut,
): Promise<Claimable[]> {
  if (claimables.length === 0) return [];
  const now = world.now();
  const claimedUntil = now + LEASE_MS;
  const outcomes = await claimEvents(env.DB, claimables.map(toClaim), {
    now,
    claimedUntil,
    also: projectState(env.DB, claimables),
  });
  const missing = claimables.filter(({ event }) => !outcomes.has(event.id));
  const written = await recordClaimedEvents(
    env.DB,
    missing.map((one) => ({ event: one.event, owed: toClaim(one).owed })),
    claimedUntil,
  );

  return claimables.flatMap((claimable) => {
    const { event } = claimable;
    const outcome = outcomes.get(event.id);
    if (outcome?.state === "claimed") return { ...claimable, event: { ...event, receivedAt: outcome.receivedAt } };
    if (outcome === undefined && written.has(event.id)) return claimable;
    verdicts.set(event.id, verdictOn(outcome, now));
    return [];
  });
}

function toClaim({ event, wantedBy }: Claimable) {
  return { id: event.id, owed: wantedBy.map(({ id }) => id) };
}

/** A busy event's message stays, for should that consumer die, nothing else would bring the event back as soon. */
function verdictOn(outcome: ClaimOutcome | undefined, now: number): MessageVerdict {
  if (outcome?.state === "finished") return "done";
  if (outcome?.state !== "busy") return { againInSeconds: SHORTLY_SECONDS };
  return { againInSeconds: Math.ceil((outcome.claimedUntil - now) / 1000) + 1 };
}

function putOff(job: Job): JobResult {
  return { job, attempt: null, isDestinationSlow: false };
}

function firstDelivery(event: RelayEvent, destination: Destination): Delivery {
  return {
    destinationId: destination.id,
    eventId: event.id,
    receivedAt: event.receivedAt,
    status: "pending",
    attempts: [],
    nextAttemptAt: null,
  };
}
