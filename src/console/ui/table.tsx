import type { Child, PropsWithChildren } from "hono/jsx";

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

type Query = Readonly<Record<string, string | undefined>>;

/** The same page with another query; what is empty or undefined falls out of it. */
export function linkTo(path: string, query: Query): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => (entry[1] ?? "") !== "");
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

/** Filters live in the URL: the form asks for the same page again. Its fields are its children. */
export function Filters({ path, children }: PropsWithChildren<{ readonly path: string }>) {
  return (
    <form method="get" action={path} class="filters" role="search" aria-label="Filter">
      {children}
      <div class="filters-end">
        <button type="submit" class="button button-main">
          Filter
        </button>
        <a class="button button-plain" href={path}>
          Clear
        </a>
      </div>
    </form>
  );
}

interface PagerProps {
  readonly path: string;
  /** The filters that stay. */
  readonly query: Query;
  /** Where the next page begins; null: this is the last. */
  readonly nextCursor: string | null;
}

/** To the next page; back is the browser's own affair, and to the first is a link. */
export function Pager({ path, query, nextCursor }: PagerProps) {
  const { cursor, ...filters } = query;
  if (nextCursor === null && cursor === undefined) return null;
  return (
    <nav class="pager" aria-label="More of the list">
      {cursor === undefined ? null : (
        <a class="button button-plain" href={linkTo(path, filters)}>
          To the first page
        </a>
      )}
      {nextCursor === null ? null : (
        <a class="button button-plain" rel="next" href={linkTo(path, { ...filters, cursor: nextCursor })}>
          Next page
        </a>
      )}
    </nav>
  );
}

type EmptyProps = PropsWithChildren<{ readonly title: string }>;

/** Instead of an empty list: what to do next. */
export function EmptyState({ title, children }: EmptyProps) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}
