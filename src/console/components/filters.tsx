import type { PropsWithChildren } from "hono/jsx";

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
