import { z } from "zod";
import { type Database, retried } from "./database.ts";

/** A destination's secrets as D1 keeps them: sealed. */
export interface StoredSecrets {
  readonly destinationId: string;
  readonly secret: string;
  readonly previous: readonly { readonly secret: string; readonly until: number }[];
}

/** Who rotates more often than any overlap lasts loses the oldest. */
const PREVIOUS_AT_MOST = 4;

/** Done twice, because its answer was lost, it is as good as done once. Without an overlap those before end as well. */
export const rotateSql = `
  UPDATE destinations SET
    secret = ?2,
    previous_secrets = iif(secret = ?2, previous_secrets, (
      SELECT json_insert(json_group_array(json(kept.value)), '$[#]', json_object('secret', destinations.secret, 'until', ?3))
      FROM (
        SELECT value FROM json_each(destinations.previous_secrets)
        WHERE value ->> 'until' > ?4 AND ?3 > ?4 ORDER BY value ->> 'until' DESC LIMIT ${PREVIOUS_AT_MOST - 1}
      ) AS kept)),
    updated_at = ?4
  WHERE id = ?1 RETURNING id`;

/** Gives a destination another secret; the present one signs as well until a time. Returns whether there is such a destination. */
export async function rotateSecret(
  db: Database,
  destinationId: string,
  { sealed, previousUntil }: { readonly sealed: string; readonly previousUntil: number },
  now: number,
): Promise<boolean> {
  const statement = db.prepare(rotateSql).bind(destinationId, sealed, previousUntil, now);
  return (await retried(db, () => statement.all())).results.length > 0;
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
