import type { Child } from "hono/jsx";
import { encodeCursor, notFound } from "../../../api/requests.ts";
import { isObject, numberText } from "../../../platform/json.ts";
import { pageOf } from "../../../platform/page.ts";
import { readId } from "../../../qonto/envelope.ts";
import { readData } from "../../../qonto/resource.ts";
import { readMoney, summaryOf } from "../../../qonto/summary.ts";
import type { Database } from "../../../store/database.ts";
import {
  type OrganizationSummary,
  MOST_TYPES,
  completeUntil,
  countUpTo,
  latestReceipts,
  listSummaries,
  readCompleteUntil,
  readCount,
  summaryAt,
} from "../../../store/organizations.ts";
import { readSummary, summaries } from "../../../store/resources.ts";
import { addresses, organizationAddress, resourceAddress, resourcesAddress } from "../../addresses.ts";
import { type Console, readQuery } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { Page, Section } from "../../ui/layout.tsx";
import { EmptyState, FindById, ListPage, findQuery, linkTo } from "../../ui/table.tsx";
import { Amount, Facts, ShortId, Time, TimeOfText, count, maskIbansIn } from "../../ui/values.tsx";
import { Accounts, MOST_ACCOUNTS, readAccountsOfProfile, readAccountsOfRows } from "./accounts.tsx";
import { addResource } from "./resource.tsx";
import { addResources } from "./resources.tsx";

const PER_PAGE = 50;

/** Counting further would read every resource on every visit. */
const COUNTED_AT_MOST = 1_000;

/** The latest state: organizations, their resources, and the events of each resource. */
export function addOrganizations(pages: Console): void {
  pages.get("/organizations", async (c) => {
    const { sought, after } = readQuery(c, findQuery);
    const found = sought === undefined ? null : await summaryAt(c.env.DB, sought);
    if (found !== null) return c.redirect(organizationAddress(found.organizationId), 303);
    const { rows, next } = pageOf(await listSummaries(c.env.DB, after, PER_PAGE + 1), PER_PAGE);
    const showLastEvent = await readLastEvents(c.env.DB, rows);
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
          { title: "Last event", cell: showLastEvent },
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

  pages.get("/organizations/:id", async (c) => {
    const id = c.req.param("id");
    const [summary, [accountRows, countRows, completeRow]] = await Promise.all([
      summaryAt(c.env.DB, id),
      c.env.DB.batch([
        summaries(c.env.DB, id, { type: "v1/accounts", after: undefined, limit: MOST_ACCOUNTS + 1 }),
        countUpTo(c.env.DB, id, COUNTED_AT_MOST + 1),
        completeUntil(c.env.DB, id),
      ]),
    ]);
    if (summary === null) throw notFound("organization");
    const showLastEvent = await readLastEvents(c.env.DB, [summary]);
    const completeUntilMs = readCompleteUntil(completeRow);
    const profile = summary.profileBody === null ? null : readData(summary.profileBody);
    const rows = (accountRows?.results ?? []).map(readSummary);
    return showPage(
      c,
      <Page
        title="Organization"
        here={addresses.organizations}
        trail={[{ href: addresses.organizations, text: "Organizations" }]}
      >
        <p class="title">
          <bdi>{organizationName(summary.profileBody)}</bdi>
        </p>
        <p class="cluster soft">
          <bdi class="mono">{id}</bdi>
          <span>Last event: {showLastEvent(summary)}</span>
          {completeUntilMs === null ? null : (
            <span>
              Complete up to <Time at={completeUntilMs} />
            </span>
          )}
          <a href={linkTo(addresses.events, { organization: id })}>Events</a>
        </p>
        <Accounts
          organizationId={id}
          accounts={rows.length === 0 ? readAccountsOfProfile(profile, summary.profileAt) : readAccountsOfRows(rows)}
          areMore={rows.length > MOST_ACCOUNTS}
        />
        <Profile organizationId={id} profile={profile} asOf={summary.profileAt} />
        <Counts organizationId={id} counts={(countRows?.results ?? []).map(readCount)} />
      </Page>,
    );
  });

  addResources(pages);
  addResource(pages);
}

/** Out of the latest event of `v1/organizations`. */
function organizationName(profileBody: string | null): string {
  const name = profileBody === null ? null : summaryOf("v1/organizations", readData(profileBody)).title;
  return name ?? "Without a name yet";
}

/**
 * Reads when the last event of each organization came, and returns what shows it. The newest events are searched only for
 * organizations with too many resources to compare.
 */
async function readLastEvents(
  db: Database,
  organizations: readonly OrganizationSummary[],
): Promise<(organization: OrganizationSummary) => Child> {
  const large = organizations.filter(({ lastEventAt }) => lastEventAt === null).map((one) => one.organizationId);
  const receipts = large.length === 0 ? { at: new Map<string, number>(), since: 0 } : await latestReceipts(db, large);
  return ({ organizationId, lastEventAt }) => {
    const at = lastEventAt ?? receipts.at.get(organizationId);
    if (at !== undefined) return <Time at={at} show="relative" />;
    return (
      <span>
        before <Time at={receipts.since} show="moment" />
      </span>
    );
  };
}

interface ProfileProps {
  readonly organizationId: string;
  /** Null before the first event of `v1/organizations`. */
  readonly profile: Readonly<Record<string, unknown>> | null;
  readonly asOf: string | null;
}

type Kind = "text" | "money" | "day" | "instant";

const profileFields: readonly { readonly name: string; readonly label: string; readonly kind?: Kind }[] = [
  { name: "legal_name", label: "Legal name" },
  { name: "trade_name", label: "Trade name" },
  { name: "status", label: "Status" },
  { name: "legal_form", label: "Legal form" },
  { name: "legal_number", label: "Legal number" },
  { name: "legal_registration_date", label: "Registered", kind: "day" },
  { name: "legal_share_capital", label: "Share capital", kind: "money" },
  { name: "legal_sector", label: "Sector" },
  { name: "legal_country", label: "Country" },
  { name: "legal_address", label: "Legal address" },
  { name: "address", label: "Address" },
  { name: "locale", label: "Language" },
  { name: "contract_signed_at", label: "Contract signed", kind: "instant" },
];

function Profile({ organizationId, profile, asOf }: ProfileProps) {
  const facts = profileFields.map(
    ({ name, label, kind = "text" }) => [label, showField(profile?.[name], kind)] as const,
  );
  return (
    <Section id="profile" title="Profile">
      {facts.every(([, fact]) => fact === null) ? (
        <EmptyState title="No profile yet">
          It comes with the first event of <code>v1/organizations</code>. To ask Qonto for it, run{" "}
          <code>npm run qonto -- reconcile</code>.
        </EmptyState>
      ) : (
        <>
          <Facts facts={Object.fromEntries(facts)} />
          <p class="help">
            {asOf === null ? null : (
              <>
                As of <TimeOfText text={asOf} />.{" "}
              </>
            )}
            {/* The resource's id is the one in its data, if there is one. */}
            <a href={resourceAddress(organizationId, "v1/organizations", readId(profile?.["id"]) ?? organizationId)}>
              Whole profile and its events
            </a>
          </p>
        </>
      )}
    </Section>
  );
}

const LONGEST_FIELD = 300;

function showField(json: unknown, kind: Kind): Child | null {
  const money = kind === "money" ? readMoney(json) : null;
  if (money !== null) return <Amount {...money} />;
  const text = textOf(json).trim();
  if (text === "") return null;
  if (kind === "day" || kind === "instant") return <TimeOfText text={text} show={kind} />;
  return <bdi>{maskIbansIn(text)}</bdi>;
}

/** The lines of an address that is an object are joined. */
function textOf(json: unknown): string {
  if (typeof json === "string") return json.slice(0, LONGEST_FIELD);
  const number = numberText(json);
  if (number !== null) return number;
  if (!isObject(json)) return "";
  return Object.values(json)
    .filter((value) => typeof value === "string" && value !== "")
    .join(", ")
    .slice(0, LONGEST_FIELD);
}

interface CountsProps {
  readonly organizationId: string;
  readonly counts: readonly ReturnType<typeof readCount>[];
}

function Counts({ organizationId, counts }: CountsProps) {
  const path = resourcesAddress(organizationId);
  return (
    <Section id="counts" title="Resources">
      <ul class="grid">
        {counts.map(({ type, resources }) => (
          <li class="spread">
            <a href={linkTo(path, { type })}>
              <bdi>{type}</bdi>
            </a>
            <strong>{resources > COUNTED_AT_MOST ? `${count(COUNTED_AT_MOST)}+` : count(resources)}</strong>
          </li>
        ))}
      </ul>
      <p class="help">
        {counts.length < MOST_TYPES ? null : `The first ${MOST_TYPES} types. `}
        With deleted resources. <a href={path}>All resources</a>
      </p>
    </Section>
  );
}
