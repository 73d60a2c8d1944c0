import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SqlStatement } from "../d1-binding.ts";
import { playHistory } from "../history.ts";
import { buildRelay, importRelay } from "../load-relay.ts";
import { SqliteDatabase } from "../sqlite-database.ts";
import { comparable } from "./comparable.ts";
import { RealDatabase } from "./real-database.ts";
import type { Answer, RecordedCall } from "./recorded-database.ts";

/** The double that a history is played on, with a record of its calls. */
class RecordingDatabase extends SqliteDatabase {
  calls: RecordedCall[] = [];

  /** Each history begins so, and before it the undisturbed one. */
  override empty(): void {
    super.empty();
    this.calls = [];
  }

  override execute(statements: readonly SqlStatement[]): D1Result[] {
    // D1 itself has them.
    if (this.lacksTables) return super.execute(statements);
    try {
      const results = super.execute(statements);
      this.#note(statements, { results: structuredClone(results) });
      return results;
    } catch (error) {
      this.#note(statements, { error: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  #note(statements: readonly SqlStatement[], answer: Answer): void {
    this.calls.push({ statements, answer });
  }
}

const relay = await importRelay(await buildRelay());

let real: RealDatabase;
beforeAll(async () => {
  real = await RealDatabase.start();
});
afterAll(() => real.stop());

describe("D1 itself answers every call of a simulated history as its double did", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("seed %i", async (seed) => {
    const double = new RecordingDatabase();
    expect((await playHistory(relay, double, seed)).violation).toBeNull();
    expect(double.calls.length).toBeGreaterThan(10);
    await real.empty();
    const answers = await real.answersTo(double.calls.map(({ statements }) => statements));
    for (const [index, { statements, answer }] of double.calls.entries()) {
      expect({ statements, answer: comparable(answers[index]) }).toEqual({ statements, answer: comparable(answer) });
    }
  });
});
