import type { Database } from "../store/database.ts";
import type { RelayEvent } from "../domain/event.ts";
import { GroupCommit } from "../platform/group-commit.ts";
import { type Recorded, recordEvents } from "../store/events.ts";
import { SchemaMissing } from "../store/schema.ts";

/** So many rows D1 writes in about a tenth of a second. The weight is characters of bodies: D1 takes some megabytes in a call. */
const LIMIT = { items: 100, weight: 500_000 };

/** Bindings do not change while an isolate lives. */
const groups = new WeakMap<Database, GroupCommit<RelayEvent, Recorded | SchemaMissing>>();

/** Records an event together with others that wait in this isolate, by one D1 call. Throws SchemaMissing. */
export async function recordTogether(db: Database, event: RelayEvent): Promise<Recorded> {
  const group = groups.getOrInsertComputed(
    db,
    () =>
      new GroupCommit((events, isRepeated) => recordGroup(db, events, isRepeated), {
        weigh: ({ body }) => body.length,
        limit: LIMIT,
        timers: db,
      }),
  );
  const recorded = await group.add(event);
  if (recorded instanceof SchemaMissing) throw recorded;
  return recorded;
}

/** A missing schema fails every event of a group, so it is an outcome: no event is tried alone. */
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
