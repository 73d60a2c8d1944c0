import type { Database } from "../store/database.ts";
import type { Env } from "../env.ts";
import type { QueueMessage } from "../messages.ts";
import { GroupCommit } from "../platform/group-commit.ts";
import type { Timers } from "../platform/timeout.ts";
import { type Recorded, type Recording, recordEvent, recordEvents } from "../store/events.ts";

/** Requests that wait at the same moment in one isolate have their rows written by one D1 call and their messages sent by one. */

type Stores = Pick<Env, "DB" | "EVENTS">;

/** As many rows as D1 writes in about a tenth of a second; characters of bodies that fit into one parameter, of 2 MB, as JSON. */
const ROWS = { items: 100, weight: 500_000 };

/** The queue's own limits; a batch takes 256 KB of 1,000 bytes. */
const MESSAGES = { items: 100, weight: 256_000 };

/** Of a character of JSON in UTF-8, unless nearly all are control characters: then each is sent alone, as a batch is refused. */
const MOST_BYTES_PER_CHARACTER = 3;
const FIELDS_BYTES = 1_500;

/** Bindings do not change while an isolate lives. */
const recordings = new WeakMap<Database, GroupCommit<Recording, Recorded>>();
const sendings = new WeakMap<Queue<QueueMessage>, GroupCommit<QueueMessage, "sent">>();

export function recordInGroup({ DB }: Pick<Stores, "DB">, recording: Recording): Promise<Recorded> {
  return groupOf(recordings, DB, () => {
    const weigh = ({ event }: Recording) => event.body.length;
    const record = async (some: readonly Recording[], isRepeated: boolean) => {
      const [first] = some;
      return first !== undefined && some.length === 1
        ? [await recordEvent(DB, first, isRepeated)]
        : recordEvents(DB, some, isRepeated);
    };
    return new GroupCommit(record, { weigh, room: ROWS, timers: DB });
  }).add(recording);
}

export async function sendInGroup(
  { EVENTS }: Pick<Stores, "EVENTS">,
  message: QueueMessage,
  timers: Timers,
): Promise<void> {
  await groupOf(sendings, EVENTS, () => {
    const send = async (messages: readonly QueueMessage[]) => {
      await EVENTS.sendBatch(messages.map((body) => ({ body })));
      return messages.map(() => "sent" as const);
    };
    return new GroupCommit(send, { weigh: mostBytesOf, room: MESSAGES, timers });
  }).add(message);
}

function mostBytesOf(message: QueueMessage): number {
  return FIELDS_BYTES + (message.kind === "event" ? message.body.length * MOST_BYTES_PER_CHARACTER : 0);
}

function groupOf<Store extends object, Group>(groups: WeakMap<Store, Group>, store: Store, make: () => Group): Group {
  let group = groups.get(store);
  if (group === undefined) {
    group = make();
    groups.set(store, group);
  }
  return group;
}
