/** What the relay relies on in D1, each a fact that holds for the real one and for its double. */
export interface DatabaseFact {
  readonly title: string;
  /** On an empty database after all migrations. */
  readonly run: (db: D1Database) => Promise<unknown>;
  readonly expected: unknown;
}

export const databaseFacts: readonly DatabaseFact[] = [
  {
    title: "a number is bound as a floating-point one, and an INTEGER column makes an integer of it",
    run: async (db) => [
      await rows(db, "SELECT typeof(?1) AS type, json_array(?1, ?2) AS list, ?1 || '' AS text", 5, 1.5),
      await rows(
        db,
        "INSERT INTO cron_state VALUES ('a', ?1) RETURNING value, typeof(value) AS type",
        9007199254740991,
      ),
      await rows(db, "INSERT INTO cron_state VALUES ('b', ?1) RETURNING value, typeof(value) AS type", "12"),
    ],
    expected: [
      [{ type: "real", list: "[5.0,1.5]", text: "5.0" }],
      [{ value: 9007199254740991, type: "integer" }],
      [{ value: 12, type: "integer" }],
    ],
  },
  {
    title: "a truth is bound as 1 or 0, what is no number as null, and a negative zero as zero",
    run: (db) =>
      rows(
        db,
        "SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, ?5 AS e",
        true,
        false,
        Number.NaN,
        Number.NEGATIVE_INFINITY,
        -0,
      ),
    expected: [{ a: 1, b: 0, c: null, d: null, e: 0 }],
  },
  {
    title: "an infinite number is read as null, a whole one of a REAL column as it is",
    run: (db) => rows(db, "SELECT 9e999 AS a, -9e999 AS b, 3.0 AS c, 1e300 AS d, 0.1 + 0.2 AS e"),
    expected: [{ a: null, b: null, c: 3, d: 1e300, e: 0.30000000000000004 }],
  },
  {
    title: "bytes are bound in every form and read as a list of numbers",
    run: async (db) => {
      const bytes = new Uint8Array([0, 1, 255]);
      const forms = [
        bytes,
        bytes.buffer,
        [0, 1, 255],
        new Uint8Array([9, 0, 1, 255]).subarray(1),
        new Uint16Array([0, 257]),
      ];
      const found = [];
      for (const form of [...forms, new Uint8Array()]) {
        found.push(...(await rows(db, "SELECT ?1 AS bytes, hex(?1) AS hex, typeof(?1) AS type", form)));
      }
      return found;
    },
    expected: [
      { bytes: [0, 1, 255], hex: "0001FF", type: "blob" },
      { bytes: [0, 1, 255], hex: "0001FF", type: "blob" },
      { bytes: [0, 1, 255], hex: "0001FF", type: "blob" },
      { bytes: [0, 1, 255], hex: "0001FF", type: "blob" },
      { bytes: [0, 1], hex: "0001", type: "blob" },
      { bytes: [], hex: "", type: "blob" },
    ],
  },
  {
    title: "text is kept whatever is in it, and bytes become text as they are",
    run: (db) =>
      rows(
        db,
        "SELECT ?1 AS text, length(?1) AS length, hex(?1) AS hex, CAST(?2 AS TEXT) AS cast",
        "é\u0000𝄞",
        [0xff, 65],
      ),
    expected: [{ text: "é\u0000𝄞", length: 1, hex: "C3A900F09D849E", cast: "\uFFFDA" }],
  },
  {
    title: "what is no value of SQLite is refused when it is bound",
    run: (db) =>
      Promise.all(
        [undefined, 5n, {}, [1, 300], () => 1].map((value) => failure(() => db.prepare("SELECT ?1").bind(value))),
      ),
    expected: [
      "D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'",
      "D1_TYPE_ERROR: Type 'bigint' not supported for value '5'",
      "D1_TYPE_ERROR: Type 'object' not supported for value '[object Object]'",
      "D1_TYPE_ERROR: Type 'object' not supported for value '1,300'",
      "D1_TYPE_ERROR: Type 'function' not supported for value '() => 1'",
    ],
  },
  {
    title: "a statement is run with as many parameters as it has, and its highest number says how many",
    run: async (db) => [
      await failure(() => rows(db, "SELECT ?1, ?2", 1)),
      await failure(() => rows(db, "SELECT ?1", 1, 2)),
      await failure(() => db.prepare("SELECT ?1").all()),
      await failure(() => rows(db, "SELECT '?2', ?1 -- ?3", 1, 2)),
      await rows(db, "SELECT ?2 AS a", 1, 2),
      await rows(db, "SELECT ?1 AS a, ?1 AS b, '?9' AS c -- ?8", 1),
      await rows(db, "SELECT ? AS a, ? AS b", 1, 2),
      await db.prepare("SELECT ?1 AS a").bind(1).bind(2).first(),
    ],
    expected: [
      "D1_ERROR: Wrong number of parameter bindings for SQL query.",
      "D1_ERROR: Wrong number of parameter bindings for SQL query.",
      "D1_ERROR: Wrong number of parameter bindings for SQL query.",
      "D1_ERROR: Wrong number of parameter bindings for SQL query.",
      [{ a: 2 }],
      [{ a: 1, b: 1, c: "?9" }],
      [{ a: 1, b: 2 }],
      { a: 2 },
    ],
  },
  {
    title: "a row is a plain object, and of two columns of one name the last is in it",
    run: async (db) => {
      const [row = {}] = await rows(db, "SELECT 1 AS a, 2 AS a, 3 AS b");
      return { row, isPlain: Object.getPrototypeOf(row) === Object.prototype };
    },
    expected: { row: { a: 2, b: 3 }, isPlain: true },
  },
  {
    title: "first() is a row, or one column of it, or null without a row",
    run: async (db) => [
      await db.prepare("SELECT 1 AS a, 2 AS b").first(),
      await db.prepare("SELECT 1 AS a, 2 AS b").first("b"),
      await db.prepare("SELECT NULL AS a").first("a"),
      await db.prepare("SELECT 1 AS a WHERE false").first(),
      await db.prepare("SELECT 1 AS a WHERE false").first("b"),
      await failure(() => db.prepare("SELECT 1 AS a").first("b")),
    ],
    expected: [{ a: 1, b: 2 }, 2, null, null, null, "D1_COLUMN_NOTFOUND: Column not found (b)"],
  },
  {
    title: "run() has the rows as well, and success",
    run: async (db) => {
      const { success, results } = await db.prepare("SELECT 1 AS a").run();
      return { success, results };
    },
    expected: { success: true, results: [{ a: 1 }] },
  },
  {
    title: "changes are the rows that were written or deleted by the statement, whether it returns them or not",
    run: (db) =>
      changes(db, [
        "INSERT INTO cron_state VALUES ('a', 1), ('b', 2), ('c', 3)",
        "SELECT * FROM cron_state",
        "INSERT INTO cron_state VALUES ('a', 9) ON CONFLICT DO NOTHING",
        "INSERT INTO cron_state VALUES ('a', 9) ON CONFLICT DO NOTHING RETURNING name",
        "INSERT INTO cron_state VALUES ('a', 9), ('d', 4) ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING name",
        "INSERT INTO cron_state VALUES ('a', 1) ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > 5",
        "UPDATE cron_state SET value = value WHERE name <> 'a' RETURNING value",
        "UPDATE cron_state SET value = 0 WHERE false",
        "DELETE FROM cron_state WHERE name = 'a' RETURNING value",
        "DELETE FROM cron_state",
      ]),
    expected: [3, 0, 0, 0, 2, 0, 3, 0, 1, 3],
  },
  {
    title: "the last row id is that of the last row that has one",
    run: async (db) => {
      const answers = [
        await db.prepare("INSERT INTO counters VALUES (77, '{}'), (78, '{}')").run(),
        await db.prepare("INSERT INTO cron_state VALUES ('a', 1)").run(),
        await db.prepare("SELECT 1").run(),
        await db.prepare("DELETE FROM counters").run(),
      ];
      return answers.map(({ meta }) => [meta.last_row_id, meta.changed_db]);
    },
    expected: [
      [78, true],
      [78, true],
      [78, false],
      [78, true],
    ],
  },
  {
    title: "a batch is one transaction: each statement sees what those before it did, and has its own result",
    run: async (db) => {
      const results = await db.batch([
        db.prepare("INSERT INTO cron_state VALUES ('b', 1), ('a', 2)"),
        db.prepare("UPDATE cron_state SET value = value + 1 RETURNING name, value"),
        db.prepare("SELECT count(*) AS many, changes() AS changes FROM cron_state WHERE value > ?1").bind(2),
        db.prepare("DELETE FROM cron_state"),
      ]);
      return results.map(({ results: found, meta }) => [found, meta.changes]);
    },
    expected: [
      [[], 2],
      [
        [
          { name: "a", value: 3 },
          { name: "b", value: 2 },
        ],
        2,
      ],
      [[{ many: 1, changes: 2 }], 0],
      [[], 2],
    ],
  },
  {
    title: "a batch that fails leaves nothing behind, whichever of its statements failed, and the next call works",
    run: async (db) => {
      const insert = (name: string | null) => db.prepare("INSERT INTO cron_state VALUES (?1, 1)").bind(name);
      return [
        await failure(() => db.batch([insert("a"), insert("b"), insert("a")])),
        await failure(() => db.batch([insert("a"), db.prepare("SELECT * FROM nowhere")])),
        await failure(() => db.batch([insert("a"), db.prepare("SELECT ?1")])),
        await failure(() => db.prepare("INSERT INTO cron_state VALUES ('c', 1), (NULL, 2)").run()),
        await rows(db, "SELECT * FROM cron_state"),
        await changes(db, ["INSERT INTO cron_state VALUES ('a', 1)"]),
      ];
    },
    expected: [
      "D1_ERROR: UNIQUE constraint failed: cron_state.name: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)",
      "D1_ERROR: no such table: nowhere: SQLITE_ERROR",
      "D1_ERROR: Wrong number of parameter bindings for SQL query.",
      "D1_ERROR: NOT NULL constraint failed: cron_state.name: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)",
      [],
      [1],
    ],
  },
  {
    title: "a batch of nothing is refused",
    run: (db) => failure(() => db.batch([])),
    expected: "D1_ERROR: No SQL statements detected.",
  },
  {
    title: "calls that are begun at once are applied in their order, none between another's statements",
    run: async (db) => {
      const add = (name: string) => db.prepare("INSERT INTO cron_state SELECT ?1, count(*) FROM cron_state").bind(name);
      await Promise.all([add("a").run(), db.batch([add("b"), add("c")]), add("d").run()]);
      return rows(db, "SELECT * FROM cron_state ORDER BY value");
    },
    expected: ["a", "b", "c", "d"].map((name, value) => ({ name, value })),
  },
  {
    title: "a value that a table refuses is told with both names of its error",
    run: async (db) => {
      const token = (name: string, access: string, digest: string) => () =>
        rows(db, "INSERT INTO tokens VALUES (?3 || ?1, ?1, ?2, ?3, 1, NULL, NULL)", name, access, digest);
      await token("one", "full", "d")();
      return [
        await failure(token("one", "full", "e")),
        await failure(token("two", "half", "e")),
        await failure(() => rows(db, "INSERT INTO cron_state VALUES ('a', ?1)", 7.5)),
        await failure(() => rows(db, "INSERT INTO cron_state VALUES ('a', 'x')")),
        await failure(() => rows(db, "INSERT INTO counters VALUES (1.5, '{}')")),
      ];
    },
    expected: [
      "D1_ERROR: UNIQUE constraint failed: tokens.name: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)",
      "D1_ERROR: CHECK constraint failed: access IN ('read', 'full', 'destination'): SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)",
      "D1_ERROR: cannot store REAL value in INTEGER column cron_state.value: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_DATATYPE)",
      "D1_ERROR: cannot store TEXT value in INTEGER column cron_state.value: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_DATATYPE)",
      "D1_ERROR: datatype mismatch: SQLITE_MISMATCH",
    ],
  },
  {
    title: "an error has its text without the prefix as its cause",
    run: async (db) => {
      const error = await db
        .prepare("SELECT * FROM nowhere")
        .all()
        .catch((caught: unknown) => caught);
      return error instanceof Error && error.cause instanceof Error ? [error.name, error.cause.message] : error;
    },
    expected: ["Error", "no such table: nowhere: SQLITE_ERROR"],
  },
  {
    title: "a text that is no JSON, a sum that no integer holds and a path that is none are errors of the call",
    run: (db) =>
      Promise.all(
        [
          "SELECT value FROM json_each('{')",
          "SELECT sum(value) FROM json_each('[9223372036854775807,1]')",
          "SELECT json_extract('{}', 'a')",
        ].map((sql) => failure(() => rows(db, sql))),
      ),
    expected: [
      "D1_ERROR: malformed JSON: SQLITE_ERROR",
      "D1_ERROR: integer overflow: SQLITE_ERROR",
      "D1_ERROR: bad JSON path: 'a': SQLITE_ERROR",
    ],
  },
  {
    title: "values out of JSON have the types that JSON gives them",
    run: (db) =>
      rows(db, "SELECT value, type, atom, typeof(value) AS kind, ?1 ->> '$.a' AS a FROM json_each(?1, '$.list')", json),
    expected: [
      { value: 1, type: "integer", atom: 1, kind: "integer", a: "x" },
      { value: 1.5, type: "real", atom: 1.5, kind: "real", a: "x" },
      { value: "\ud834\udd1e", type: "text", atom: "\ud834\udd1e", kind: "text", a: "x" },
      { value: null, type: "null", atom: null, kind: "null", a: "x" },
      { value: 1, type: "true", atom: 1, kind: "integer", a: "x" },
      { value: "[2]", type: "array", atom: null, kind: "text", a: "x" },
    ],
  },
  {
    title: "rows that an insertion returns come in the order in which they were given",
    run: (db) =>
      rows(
        db,
        `INSERT INTO cron_state SELECT value, key FROM json_each(?1) WHERE true
        ON CONFLICT (name) DO UPDATE SET value = cron_state.value + 10 RETURNING name, value`,
        JSON.stringify(["c", "a", "c", "b"]),
      ),
    expected: [
      { name: "c", value: 0 },
      { name: "a", value: 1 },
      { name: "c", value: 10 },
      { name: "b", value: 3 },
    ],
  },
  {
    title: "without an order, rows come in that of the key",
    run: async (db) => {
      await rows(db, "INSERT INTO cron_state VALUES ('b', 1), ('a', 2), ('c', 3), ('B', 4)");
      return (await rows(db, "SELECT name FROM cron_state WHERE value > 0")).map(({ name }) => name);
    },
    expected: ["B", "a", "b", "c"],
  },
  {
    title: "limits are D1's",
    run: async (db) => {
      const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
      const list = (numbers: readonly number[]) =>
        `SELECT json_array(${numbers.map((number) => `?${number}`).join()}) AS list`;
      return [
        (await rows(db, list(hundred), ...hundred)).length,
        await failure(() => rows(db, list([101]), ...hundred, 101)),
        await failure(() => rows(db, "SELECT 'a' LIKE ?1", "a".repeat(51))),
        await failure(() =>
          rows(
            db,
            hundred
              .slice(0, 6)
              .map((number) => `SELECT ${number}`)
              .join(" UNION "),
          ),
        ),
        await failure(() => rows(db, `SELECT ${hundred.join("+")}+1+1`)),
        await failure(() => rows(db, `SELECT ${hundred.join()},1`)),
        (await rows(db, `SELECT json_array(${"1,".repeat(126)}1)`)).length,
        await failure(() => rows(db, `SELECT json_array(${"1,".repeat(127)}1)`)),
        await rows(db, "SELECT length(zeroblob(8388642)) AS length"),
        await failure(() => rows(db, "SELECT length(zeroblob(8388643))")),
      ];
    },
    expected: [
      1,
      "D1_ERROR: variable number must be between ?1 and ?100: SQLITE_ERROR",
      "D1_ERROR: LIKE or GLOB pattern too complex: SQLITE_ERROR",
      "D1_ERROR: too many terms in compound SELECT: SQLITE_ERROR",
      "D1_ERROR: Expression tree is too large (maximum depth 100): SQLITE_ERROR",
      "D1_ERROR: too many columns in result set: SQLITE_ERROR",
      1,
      "D1_ERROR: too many arguments on function json_array: SQLITE_ERROR",
      [{ length: 8_388_642 }],
      "D1_ERROR: string or blob too big: SQLITE_TOOBIG",
    ],
  },
  {
    title: "foreign keys hold, LIKE minds no case of ASCII, and a name in quotation marks that names nothing is a text",
    run: async (db) => [
      await rows(db, "PRAGMA foreign_keys"),
      await rows(db, `SELECT 'A' LIKE 'a' AS ascii, 'Æ' LIKE 'æ' AS others, "nothing" AS text`),
    ],
    expected: [[{ foreign_keys: 1 }], [{ ascii: 1, others: 0, text: "nothing" }]],
  },
];

const json = '{"a":"x","list":[1,1.5,"\\ud834\\udd1e",null,true,[2]]}';

async function rows(
  db: D1Database,
  sql: string,
  ...parameters: readonly unknown[]
): Promise<Record<string, unknown>[]> {
  return (
    await db
      .prepare(sql)
      .bind(...parameters)
      .all()
  ).results;
}

async function changes(db: D1Database, statements: readonly string[]): Promise<number[]> {
  const found = [];
  for (const sql of statements) found.push((await db.prepare(sql).run()).meta.changes);
  return found;
}

/** The error's text; without the place in the statement, of which Node is not told. */
async function failure(work: () => unknown): Promise<string> {
  try {
    return `No error, but ${JSON.stringify(await work())}`;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/ at offset \d+/, "") : String(error);
  }
}
