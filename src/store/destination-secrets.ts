import { z } from "zod";
import { writeAll } from "./batch.ts";
import { type Database, write } from "./database.ts";
import { json, rowsOf } from "./rows.ts";

const secretsRow = z.object({
  destinationId: z.string(),
  secret: z.string(),
  /** Its own headers; null: none. */
  headers: z.string().nullable(),
  previous: json(z.array(z.object({ secret: z.string(), until: z.number() }))),
});

/** A destination's secrets as D1 keeps them: encrypted. */
export type StoredSecrets = z.output<typeof secretsRow>;

/** No receiver expects more signatures at once, and each has a cost. */
const PREVIOUS_AT_MOST = 4;

/** A row of `json_each` whose secret still signs. */
const signsSql = (now: string) => `value ->> 'until' > ${now}`;

/**
 * The same rotation made twice, because its answer was lost, changes nothing more. Without an overlap all previous secrets end,
 * so it is always possible. With one, no secret ends before its time. The oldest comes first.
 */
export const rotateSql = `
  UPDATE destinations SET
    secret = ?2,
    previous_secrets = iif(secret = ?2, previous_secrets, (
      SELECT json_insert(json_group_array(json(kept.value)), '$[#]', json_object('secret', destinations.secret, 'until', ?3))
      FROM (
        SELECT value FROM json_each(destinations.previous_secrets)
        WHERE ${signsSql("?4")} AND ?3 > ?4 ORDER BY key
      ) AS kept)),
    updated_at = ?4
  WHERE id = ?1 AND (secret = ?2 OR ?3 <= ?4 OR (
    SELECT count(*) FROM json_each(destinations.previous_secrets) WHERE ${signsSql("?4")}) < ${PREVIOUS_AT_MOST})
  RETURNING id`;

/** When enough previous secrets have ended for another rotation; null: they have. */
export const nextRotationSql = `
  SELECT (
    SELECT value ->> 'until' FROM json_each(destinations.previous_secrets) WHERE ${signsSql("?2")}
    ORDER BY value ->> 'until' DESC LIMIT 1 OFFSET ${PREVIOUS_AT_MOST - 1}) AS possibleAt
  FROM destinations WHERE id = ?1`;

const nextRotationRow = z.object({ possibleAt: z.number().nullable() });

/** `too_many`: as many secrets as may sign still do. The next of them ends at `possibleAt`, Unix milliseconds. */
export type Rotated =
  { readonly state: "rotated" | "unknown" } | { readonly state: "too_many"; readonly possibleAt: number };

/** Gives a destination another secret; the present one signs as well until a time. */
export async function rotateSecret(
  db: Database,
  destinationId: string,
  { encrypted, previousUntil }: { readonly encrypted: string; readonly previousUntil: number },
  now: number,
): Promise<Rotated> {
  const { rotated, next } = await writeAll(db, {
    rotated: db.prepare(rotateSql).bind(destinationId, encrypted, previousUntil, now),
    next: db.prepare(nextRotationSql).bind(destinationId, now),
  });
  if (rotated.rows.length > 0) return { state: "rotated" };
  const [row] = next.rows;
  if (row === undefined) return { state: "unknown" };
  return { state: "too_many", possibleAt: nextRotationRow.parse(row).possibleAt ?? now };
}

export const storedSecretsSql =
  "SELECT id AS destinationId, secret, headers, previous_secrets AS previous FROM destinations";

export async function readStoredSecrets(db: Database): Promise<StoredSecrets[]> {
  return rowsOf(secretsRow, await db.prepare(storedSecretsSql).all());
}

/** Not if they have been rotated or changed meanwhile. */
export const replaceSecretsSql = `
  UPDATE destinations SET secret = ?3, previous_secrets = ?4, headers = ?6
  WHERE id = ?1 AND secret = ?2 AND headers IS ?5`;

export async function replaceSecrets(db: Database, from: StoredSecrets, to: StoredSecrets): Promise<void> {
  const { destinationId, secret, headers } = from;
  const previous = JSON.stringify(to.previous);
  await write(db, db.prepare(replaceSecretsSql).bind(destinationId, secret, to.secret, previous, headers, to.headers));
}
