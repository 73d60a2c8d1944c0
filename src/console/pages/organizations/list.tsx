import { z } from "zod";
import type { Database } from "../../../store/database.ts";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import { toPage } from "../../../api/responses.ts";
import {
  type OrganizationSummary,
  summaryAt,
  latestReceipts,
  listSummaries,
} from "../../../store/organization-summaries.ts";
import { addresses, organizationAddress } from "../../addresses.ts";
import { EmptyState, Pager, Table } from "../../ui/table.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import { ShortId } from "../../ui/values.tsx";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { FindForm } from "./find-form.tsx";
import { type LastEvent, ShowLastEvent } from "./last-event.tsx";
import { nameOf } from "./name-of.ts";

const PER_PAGE = 50;

const listQuery = z.strictObject({
  id: z.string().trim().optional(),
  cursor: cursorOf(z.object({ id: z.string() })).optional(),
});

/** Whose state is known? An id leads straight to its organization. */
export function addList(pages: Console): void {
  pages.get("/organizations", async (c) => {
    const { id, cursor } = readQuery(c, listQuery);
    const wanted = id === undefined ? null : await summaryAt(c.env.DB, id);
    if (wanted !== null) return c.redirect(organizationAddress(wanted.organizationId), 303);
    const rows = await listSummaries(c.env.DB, cursor?.id ?? "", PER_PAGE + 1);
    const { data: shown, next_cursor } = toPage(rows, PER_PAGE, {
      show: (row) => row,
      cursorAt: (row) => encodeCursor({ id: row.organizationId }),
    });
    const lastEventOf = await findLastEvents(c.env.DB, shown);
    return showPage(
      c,
      <Page
        title="Organizations"
        viewer={viewerOf(c)}
        here={addresses.organizations}
        lead="The companies whose events have come, and what the bank said of each last."
      >
        {id === undefined ? null : (
          <Notice kind="bad">
            Nothing is known of an organization with the id <bdi>{id}</bdi>. An id has to be whole.
          </Notice>
        )}
        <FindForm action={addresses.organizations} label="Find an organization by its id" value={id} />
        {shown.length === 0 ? (
          <Nobody isFirstPage={cursor === undefined} />
        ) : (
          <Table
            caption="Organizations in the order of their ids"
            rows={shown}
            columns={[
              { title: "Organization", cell: (row) => <OrganizationLink organization={row} /> },
              { title: "Id", cell: (row) => <ShortId id={row.organizationId} /> },
              { title: "Last event", cell: (row) => <ShowLastEvent lastEvent={lastEventOf(row)} /> },
            ]}
          />
        )}
        <Pager path={addresses.organizations} query={{ cursor: c.req.query("cursor") }} nextCursor={next_cursor} />
      </Page>,
    );
  });
}

function OrganizationLink({ organization }: { readonly organization: OrganizationSummary }) {
  const { organizationId, profileBody } = organization;
  return (
    <a href={organizationAddress(organizationId)}>
      <bdi>{nameOf(profileBody) ?? "Without a name yet"}</bdi>
    </a>
  );
}

function Nobody({ isFirstPage }: { readonly isFirstPage: boolean }) {
  if (!isFirstPage) return <EmptyState title="There are no more organizations."></EmptyState>;
  return (
    <EmptyState title="No organization is known yet.">
      <p>
        The first event of the Business API brings its organization with it.{" "}
        <a href={addresses.events}>See what came</a>, or <a href={addresses.quarantine}>what was set aside</a>.
      </p>
    </EmptyState>
  );
}

/** Reads the newest events only for who has more resources than can be compared. */
export async function findLastEvents(
  db: Database,
  summaries: readonly OrganizationSummary[],
): Promise<(summary: OrganizationSummary) => LastEvent> {
  const large = summaries.filter(({ lastEventAt }) => lastEventAt === null).map(({ organizationId }) => organizationId);
  const receipts = large.length === 0 ? { at: new Map<string, number>(), since: 0 } : await latestReceipts(db, large);
  return ({ organizationId, lastEventAt }) => ({
    at: lastEventAt ?? receipts.at.get(organizationId) ?? null,
    before: receipts.since,
  });
}
