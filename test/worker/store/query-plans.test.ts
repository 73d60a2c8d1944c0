import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";

const modules = import.meta.glob<Record<string, unknown>>("../../../src/store/*.ts", { eager: true });

/** Every SQL text of the store that is a whole statement; by habit its name ends in `Sql`. */
const statements = Object.entries(modules).flatMap(([file, exports]) =>
  Object.entries(exports).flatMap(([name, sql]) =>
    typeof sql === "string" && /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/.test(sql)
      ? { title: `${file.replace(/^.*\//, "")} ${name}`, sql }
      : [],
  ),
);

/**
 * What may be read from end to end: lists given as JSON, results of the statement's own steps, the tables that do not grow
 * with the events, an operator's handful of destinations, connections and replays, the cron's few rows of state and the hours of the ledger, and what waits in quarantine, which
 * the statement that adds to it bounds.
 */
const mayBeScanned = new RegExp(
  `^SCAN (${[
    ".* VIRTUAL TABLE .*",
    "CONSTANT ROW",
    "\\(subquery-\\d+\\)",
    "halving|counted|latest|newest|found|matching|given|kept|types|page|event|gaps|d1_migrations|counters|looked_at|overtaken|destinations|connections( USING INDEX sqlite_autoindex_connections_1)?|cron_state|alerts|replays|ledger_hours",
    // Requests to connect, which are deleted after a day.
    "authorizations",
    "quarantine USING (COVERING )?INDEX quarantine_waiting",
  ].join("|")})$`,
);

describe("no statement scans a table that grows", () => {
  it.each(statements)("$title", async ({ sql }) => {
    const parameters = Math.max(0, ...Array.from(sql.matchAll(/\?(\d+)/g), ([, number]) => Number(number)));
    const explained = env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...Array<null>(parameters).fill(null));
    const { results } = await explained.all<{ detail: string }>();
    const scans = results.map(({ detail }) => detail).filter((detail) => detail.startsWith("SCAN "));
    expect(scans.filter((scan) => !mayBeScanned.test(scan))).toEqual([]);
  });

  it("is asked of all of them", () => {
    expect(statements.length).toBeGreaterThanOrEqual(30);
  });
});
