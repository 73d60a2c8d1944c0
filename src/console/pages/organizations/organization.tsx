import { notFound } from "../../../api/requests.ts";
import { readData } from "../../../qonto/resource.ts";
import { MOST_TYPES, countUpTo, summaryAt, readCount } from "../../../store/organization-summaries.ts";
import { summaries, readSummary } from "../../../store/resource-summaries.ts";
import { addresses, resourcesAddress } from "../../addresses.ts";
import { count } from "../../ui/values.tsx";
import { linkTo } from "../../ui/table.tsx";
import { Page } from "../../ui/layout.tsx";
import { type Console, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { Accounts } from "./accounts.tsx";
import { MOST_ACCOUNTS, readAccount, readAccountsOfProfile } from "./accounts-of.ts";
import { findLastEvents } from "./list.tsx";
import { ShowLastEvent } from "./last-event.tsx";
import { Profile } from "./profile.tsx";
import { nameOf } from "./name-of.ts";
import { Trail } from "./trail.tsx";

/** Counting further would read each of them, on every look. */
const COUNTED_AT_MOST = 1_000;

/** One company: its balance, who it is, and what is known of it. */
export function addOrganization(pages: Console): void {
  pages.get("/organizations/:id", async (c) => {
    const id = c.req.param("id");
    const [summary, [accountRows, countRows]] = await Promise.all([
      summaryAt(c.env.DB, id),
      c.env.DB.batch([
        summaries(c.env.DB, id, { type: "v1/accounts", after: undefined, limit: MOST_ACCOUNTS + 1 }),
        countUpTo(c.env.DB, id, COUNTED_AT_MOST + 1),
      ]),
    ]);
    if (summary === null) throw notFound("organization");
    const lastEventOf = await findLastEvents(c.env.DB, [summary]);
    const profile = summary.profileBody === null ? null : readData(summary.profileBody);
    const rows = (accountRows?.results ?? []).map(readSummary);
    const ofRows = rows
      .slice(0, MOST_ACCOUNTS)
      .map((row) =>
        readAccount(readData(row.body), { resourceId: row.resourceId, isDeleted: row.deleted, asOf: row.versionAt }),
      );
    const accounts = ofRows.length === 0 ? readAccountsOfProfile(profile, summary.profileAt) : ofRows;
    return showPage(
      c,
      <Page title="Organization" viewer={viewerOf(c)} here={addresses.organizations}>
        <Trail steps={[{ href: addresses.organizations, text: "Organizations" }]} />
        <p class="known-subject">
          <bdi>{nameOf(summary.profileBody) ?? "Without a name yet"}</bdi>
        </p>
        <p class="known-more">
          <code>
            <bdi>{id}</bdi>
          </code>
          <span>
            Last event: <ShowLastEvent lastEvent={lastEventOf(summary)} />
          </span>
          <a href={linkTo(addresses.events, { organization: id })}>Its events</a>
        </p>
        <Accounts organizationId={id} accounts={accounts} areMore={rows.length > MOST_ACCOUNTS} />
        <Profile organizationId={id} profile={profile} asOf={summary.profileAt} />
        <Counts organizationId={id} counts={(countRows?.results ?? []).map(readCount)} />
      </Page>,
    );
  });
}

interface CountsProps {
  readonly organizationId: string;
  readonly counts: readonly ReturnType<typeof readCount>[];
}

function Counts({ organizationId, counts }: CountsProps) {
  const path = resourcesAddress(organizationId);
  return (
    <section aria-labelledby="counts">
      <h2 id="counts">What is known of it</h2>
      <ul class="known-counts">
        {counts.map(({ type, resources }) => (
          <li>
            <a href={linkTo(path, { type })}>
              <bdi>{type}</bdi>
            </a>
            <strong>{resources > COUNTED_AT_MOST ? `${count(COUNTED_AT_MOST)}+` : count(resources)}</strong>
          </li>
        ))}
      </ul>
      <p class="help">
        {counts.length < MOST_TYPES ? null : `The first ${MOST_TYPES} types. `}
        What was deleted is counted as well. <a href={path}>All of it, by type and id</a>
      </p>
    </section>
  );
}
