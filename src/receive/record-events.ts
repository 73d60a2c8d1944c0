import type { Database } from "../store/database.ts";
import type { RelayEvent } from "../domain/event.ts";
import { GroupCommit } from "../platform/group-commit.ts";
import { type Recorded, recordEvents } from "../store/events.ts";
import { SchemaMissing } from "../store/schema.ts";

/** As many rows as D1 writes in about a tenth of a second; characters of bodies, of which D1 takes some megabytes a call. */
const ROOM = { items: 100, weight: 500_000 };

/** Bindings do not change while an isolate lives. */
const groups = new WeakMap<Database, GroupCommit<RelayEvent, Recorded | SchemaMissing>>();

/** Requests that wait at the same moment in one isolate have their rows written by one D1 call. Throws SchemaMissing. */
export async function recordTogether(db: Database, event: RelayEvent): Promise<Recorded> {
  const group = groups.getOrInsertComputed(
    db,
    () =>
      new GroupCommit((events, isRepeated) => recordGroup(db, events, isRepeated), {
        weigh: ({ body }) => body.length,
        room: ROOM,
        timers: db,
      }),
  );
  const recorded = await group.add(event);
  if (recorded instanceof SchemaMissing) throw recorded;
  return recorded;
}

/** What the schema lacks, it lacks for each event: none of the group is tried by itself. */
async function recordGroup(
  db: Database,
  events: readonly RelayEvent[],
  isRepeated: boolean,
): Promise<(Recorded | SchemaMissing)[]> {
  try {
    return await recordEvents(db, events, isRepeated);
  } catch (error) {
    if (!(error instanceof SchemaMissing)) throw error;
    return events.map(() => error);
  }
}
