import type { Database } from "../store/database.ts";
import { GroupCommit } from "../platform/group-commit.ts";
import type { RelayEvent } from "../domain/event.ts";
import { type Recorded, recordEvent, recordEvents } from "../store/events.ts";

/** As many rows as D1 writes in about a tenth of a second; characters of bodies that fit into one parameter, of 2 MB, as JSON. */
const ROOM = { items: 100, weight: 500_000 };

/** Bindings do not change while an isolate lives. */
const groups = new WeakMap<Database, GroupCommit<RelayEvent, Recorded>>();

/** Requests that wait at the same moment in one isolate have their rows written by one D1 call. */
export function recordTogether(db: Database, event: RelayEvent): Promise<Recorded> {
  const group = groups.getOrInsertComputed(db, () => {
    const weigh = ({ body }: RelayEvent) => body.length;
    const record = async (some: readonly RelayEvent[], isRepeated: boolean) => {
      const [first] = some;
      return first !== undefined && some.length === 1
        ? [await recordEvent(db, first, isRepeated)]
        : recordEvents(db, some, isRepeated);
    };
    return new GroupCommit(record, { weigh, room: ROOM, timers: db });
  });
  return group.add(event);
}
