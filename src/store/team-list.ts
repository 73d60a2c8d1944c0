import { z } from "zod";
import type { Database } from "./database.ts";
import type { Destination } from "../domain/destination.ts";

/** What a page has to know of each team to speak of it. */
export type ListedTeam = Pick<
  Destination,
  "id" | "url" | "description" | "enabled" | "types" | "organizations" | "restingSince" | "heldUntil"
>;

/** More teams than that no page names. */
const MOST_LISTED = 500;

export const teamListSql = `
  SELECT id, url, description, enabled, types, organizations, resting_since, held_until FROM destinations
  ORDER BY id LIMIT ${MOST_LISTED}`;

/** A statement; its rows are for `readListedTeam`. */
export function teamList(db: Database): D1PreparedStatement {
  return db.prepare(teamListSql);
}

const texts = z.string().transform((text) => z.array(z.string()).parse(JSON.parse(text)));

const teamRow = z
  .object({
    id: z.string(),
    url: z.string(),
    description: z.string().nullable(),
    enabled: z.number(),
    types: texts,
    organizations: texts.nullable(),
    resting_since: z.number().nullable(),
    held_until: z.number().nullable(),
  })
  .transform(({ enabled, resting_since, held_until, ...row }): ListedTeam => ({
    ...row,
    enabled: enabled === 1,
    restingSince: resting_since,
    heldUntil: held_until,
  }));

export function readListedTeam(row: unknown): ListedTeam {
  return teamRow.parse(row);
}
