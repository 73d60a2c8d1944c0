/** A page of a list. `next` is the row after which the next page begins; null: this is the last one. */
export interface Page<Row, Position> {
  readonly rows: readonly Row[];
  readonly next: Position | null;
}

/**
 * Makes a page of a list that was asked for one row more than `limit`. A list that looks at a bounded number of rows has an
 * `edge`, the last row it looked at, if there may be more after it. Its page can hold few rows, or none, and still have a `next`.
 */
export function pageOf<Row extends Position, Position = Row>(
  rows: readonly Row[],
  limit: number,
  edge?: Position | null,
): Page<Row, Position> {
  return {
    rows: rows.slice(0, limit),
    next: (rows.length > limit ? rows[limit - 1] : edge) ?? null,
  };
}
