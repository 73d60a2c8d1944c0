import type { Destination } from "../domain/destination.ts";
import { passesFilter } from "../domain/recipients.ts";
import { lazyJson } from "../platform/json.ts";
import type { Database } from "./database.ts";
import { loadEvents, readLoadedRow } from "./events.ts";

/**
 * Of some events those whose content a filter rejects, by id. SQL cannot judge it, so their bodies are loaded, of at most 16 MB
 * in a D1 call. Without a filter D1 is not called.
 */
export async function rejectedByFilter(
  db: Database,
  filter: Destination["filter"],
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rejected = new Set<string>();
  let left = filter === null ? [] : ids;
  while (left.length > 0) {
    const { results } = await loadEvents(db, left).all();
    const rows = results.map(readLoadedRow);
    for (const { id, event } of rows) {
      if (event !== null && !passesFilter({ filter }, event, lazyJson(event.body))) rejected.add(id);
    }
    // A row is far smaller than what is loaded, so each call loads one event at least.
    left = rows.flatMap(({ id, event }) => (event === null ? [id] : []));
  }
  return rejected;
}
