import type { Database } from "../store/database.ts";
import type { Env } from "../env.ts";
import { type Measured, type QueueMessage, type SentEvent, measure, pack } from "../messages.ts";
import { GroupCommit } from "../platform/group-commit.ts";
import type { Timers } from "../platform/timeout.ts";
import { type Recorded, type Recording, recordEvent, recordEvents } from "../store/events.ts";

/** Requests that wait at the same moment in one isolate have their rows written by one D1 call and their events sent by one. */

type Stores = Pick<Env, "DB" | "EVENTS">;

/** As many rows as D1 writes in about a tenth of a second; characters of bodies that fit into one parameter, of 2 MB, as JSON. */
const ROWS = { items: 100, weight: 500_000 };

/** Surely within the queue's own limits, of messages and of 256 KB of 1,000 bytes, however the events are packed. */
const SENT = { items: 100, weight: 256_000 };

/** More than a message takes beside its events, with what the queue writes to it. */
const MESSAGE_BYTES = 200;

/** Bindings do not change while an isolate lives. */
const recordings = new WeakMap<Database, GroupCommit<Recording, Recorded>>();
const sendings = new WeakMap<Queue<QueueMessage>, GroupCommit<Measured, "sent">>();

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

export async function sendInGroup({ EVENTS }: Pick<Stores, "EVENTS">, event: SentEvent, timers: Timers): Promise<void> {
  await groupOf(sendings, EVENTS, () => {
    const weigh = ({ bytes }: Measured) => bytes + MESSAGE_BYTES;
    const send = async (events: readonly Measured[]) => {
      await EVENTS.sendBatch(pack(events).map((body) => ({ body })));
      return events.map(() => "sent" as const);
    };
    return new GroupCommit(send, { weigh, room: SENT, timers });
  }).add(measure(event));
}

function groupOf<Store extends object, Group>(groups: WeakMap<Store, Group>, store: Store, make: () => Group): Group {
  let group = groups.get(store);
  if (group === undefined) {
    group = make();
    groups.set(store, group);
  }
  return group;
}
