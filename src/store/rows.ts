import { z } from "zod";

/** A column that is 0 or 1. */
export const flag = z.number().transform((value) => value === 1);

/** A column that holds JSON. */
export const json = <Content extends z.ZodType>(content: Content) =>
  z.string().transform((text) => content.parse(JSON.parse(text)));

/** Reads a row of these columns. */
export const reader = <Columns extends z.ZodRawShape>(columns: Columns) => {
  const row = z.object(columns);
  return (value: unknown) => row.parse(value);
};

/** The rows of a result. */
export function rowsOf<Row extends z.ZodType>(row: Row, result: D1Result | undefined): z.output<Row>[] {
  return z.array(row).parse(result?.results ?? []);
}

/** Characters of a statement's one parameter: even if each takes three bytes, well under D1's 2 MB. */
const MAX_PARAMETER_LENGTH = 500_000;

/** JSON lists of rows that are JSON, as few as their length allows. */
export function inParameters(rows: readonly string[]): string[] {
  const lists: string[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    length += row.length;
    if (length > MAX_PARAMETER_LENGTH) {
      lists.push([]);
      length = row.length;
    }
    lists.at(-1)?.push(row);
  }
  return lists.map((list) => `[${list.join(",")}]`);
}
