import { z } from "@hono/zod-openapi";
import { pageOf as cutPage } from "../platform/page.ts";

/** ISO 8601 of Unix milliseconds. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

export function isoTimeOrNull(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}

export const time = z.iso.datetime();

export function json<Schema extends z.ZodType>(schema: Schema, description: string, example: z.input<Schema>) {
  return { description, content: { "application/json": { schema, example } } };
}

export function page<Schema extends z.ZodType>(item: Schema) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() });
}

/** The example of a page that is not the last. */
export function pageOf<Item>(...data: Item[]) {
  return { data, next_cursor: "eyJpZCI6ImRzdF8wMTlhOTM1Zjc0MDAifQ" };
}

/** Cuts a list that was asked for one item more than its limit into a page and the cursor behind it. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  { show, cursorAt }: { show: (row: Row) => Item; cursorAt: (row: Row) => string },
): { data: Item[]; next_cursor: string | null } {
  const { rows: shown, next } = cutPage(rows, limit);
  return { data: shown.map(show), next_cursor: next === null ? null : cursorAt(next) };
}

export const security = [{ bearer: [] }];
