import type { Database } from "../store/database.ts";
import type { RelayEvent } from "../domain/event.ts";
import { GroupCommit } from "../platform/group-commit.ts";
import { type Recorded, recordEvents } from "../store/events.ts";

/** As many rows as D1 writes in about a tenth of a second; characters of bodies, of which D1 takes some megabytes a call. */
const ROOM = { items: 100, weight: 500_000 };

/** Bindings do not change while an isolate lives. */
const groups = new WeakMap<Database, GroupCommit<RelayEvent, Recorded>>();

/** Requests that wait at the same moment in one isolate have their rows written by one D1 call. */
export function recordTogether(db: Database, event: RelayEvent): Promise<Recorded> {
  const group = groups.getOrInsertComputed(
    db,
    () =>
      new GroupCommit((events, isRepeated) => recordEvents(db, events, isRepeated), {
        weigh: ({ body }) => body.length,
        room: ROOM,
        timers: db,
      }),
  );
  return group.add(event);
}
