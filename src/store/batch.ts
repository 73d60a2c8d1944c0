import { type Database, retried } from "./database.ts";

/** What the statements of one name returned, in their order. */
export interface BatchResult {
  readonly rows: readonly unknown[];
  /** Rows that they changed. */
  readonly changes: number;
}

export type Statements = D1PreparedStatement | readonly D1PreparedStatement[];

/** Runs named statements as one transaction, in the order in which they stand, and returns their results by the same names. */
export async function batchOf<Name extends string>(
  db: Pick<Database, "batch">,
  statements: Readonly<Record<Name, Statements>>,
): Promise<Readonly<Record<Name, BatchResult>>> {
  const lists = Object.entries<Statements>(statements).map(([name, some]) => ({ name, list: [some].flat() }));
  const results = await db.batch(lists.flatMap(({ list }) => list));
  let next = 0;
  const named = lists.map(({ name, list }): [string, BatchResult] => {
    const ownResults = results.slice(next, (next += list.length));
    return [
      name,
      {
        rows: ownResults.flatMap(({ results: rows }) => rows),
        changes: ownResults.reduce((sum, { meta }) => sum + meta.changes, 0),
      },
    ];
  });
  return Object.fromEntries(named) as Record<Name, BatchResult>;
}

/** The same for a transaction that writes: it is repeated after a transient error. */
export async function writeAll<Name extends string>(
  db: Database,
  statements: Readonly<Record<Name, Statements>>,
): Promise<Readonly<Record<Name, BatchResult>>> {
  return retried(db, () => batchOf(db, statements));
}
