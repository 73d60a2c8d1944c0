import { z } from "@hono/zod-openapi";

/** ISO 8601 of Unix milliseconds. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

export function isoTimeOrNull(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}

export const time = z.iso.datetime();

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    code: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi("Problem");

export const refusal = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: problem } },
});

/** What every operation behind the token can answer beside its success. */
export const behindToken = {
  401: refusal("No token or a wrong one: code `unauthorized`"),
  503: refusal("The relay lacks a secret: code `not_configured`"),
};

export const badInput = { 400: refusal("Bad input: code `invalid_request`, with `errors`") };

export const unknownId = { 404: refusal("Unknown id: code `not_found`") };

export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { "application/json": { schema } } };
}

export function page<Schema extends z.ZodType>(item: Schema) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() });
}

/** Cuts a list that was asked for one item more than its limit into a page and the cursor behind it. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  { show, cursorAt }: { show: (row: Row) => Item; cursorAt: (row: Row) => string },
): { data: Item[]; next_cursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    data: shown.map(show),
    next_cursor: rows.length > limit && last !== undefined ? cursorAt(last) : null,
  };
}

export const security = [{ bearer: [] }];
