import type { Answer } from "./recorded-database.ts";

/**
 * All but what Node is not told (the rows read and written, and where in a statement an error is), the size, in which D1
 * counts tables of its own, and what ends with a connection, which D1 may open again at any moment: the last row's id, and
 * what is derived from it.
 */
export function comparable(answer: Answer | undefined): unknown {
  if (answer === undefined) return undefined;
  if ("error" in answer) return answer.error.replace(/ at offset \d+/, "");
  return answer.results.map(({ success, results, meta: { changes } }) => ({
    success,
    results,
    meta: { changes },
  }));
}
