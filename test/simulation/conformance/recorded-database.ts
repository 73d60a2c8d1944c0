import { realWorld } from "../../../src/platform/world.ts";
import { type Database, openDatabase } from "../../../src/store/database.ts";
import { type SqlStatement, createD1Binding } from "../d1-binding.ts";
import type { SqliteDatabase } from "../sqlite-database.ts";

/** What a call to D1 came to. */
export type Answer = { readonly results: D1Result[] } | { readonly error: string };

export interface RecordedCall {
  readonly statements: readonly SqlStatement[];
  readonly answer: Answer;
}

/** The double with a record of all that it was asked, to ask D1 the same. */
export class RecordedDatabase {
  readonly calls: RecordedCall[] = [];
  readonly #database: SqliteDatabase;

  readonly store: Database = openDatabase(
    createD1Binding(async (statements) => {
      const answer = this.answerTo(statements);
      if ("error" in answer) throw new Error(answer.error);
      return answer.results;
    }),
    realWorld,
  );

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  answerTo(statements: readonly SqlStatement[]): Answer {
    const answer = this.#execute(statements);
    this.calls.push({ statements, answer });
    return answer;
  }

  #execute(statements: readonly SqlStatement[]): Answer {
    try {
      return { results: this.#database.execute(statements) };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }
}
