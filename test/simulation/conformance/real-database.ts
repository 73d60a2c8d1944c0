import path from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";
import type { SqlStatement } from "../d1-binding.ts";
import { migrationsSql, noteMigrationsSql } from "../migrated-database.ts";
import type { Answer } from "./recorded-database.ts";

/** Makes calls to D1 one after the other, and passes on what it answers. */
const script = `export default {
  async fetch(request, { DB }) {
    const answers = [];
    for (const statements of await request.json()) {
      try {
        const prepared = statements.map(({ sql, parameters }) => DB.prepare(sql).bind(...parameters));
        answers.push({ results: await DB.batch(prepared) });
      } catch ({ message }) {
        answers.push({ error: message });
      }
    }
    return Response.json(answers);
  },
}`;

const answersShape = z.array(
  z.union([
    z.object({ results: z.array(z.custom<D1Result>((result) => typeof result === "object")) }),
    z.object({ error: z.string() }),
  ]),
);

const namedShape = z.object({ name: z.string() });

const configPath = path.join(import.meta.dirname, "../../../wrangler.toml");

/** workerd's D1 in memory, after the real migrations. */
export class RealDatabase {
  readonly #miniflare: Miniflare;

  private constructor(miniflare: Miniflare) {
    this.#miniflare = miniflare;
  }

  static async start(): Promise<RealDatabase> {
    const { compatibility_date, compatibility_flags } = unstable_readConfig({ config: configPath });
    const options = convertV4MiniflareOptions({
      modules: true,
      script,
      compatibilityDate: z.string().parse(compatibility_date),
      compatibilityFlags: compatibility_flags,
      // Else it is looked up on the internet.
      cf: false,
      d1Databases: ["DB"],
    });
    const database = new RealDatabase(new Miniflare(options));
    await database.answersTo([[{ sql: migrationsSql, parameters: [] }]]);
    return database;
  }

  async answersTo(calls: readonly (readonly SqlStatement[])[]): Promise<Answer[]> {
    const body = JSON.stringify(calls, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value));
    const response = await this.#miniflare.dispatchFetch("http://d1/", { method: "POST", body });
    return answersShape.parse(await response.json());
  }

  /** As new, also in what it answers next. */
  async empty(): Promise<void> {
    const tables =
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_cf%' ESCAPE '\\'";
    const [answer] = await this.answersTo([[{ sql: tables, parameters: [] }]]);
    const rows = answer !== undefined && "results" in answer ? (answer.results[0]?.results ?? []) : [];
    const names = rows.map((row) => namedShape.parse(row).name);
    const statements = [...names.map((name) => `DELETE FROM ${name}`), noteMigrationsSql];
    await this.answersTo([statements.map((sql) => ({ sql, parameters: [] }))]);
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
  }
}
