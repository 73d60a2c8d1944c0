import { z } from "zod";
import type { Database } from "./database.ts";

export const eventTypesSql = "SELECT id, type FROM events WHERE id IN (SELECT value FROM json_each(?1))";

const typeRow = z.object({ id: z.string(), type: z.string() });

/** The types of some events, by their ids. */
export async function typesOfEvents(db: Database, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { results } = await db.prepare(eventTypesSql).bind(JSON.stringify(ids)).all();
  return new Map(results.map((row) => typeRow.parse(row)).map(({ id, type }) => [id, type]));
}
