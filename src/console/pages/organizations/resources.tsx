import { z } from "zod";
import { cursorOf, encodeCursor, notFound } from "../../../api/requests.ts";
import { toPage } from "../../../api/responses.ts";
import { readData } from "../../../qonto/resource.ts";
import { countUpTo, readCount } from "../../../store/organization-summaries.ts";
import { summaries, readSummary } from "../../../store/resource-summaries.ts";
import type { ResourceRow } from "../../../store/resources.ts";
import { addresses, organizationAddress, resourceAddress, resourcesAddress } from "../../addresses.ts";
import { Amount, Iban, ShortId, State, TimeOfText } from "../../ui/values.tsx";
import { EmptyState, Filters, Pager, Table } from "../../ui/table.tsx";
import { Field } from "../../ui/form.tsx";
import { Page } from "../../ui/layout.tsx";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { FindForm } from "./find-form.tsx";
import { type Summary, summaryOf } from "./summary.ts";
import { SummaryWords } from "./summary-parts.tsx";
import { Trail } from "./trail.tsx";

const PER_PAGE = 50;

const listQuery = z.strictObject({
  type: z.string().optional(),
  cursor: cursorOf(z.object({ type: z.string(), resourceId: z.string().nullable() })).optional(),
});

/** What does this company have? */
export function addResources(pages: Console): void {
  pages.get("/organizations/:id/resources", async (c) => {
    const id = c.req.param("id");
    const { type, cursor } = readQuery(c, listQuery);
    const [found, types] = await c.env.DB.batch([
      summaries(c.env.DB, id, { type, after: cursor, limit: PER_PAGE + 1 }),
      countUpTo(c.env.DB, id, 1),
    ]);
    const knownTypes = (types?.results ?? []).map(readCount).map((one) => one.type);
    if (knownTypes.length === 0) throw notFound("organization");
    const { data: rows, next_cursor } = toPage((found?.results ?? []).map(readSummary), PER_PAGE, {
      show: (row) => ({ ...row, summary: summaryOf(row.type, readData(row.body)) }),
      cursorAt: (row) => encodeCursor({ type: row.type, resourceId: row.resourceId }),
    });
    const path = resourcesAddress(id);
    return showPage(
      c,
      <Page
        title="Resources"
        viewer={viewerOf(c)}
        here={addresses.organizations}
        lead="What this organization has, each as the bank showed it last."
      >
        <Trail
          steps={[
            { href: addresses.organizations, text: "Organizations" },
            { href: organizationAddress(id), text: <ShortId id={id} /> },
          ]}
        />
        <Filters path={path}>
          <Field label="Type">
            <select name="type">
              <option value="">All types</option>
              {[...new Set([...knownTypes, ...(type === undefined ? [] : [type])])].map((one) => (
                <option value={one} selected={one === type}>
                  {one}
                </option>
              ))}
            </select>
          </Field>
        </Filters>
        <FindForm action={`${organizationAddress(id)}/resource`} label="Or one of them, by its id" />
        {rows.length === 0 ? (
          <EmptyState title="Nothing of this type is known.">
            <p>
              <a href={path}>See all types</a>
            </p>
          </EmptyState>
        ) : (
          <Listed organizationId={id} rows={rows} isOfOneType={type !== undefined} />
        )}
        <Pager path={path} query={{ type, cursor: c.req.query("cursor") }} nextCursor={next_cursor} />
      </Page>,
    );
  });
}

type Row = ResourceRow & { readonly summary: Summary };

interface ListedProps {
  readonly organizationId: string;
  readonly rows: readonly Row[];
  readonly isOfOneType: boolean;
}

function Listed({ organizationId, rows, isOfOneType }: ListedProps) {
  const amount = {
    title: "Amount",
    kind: "figure" as const,
    cell: ({ summary: { money } }: Row) =>
      money === null ? "–" : <Amount value={money.value} currency={money.currency} />,
  };
  const iban = {
    title: "IBAN",
    cell: ({ summary }: Row) => (summary.iban === null ? "–" : <Iban iban={summary.iban} />),
  };
  const haveIbans = rows.some(({ summary }) => summary.iban !== null);
  const haveAmounts = rows.some(({ summary }) => summary.money !== null);
  return (
    <Table
      caption="Resources in the order of type and id"
      rows={rows}
      columns={[
        { title: "What", cell: (row) => <What organizationId={organizationId} row={row} showsType={!isOfOneType} /> },
        ...(haveAmounts ? [amount] : []),
        ...(haveIbans ? [iban] : []),
        { title: "State", cell: (row) => <Standing row={row} /> },
        {
          title: "As of",
          cell: ({ versionAt }) => <AsOf text={versionAt} />,
        },
      ]}
    />
  );
}

interface WhatProps {
  readonly organizationId: string;
  readonly row: Row;
  readonly showsType: boolean;
}

function What({ organizationId, row, showsType }: WhatProps) {
  const { type, resourceId, summary } = row;
  return (
    <span class="known-what known-lines">
      <a href={resourceAddress(organizationId, type, resourceId ?? "")}>
        <bdi>{summary.title ?? type}</bdi>
      </a>
      <span class="known-aside">
        {showsType && summary.title !== null ? (
          <>
            <bdi>{type}</bdi>{" "}
          </>
        ) : null}
        {resourceId === null ? null : <ShortId id={resourceId} />}
      </span>
    </span>
  );
}

function Standing({ row: { deleted, summary } }: { readonly row: Row }) {
  return (
    <span class="known-words">
      {deleted ? <State state="paused">deleted</State> : null}
      <SummaryWords words={summary.words} />
    </span>
  );
}

function AsOf({ text }: { readonly text: string | null }) {
  return <span class="known-time">{text === null ? "–" : <TimeOfText text={text} show="moment" />}</span>;
}
