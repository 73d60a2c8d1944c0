import type { Destination } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import type { EventMessage, RecordedEventMessage } from "../messages.ts";
import { tryParseJson } from "../platform/json.ts";
import { logFailure } from "../platform/log.ts";
import { type Envelope, readEnvelope } from "../qonto/envelope.ts";
import { toEvent } from "../qonto/read-event.ts";
import { enabledDestinations, readDestinationRow } from "../store/destinations.ts";
import { loadEvents, readLoadedRow } from "../store/events.ts";
import type { ReadEvent } from "./project-state.ts";
import { type MessageVerdict, SHORTLY } from "./verdict.ts";

export interface Batch {
  readonly events: readonly ReadEvent[];
  /** On the messages of events that cannot be handled now, by event id. */
  readonly verdicts: ReadonlyMap<string, MessageVerdict>;
  readonly destinations: readonly Destination[];
}

/** The batch's events, each once, and the destinations of this moment: one D1 call. */
export async function loadBatch(
  messages: readonly (EventMessage | RecordedEventMessage)[],
  db: D1Database,
): Promise<Batch> {
  const recordedIds = messages.filter(({ kind }) => kind === "recorded_event").map(({ id }) => id);
  const [destinationRows, eventRows] = await db.batch([enabledDestinations(db), loadEvents(db, recordedIds)]);
  const recorded = (eventRows?.results ?? []).map(readLoadedRow);
  const carried = messages.filter((message) => message.kind === "event");

  // An id that D1 does not know is in neither: retention has deleted it, and nothing is left to do about it.
  const verdicts = new Map<string, MessageVerdict>();
  const events = new Map<string, ReadEvent>();
  for (const { id, read } of [
    ...recorded.map(({ id, event }) => ({ id, read: event && readRecorded(event) })),
    ...carried.map((message) => ({ id: message.id, read: readCarried(message) })),
  ]) {
    if (read === null) verdicts.set(id, SHORTLY);
    else events.set(id, read);
  }
  return {
    events: [...events.values()],
    verdicts,
    destinations: (destinationRows?.results ?? []).map(readDestinationRow),
  };
}

function readRecorded(event: RelayEvent): ReadEvent | null {
  if (event.isUnreadable) return { event, envelope: null };
  const envelope = readAgain(event);
  return envelope && { event, envelope };
}

function readCarried({ id, source, received_at, content_type, body }: EventMessage): ReadEvent | null {
  const envelope = readAgain({ id, source, body });
  const about = { source, contentType: content_type, receivedAt: received_at };
  return envelope && { event: toEvent(envelope, body, about), envelope };
}

/** Its receiver could read it. Should this version not, the event waits for one that can, and holds up no other. */
function readAgain({ id, source, body }: Pick<RelayEvent, "id" | "source" | "body">): Envelope | null {
  const envelope = readEnvelope(source, tryParseJson(body));
  if (envelope === null) {
    logFailure("fan-out", new Error("An event that was readable when it was received is not now"), { event_id: id });
  }
  return envelope;
}
