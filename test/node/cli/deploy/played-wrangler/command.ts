import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Run } from "../../../../../src/cli/deploy/context.ts";
import type { Api } from "./api.ts";

/** What a command that talks to Cloudflare has. */
export interface Surroundings {
  readonly api: Api;
  readonly configuration: Configuration;
  /** Path of the account, before what of it is asked for. */
  readonly account: string;
  readonly printer: Printer;
}

/** What a command prints. Errors and warnings are no part of what is printed for programs. */
export class Printer {
  readonly #stdout: string[] = [];
  readonly #output: string[] = [];

  log(...lines: readonly string[]): void {
    this.#stdout.push(...lines);
    this.#output.push(...lines);
  }

  error(...lines: readonly string[]): void {
    this.#output.push(...lines);
  }

  table(columns: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = columns.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
    const line = (cells: readonly string[]) => `│ ${cells.map((cell, at) => pad(cell, widths[at] ?? 0)).join(" │ ")} │`;
    this.log(line(columns), ...rows.map(line));
  }

  ended(succeeded: boolean): Run {
    return {
      succeeded,
      stdout: this.#stdout.map((line) => `${line}\n`).join(""),
      output: this.#output.join("\n").trim(),
    };
  }
}

/** As the pinned one counts columns: two for an emoji, one for the selector behind it. */
const columnsOf = (cell: string) => Array.from(cell).length + (/\p{Extended_Pictographic}/u.test(cell) ? 1 : 0);

const pad = (cell: string, width: number) => cell + " ".repeat(Math.max(0, width - columnsOf(cell)));

const root = fileURLToPath(new URL("../../../../../", import.meta.url));

const configuration = z.object({
  name: z.string(),
  main: z.string(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()),
  vars: z.record(z.string(), z.unknown()),
  d1_databases: z.array(
    z.object({
      binding: z.string(),
      database_name: z.string(),
      migrations_dir: z.string(),
      jurisdiction: z.string().optional(),
    }),
  ),
  queues: z.object({
    producers: z.array(z.object({ binding: z.string(), queue: z.string(), delivery_delay: z.number().optional() })),
    consumers: z.array(
      z.object({
        queue: z.string(),
        dead_letter_queue: z.string().optional(),
        max_batch_size: z.number().optional(),
        max_batch_timeout: z.number().optional(),
        max_concurrency: z.number().optional(),
        max_retries: z.number().optional(),
        retry_delay: z.number().optional(),
      }),
    ),
  }),
  ratelimits: z.array(z.object({ name: z.string(), namespace_id: z.string(), simple: z.looseObject({}) })),
  triggers: z.object({ crons: z.array(z.string()).optional() }),
  observability: z.looseObject({}).optional(),
  workers_dev: z.boolean().optional(),
  preview_urls: z.boolean().optional(),
  secrets: z.object({ required: z.array(z.string()).default([]) }).optional(),
});

export type Configuration = z.output<typeof configuration>;

/** What wrangler.toml says, as far as a deployment comes to speak of it. */
export async function readConfiguration(): Promise<Configuration> {
  const { unstable_readConfig } = await import("wrangler");
  return configuration.parse(unstable_readConfig({ config: path.join(root, "wrangler.toml") }, { hideWarnings: true }));
}

export const pathTo = (file: string) => path.join(root, file);
