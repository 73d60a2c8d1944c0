import { z } from "zod";
import type { Database } from "./database.ts";
import type { Destination } from "../domain/destination.ts";

/** What a page has to know of each destination to speak of it. */
export type ListedDestination = Pick<
  Destination,
  "id" | "url" | "description" | "enabled" | "types" | "organizations" | "circuitOpenedAt" | "heldUntil"
>;

/** More destinations than that no page names. */
const MOST_LISTED = 500;

export const destinationListSql = `
  SELECT id, url, description, enabled, types, organizations, circuit_opened_at, held_until FROM destinations
  ORDER BY id LIMIT ${MOST_LISTED}`;

/** A statement; its rows are for `readListedDestination`. */
export function destinationList(db: Database): D1PreparedStatement {
  return db.prepare(destinationListSql);
}

const texts = z.string().transform((text) => z.array(z.string()).parse(JSON.parse(text)));

const destinationRow = z
  .object({
    id: z.string(),
    url: z.string(),
    description: z.string().nullable(),
    enabled: z.number(),
    types: texts,
    organizations: texts.nullable(),
    circuit_opened_at: z.number().nullable(),
    held_until: z.number().nullable(),
  })
  .transform(({ enabled, circuit_opened_at, held_until, ...row }): ListedDestination => ({
    ...row,
    enabled: enabled === 1,
    circuitOpenedAt: circuit_opened_at,
    heldUntil: held_until,
  }));

export function readListedDestination(row: unknown): ListedDestination {
  return destinationRow.parse(row);
}
