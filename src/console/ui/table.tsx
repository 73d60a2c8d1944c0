import type { Child, PropsWithChildren } from "hono/jsx";
import { z } from "zod";
import { cursorOf } from "../../api/requests.ts";
import { usePage } from "../show-page.tsx";
import { ButtonLink, TextField } from "./form.tsx";
import { Notice, Page, type PageProps } from "./layout.tsx";
import { Time } from "./values.tsx";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => Child;
  /** Figures are aligned to the right. */
  readonly kind?: "text" | "figure";
}

interface TableProps<Row> {
  /** For screen readers. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
}

/** On a phone each row is a card. The first column names its row. */
export function Table<Row>({ caption, columns, rows }: TableProps<Row>) {
  // Browsers drop the roles of a table with another layout, so they are written out.
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

/** A path with a query, without its empty values. */
export function linkTo(path: string, query: Query): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => (entry[1] ?? "") !== "");
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

/** The fields of the children narrow the list. They are in the URL. */
export function Filters({ path, children }: PropsWithChildren<{ readonly path: string }>) {
  return (
    <form method="get" action={path} class="filters" role="search" aria-label="Filter">
      {children}
      <div class="actions">
        <button type="submit" class="button button-main">
          Filter
        </button>
        <ButtonLink href={path}>Clear</ButtonLink>
      </div>
    </form>
  );
}

interface PagerProps {
  readonly path: string;
  /** The filters that stay. */
  readonly query: Query;
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** Links to the next page and to the first. */
export function Pager({ path, query, nextCursor }: PagerProps) {
  const { cursor, done: _, ...filters } = query;
  if (nextCursor === null && cursor === undefined) return null;
  return (
    <nav class="actions" aria-label="More of the list">
      {cursor === undefined ? null : <ButtonLink href={linkTo(path, filters)}>To the first page</ButtonLink>}
      {nextCursor === null ? null : (
        <ButtonLink rel="next" href={linkTo(path, { ...filters, cursor: nextCursor })}>
          Next page
        </ButtonLink>
      )}
    </nav>
  );
}

type EmptyProps = PropsWithChildren<{ readonly title: string }>;

/** Instead of an empty list: what to do next. */
export function EmptyState({ title, children }: EmptyProps) {
  return (
    <div class="empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children === undefined ? null : <p>{children}</p>}
    </div>
  );
}

/** The query of a list by id, whose items are found by a whole id. */
export const findQuery = z
  .strictObject({ id: z.string().trim().optional(), cursor: cursorOf(z.object({ id: z.string() })).optional() })
  .transform(({ id, cursor }) => ({
    /** The next page keeps the id in its query, and is no new search. */
    sought: cursor === undefined ? id : undefined,
    after: cursor?.id ?? "",
  }));

interface FindByIdProps {
  readonly action: string;
  readonly label: string;
  /** `organization`. */
  readonly what: string;
  /** The id that was sought and not found. */
  readonly sought?: string | undefined;
}

/** Finds a page by a whole id. */
export function FindById({ action, label, what, sought }: FindByIdProps) {
  return (
    <>
      {sought === undefined ? null : (
        <Notice kind="bad">
          There is no {what} with the id <bdi>{sought}</bdi>. Give the whole id.
        </Notice>
      )}
      <form method="get" action={action} class="actions find" role="search" aria-label="Find by id">
        <TextField label={label} name="id" value={sought} required autocomplete="off" />
        <button type="submit" class="button">
          Find
        </button>
      </form>
    </>
  );
}

interface ListPageProps<Row> extends PageProps, TableProps<Row> {
  /** Fields of the form that narrows the list. */
  readonly filters?: Child;
  /** Cursor of the next page, or null. */
  readonly next: string | null;
  /** Instead of the table when nothing matches. */
  readonly empty: Child;
  /** How far back this page looked, when it may look no further. */
  readonly lookedBackTo?: number | undefined;
  /** The table is fetched again each so many seconds. */
  readonly liveSeconds?: number;
  /** Under the table. */
  readonly footer?: Child;
}

/**
 * A page with one list: title, filters, children, table and pager. The pager keeps the query, and with it the filters.
 *
 *     <ListPage title="Dead letters" here={addresses.deadLetters} caption="Dead letters, newest first"
 *       filters={<Select label="State" … />} rows={letters} next={next && encodeCursor(next)}
 *       columns={[{ title: "Message", cell: (letter) => … }, …]} empty={<EmptyState title="No dead letters" />} />
 */
export function ListPage<Row>(props: ListPageProps<Row>) {
  const { caption, columns, rows, filters, next, empty, lookedBackTo, liveSeconds, footer, children, ...page } = props;
  const { path, query, now } = usePage();
  return (
    <Page {...page}>
      {filters === undefined ? null : <Filters path={path}>{filters}</Filters>}
      {children}
      <div id="list" class="stack" data-live={liveSeconds}>
        {liveSeconds === undefined ? null : (
          <p class="help">
            As of <Time at={now} />
          </p>
        )}
        {rows.length > 0 ? (
          <Table caption={caption} columns={columns} rows={rows} />
        ) : next !== null ? (
          <EmptyState title="No matches on this page">
            {lookedBackTo === undefined ? (
              "Older"
            ) : (
              <>
                It goes back to <Time at={lookedBackTo} />. Older
              </>
            )}{" "}
            ones may be on the next page.
          </EmptyState>
        ) : query["cursor"] !== undefined ? (
          <EmptyState title="End of the list" />
        ) : (
          empty
        )}
      </div>
      {footer}
      <Pager path={path} query={query} nextCursor={next} />
    </Page>
  );
}
