import { encodeCursor } from "../../../api/requests.ts";
import { pageOf } from "../../../platform/page.ts";
import { listSummaries, summaryAt } from "../../../store/organizations.ts";
import { addresses, organizationAddress } from "../../addresses.ts";
import { type Console, readQuery } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { EmptyState, FindById, ListPage, findQuery } from "../../ui/table.tsx";
import { ShortId } from "../../ui/values.tsx";
import { LastEvent, addOrganization, findLastEvents, organizationName } from "./organization.tsx";
import { addResource } from "./resource.tsx";
import { addResources } from "./resources.tsx";

const PER_PAGE = 50;

/** The latest state: organizations, their resources, and the events of each resource. */
export function addOrganizations(pages: Console): void {
  pages.get("/organizations", async (c) => {
    const { sought, after } = readQuery(c, findQuery);
    const found = sought === undefined ? null : await summaryAt(c.env.DB, sought);
    if (found !== null) return c.redirect(organizationAddress(found.organizationId), 303);
    const { rows, next } = pageOf(await listSummaries(c.env.DB, after, PER_PAGE + 1), PER_PAGE);
    const lastEventOf = await findLastEvents(c.env.DB, rows);
    return showPage(
      c,
      <ListPage
        title="Organizations"
        here={addresses.organizations}
        lead="Companies with events, and their latest state at Qonto."
        caption="Organizations in the order of their ids"
        columns={[
          {
            title: "Organization",
            cell: ({ organizationId, profileBody }) => (
              <a href={organizationAddress(organizationId)}>
                <bdi>{organizationName(profileBody)}</bdi>
              </a>
            ),
          },
          { title: "Id", cell: ({ organizationId }) => <ShortId id={organizationId} /> },
          { title: "Last event", cell: (row) => <LastEvent {...lastEventOf(row)} /> },
        ]}
        rows={rows}
        next={next && encodeCursor({ id: next.organizationId })}
        empty={
          <EmptyState title="No organizations yet">
            The first event of the Business API brings its organization. See the <a href={addresses.events}>events</a>{" "}
            or the <a href={addresses.quarantine}>quarantine</a>.
          </EmptyState>
        }
      >
        <FindById
          action={addresses.organizations}
          label="Find an organization by its id"
          what="organization"
          sought={sought}
        />
      </ListPage>,
    );
  });
  addOrganization(pages);
  addResources(pages);
  addResource(pages);
}
