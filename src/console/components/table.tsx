import type { Child } from "hono/jsx";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => Child;
  /** Figures stand to the right. */
  readonly kind?: "text" | "figure";
}

interface TableProps<Row> {
  /** What the table holds, for who cannot see it at a summary. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
}

/** A table; on a phone each row is a card. The first column names its row. */
export function Table<Row>({ caption, columns, rows }: TableProps<Row>) {
  // Roles are written out, for browsers drop those of a table that is laid out otherwise.
  return (
    <table class="table" role="table">
      <caption class="unseen">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ title, kind = "text" }) => (
            <th scope="col" role="columnheader" class={kind}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr role="row">
            {columns.map(({ title, cell, kind = "text" }, index) =>
              index === 0 ? (
                <th scope="row" role="rowheader" class={kind}>
                  {cell(row)}
                </th>
              ) : (
                <td role="cell" class={kind} data-title={title}>
                  {cell(row)}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
