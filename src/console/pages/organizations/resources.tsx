import { z } from "zod";
import { cursorOf, encodeCursor, notFound } from "../../../api/requests.ts";
import { pageOf } from "../../../platform/page.ts";
import { readData } from "../../../qonto/resource.ts";
import { type Summary, summaryOf } from "../../../qonto/summary.ts";
import { countUpTo, readCount } from "../../../store/organizations.ts";
import { readSummary, summaries, type ResourceRow } from "../../../store/resources.ts";
import { addresses, organizationAddress, resourceAddress, resourcesAddress } from "../../addresses.ts";
import { type Console, readQuery } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { Select } from "../../ui/form.tsx";
import { type Column, EmptyState, FindById, ListPage } from "../../ui/table.tsx";
import { Amount, Chips, Iban, ShortId, State, TimeOfText } from "../../ui/values.tsx";

const PER_PAGE = 50;

const listQuery = z.strictObject({
  type: z.string().optional(),
  cursor: cursorOf(z.object({ type: z.string(), resourceId: z.string().nullable() })).optional(),
});

/** The resources of one organization. */
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
    const shownTypes = new Set([...knownTypes, ...(type === undefined ? [] : [type])]);
    const { rows, next } = pageOf((found?.results ?? []).map(readSummary), PER_PAGE);
    const summarized = rows.map((row) => ({ ...row, summary: summaryOf(row.type, readData(row.body)) }));
    return showPage(
      c,
      <ListPage
        title="Resources"
        here={addresses.organizations}
        lead="The latest state of each resource."
        trail={[
          { href: addresses.organizations, text: "Organizations" },
          { href: organizationAddress(id), text: <ShortId id={id} /> },
        ]}
        filters={
          <Select
            label="Type"
            name="type"
            value={type}
            options={[["", "All types"], ...Array.from(shownTypes, (one) => [one, one] as const)]}
          />
        }
        caption="Resources in the order of type and id"
        columns={columnsOf(summarized, type)}
        rows={summarized}
        next={next && encodeCursor({ type: next.type, resourceId: next.resourceId })}
        empty={
          <EmptyState title="No resources of this type">
            <a href={resourcesAddress(id)}>Show all types</a>
          </EmptyState>
        }
      >
        <FindById action={`${organizationAddress(id)}/resource`} label="Find a resource by its id" what="resource" />
      </ListPage>,
    );
  });
}

type Row = ResourceRow & { readonly summary: Summary };

/** Amounts and IBANs have a column where a row has one. */
function columnsOf(rows: readonly Row[], type: string | undefined): readonly Column<Row>[] {
  const amount: Column<Row> = {
    title: "Amount",
    kind: "figure",
    cell: ({ summary: { money } }) => (money === null ? "–" : <Amount {...money} />),
  };
  const iban: Column<Row> = {
    title: "IBAN",
    cell: ({ summary }) => (summary.iban === null ? "–" : <Iban iban={summary.iban} />),
  };
  return [
    { title: "Resource", cell: (row) => <Name row={row} showsType={type === undefined} /> },
    ...(rows.some(({ summary }) => summary.money !== null) ? [amount] : []),
    ...(rows.some(({ summary }) => summary.iban !== null) ? [iban] : []),
    { title: "State", cell: (row) => <ResourceState row={row} /> },
    {
      title: "As of",
      cell: ({ versionAt }) => (versionAt === null ? "–" : <TimeOfText text={versionAt} show="relative" />),
    },
  ];
}

interface NameProps {
  readonly row: Row;
  readonly showsType: boolean;
}

function Name({ row: { organizationId, type, resourceId, summary }, showsType }: NameProps) {
  return (
    <span class="lines">
      <a href={resourceAddress(organizationId, type, resourceId ?? "")}>
        <bdi>{summary.title ?? type}</bdi>
      </a>
      <span class="aside">
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

function ResourceState({ row: { deleted, summary } }: { readonly row: Row }) {
  return (
    <span class="cluster">
      {deleted ? <State state="paused">deleted</State> : null}
      <Chips words={summary.words} />
    </span>
  );
}
