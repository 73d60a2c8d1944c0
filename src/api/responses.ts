import { z } from "@hono/zod-openapi";
import { isoTime } from "../domain/instant.ts";
import { pageOf } from "../platform/page.ts";
import { pageOfSchema } from "./schemas/common.ts";

/** An answer of an operation, for its definition. */
export function json<Schema extends z.ZodType>(schema: Schema, description: string, example: z.input<Schema>) {
  return { description, content: { "application/json": { schema, example } } };
}

/** The same for a page of a list; the example is of one that is not the last. */
export function page<Item extends z.ZodType>(item: Item, description: string, example: z.input<Item>) {
  return json(pageOfSchema(item), description, { data: [example], next_cursor: "eyJpZCI6ImRzdF8wMTlhOTM1Zjc0MDAifQ" });
}

/** Cuts a list that was asked for one item more than its limit into a page and the cursor after it. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  { show, cursorAt }: { show: (row: Row) => Item; cursorAt: (row: Row) => string },
): { data: Item[]; next_cursor: string | null } {
  const { rows: shown, next } = pageOf(rows, limit);
  return { data: shown.map(show), next_cursor: next === null ? null : cursorAt(next) };
}

type CamelCase<Name extends string> = Name extends `${infer Word}_${infer Rest}`
  ? `${Word}${Capitalize<CamelCase<Rest>>}`
  : Name;

/** What a field is shown from: a time can be Unix milliseconds. */
type Source<Field> =
  Field extends z.ZodNullable<infer Inner>
    ? Source<Inner> | null
    : Field extends z.ZodISODateTime
      ? number | string
      : Field extends z.ZodArray<infer Item>
        ? readonly Source<Item>[]
        : Field extends z.ZodObject<infer Shape>
          ? Row<Shape>
          : z.input<Field>;

type Row<Shape extends z.ZodRawShape> = {
  readonly [Name in keyof Shape & string as CamelCase<Name>]: Source<Shape[Name]>;
};

/** Shows a row by a schema: each field is the row's field of the same name in camelCase, a time as ISO 8601; objects in it alike. */
export function show<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  row: Row<Shape>,
): z.input<z.ZodObject<Shape>> {
  return showValue(schema, row) as z.input<z.ZodObject<Shape>>;
}

function showValue(field: unknown, value: unknown): unknown {
  if (value === null) return null;
  if (field instanceof z.ZodNullable) return showValue(field.unwrap(), value);
  if (field instanceof z.ZodISODateTime) return typeof value === "number" ? isoTime(value) : value;
  if (field instanceof z.ZodArray && Array.isArray(value)) return value.map((item) => showValue(field.element, item));
  if (!(field instanceof z.ZodObject)) return value;
  const shown = Object.entries(field.shape).map(([name, inner]) => [
    name,
    showValue(inner, Reflect.get(Object(value), camelCase(name))),
  ]);
  return Object.fromEntries(shown);
}

function camelCase(name: string): string {
  return name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
