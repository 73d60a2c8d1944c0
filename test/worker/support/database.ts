/** D1 with somebody standing in between: to count, to fail, to hang, or to lie late. */

interface DatabaseCall {
  readonly statements: readonly string[];
}

export type Intercept = (call: DatabaseCall, proceed: () => Promise<D1Result[]>) => Promise<D1Result[]>;

interface Intercepted {
  readonly inner: D1PreparedStatement;
  readonly sql: string;
}

export function interceptDatabase(db: D1Database, intercept: Intercept): D1Database {
  const intercepted = new WeakMap<object, Intercepted>();

  const wrap = (inner: D1PreparedStatement, sql: string): D1PreparedStatement => {
    const all = async () => (await intercept({ statements: [sql] }, async () => [await inner.all()]))[0];
    const statement = {
      bind: (...values: unknown[]) => wrap(inner.bind(...values), sql),
      all,
      run: all,
      first: async (column?: string) => {
        const [row] = ((await all())?.results ?? []) as Record<string, unknown>[];
        if (row === undefined) return null;
        return column === undefined ? row : row[column];
      },
    };
    intercepted.set(statement, { inner, sql });
    return statement as unknown as D1PreparedStatement;
  };

  const originals = (statements: readonly D1PreparedStatement[]) =>
    statements.map((statement) => {
      const original = intercepted.get(statement);
      if (original === undefined) throw new Error("A statement of another database");
      return original;
    });

  return {
    prepare: (sql: string) => wrap(db.prepare(sql), sql),
    batch: (statements: D1PreparedStatement[]) => {
      const all = originals(statements);
      return intercept({ statements: all.map(({ sql }) => sql) }, () => db.batch(all.map(({ inner }) => inner)));
    },
  } as unknown as D1Database;
}

/** What D1 was asked, and what it charges for. */
export class Meter {
  calls = 0;
  readonly written: { readonly statement: string; readonly rows: number }[] = [];

  readonly intercept: Intercept = async ({ statements }, proceed) => {
    this.calls += 1;
    const results = await proceed();
    results.forEach(({ meta }, index) => {
      if (meta.rows_written > 0)
        this.written.push({ statement: nameOf(statements[index] ?? ""), rows: meta.rows_written });
    });
    return results;
  };

  get rowsWritten(): number {
    return this.written.reduce((sum, { rows }) => sum + rows, 0);
  }
}

/** `INSERT INTO events`, `UPDATE deliveries`, … */
function nameOf(sql: string): string {
  return /(INSERT INTO|UPDATE|DELETE FROM) \w+/.exec(sql)?.[0] ?? sql.trim().slice(0, 40);
}

export const never = new Promise<never>(() => undefined);

/** D1 that stalls as the real one does: it takes the call and does not answer. */
export const hanging: Intercept = () => never;

export const failing: Intercept = () =>
  Promise.reject(new Error("D1_ERROR: D1 DB is overloaded. Requests queued for too long."));
