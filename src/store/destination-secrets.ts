import { z } from "zod";
import { type Database, retried } from "./database.ts";

/** A destination's secrets as D1 keeps them: encrypted. */
export interface StoredSecrets {
  readonly destinationId: string;
  readonly secret: string;
  readonly previous: readonly { readonly secret: string; readonly until: number }[];
}

/** More signatures at once no receiver expects, and each has a cost. */
const PREVIOUS_AT_MOST = 4;

/** A row of `json_each` whose secret still signs. */
const signsSql = (now: string) => `value ->> 'until' > ${now}`;

/**
 * Done twice, because its answer was lost, it is as good as done once. Without an overlap those before end as well, so that
 * is always possible; with one, no secret ends before its time. The oldest comes first.
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

/** When enough of the secrets before have ended for another rotation; null: they have. */
export const nextRotationSql = `
  SELECT (
    SELECT value ->> 'until' FROM json_each(destinations.previous_secrets) WHERE ${signsSql("?2")}
    ORDER BY value ->> 'until' DESC LIMIT 1 OFFSET ${PREVIOUS_AT_MOST - 1}) AS possible_at
  FROM destinations WHERE id = ?1`;

const nextRotationRow = z.object({ possible_at: z.number().nullable() });

/** `too_many`: as many secrets as may sign still do; the next of them ends at `possibleAt`, Unix milliseconds. */
export type Rotated =
  { readonly state: "rotated" | "unknown" } | { readonly state: "too_many"; readonly possibleAt: number };

/** Gives a destination another secret; the present one signs as well until a time. */
export async function rotateSecret(
  db: Database,
  destinationId: string,
  { encrypted, previousUntil }: { readonly encrypted: string; readonly previousUntil: number },
  now: number,
): Promise<Rotated> {
  const [rotated, next] = await retried(db, () =>
    db.batch([
      db.prepare(rotateSql).bind(destinationId, encrypted, previousUntil, now),
      db.prepare(nextRotationSql).bind(destinationId, now),
    ]),
  );
  if (rotated?.results.length) return { state: "rotated" };
  const [row] = next?.results ?? [];
  if (row === undefined) return { state: "unknown" };
  return { state: "too_many", possibleAt: nextRotationRow.parse(row).possible_at ?? now };
}

export const storedSecretsSql = "SELECT id, secret, previous_secrets FROM destinations";

const storedRow = z
  .object({ id: z.string(), secret: z.string(), previous_secrets: z.string() })
  .transform((row): StoredSecrets => ({
    destinationId: row.id,
    secret: row.secret,
    previous: z.array(z.object({ secret: z.string(), until: z.number() })).parse(JSON.parse(row.previous_secrets)),
  }));

export async function readStoredSecrets(db: Database): Promise<StoredSecrets[]> {
  const { results } = await db.prepare(storedSecretsSql).all();
  return z.array(storedRow).parse(results);
}

/** Not if they have been rotated meanwhile. */
export const replaceSecretsSql = `
  UPDATE destinations SET secret = ?3, previous_secrets = ?4
  WHERE id = ?1 AND secret = ?2`;

export async function replaceSecrets(db: Database, from: StoredSecrets, to: StoredSecrets): Promise<void> {
  const statement = db
    .prepare(replaceSecretsSql)
    .bind(from.destinationId, from.secret, to.secret, JSON.stringify(to.previous));
  await retried(db, () => statement.run());
}
