import { z } from "zod";
import { cursorOf, notFound } from "../../../api/requests.ts";
import { readData } from "../../../qonto/resource.ts";
import { historyOf } from "../../../store/resource-events.ts";
import { summariesOf } from "../../../store/resource-summaries.ts";
import { type ResourceRow, findResource } from "../../../store/resources.ts";
import { addresses, eventAddress, organizationAddress, resourcesAddress } from "../../addresses.ts";
import { Amount, Iban, ShortId, State, Time, TimeOfText } from "../../ui/values.tsx";
import { linkTo } from "../../ui/table.tsx";
import { Json } from "../../ui/json.tsx";
import { Page } from "../../ui/layout.tsx";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { summaryOf } from "./summary.ts";
import { SummaryWords } from "./summary-parts.tsx";
import { History } from "./history.tsx";
import { Related } from "./related.tsx";
import { relatedIds } from "./related-ids.ts";
import { Trail } from "./trail.tsx";

const resourceQuery = z.strictObject({
  /** Without one it is the newest of that id. */
  type: z.string().optional(),
  /** A type without ids has one resource in each organization. */
  id: z.string().trim().default(""),
  cursor: cursorOf(z.object({ seq: z.number(), receivedAt: z.number() })).optional(),
});

/** What is it now, and what happened to it? */
export function addResource(pages: Console): void {
  pages.get("/organizations/:id/resource", async (c) => {
    const organizationId = c.req.param("id");
    const { type, id, cursor } = readQuery(c, resourceQuery);
    const found = await findResource(c.env.DB, organizationId, id === "" ? null : id, type);
    if (found === null) throw notFound("resource");
    const data = readData(found.body);
    const [history, related] = await Promise.all([
      historyOf(c.env.DB, found, cursor),
      summariesOf(c.env.DB, organizationId, relatedIds(found.type, data)),
    ]);
    return showPage(
      c,
      <Page title="Resource" viewer={viewerOf(c)} here={addresses.organizations}>
        <Trail
          steps={[
            { href: addresses.organizations, text: "Organizations" },
            { href: organizationAddress(organizationId), text: <ShortId id={organizationId} /> },
            { href: linkTo(resourcesAddress(organizationId), { type: found.type }), text: found.type },
          ]}
        />
        <Subject resource={found} data={data} />
        <Version resource={found} />
        <History resource={found} history={history} before={cursor} />
        <Related resources={related} />
        <section aria-labelledby="data">
          <h2 id="data">Present data</h2>
          <Json value={data} label="Present data" />
        </section>
      </Page>,
    );
  });
}

function Subject({ resource, data }: { readonly resource: ResourceRow; readonly data: Record<string, unknown> }) {
  const summary = summaryOf(resource.type, data);
  return (
    <>
      <p class="known-subject">
        <bdi>{summary.title ?? resource.type}</bdi>{" "}
        {summary.money === null ? null : <Amount value={summary.money.value} currency={summary.money.currency} />}
      </p>
      <p class="known-more">
        {resource.deleted ? <State state="paused">deleted</State> : null}
        <span class="known-words">
          {summary.iban === null ? null : <Iban iban={summary.iban} />}
          <SummaryWords words={summary.words} />
        </span>
        <bdi>{resource.type}</bdi>
        {resource.resourceId === null ? null : (
          <code>
            <bdi>{resource.resourceId}</bdi>
          </code>
        )}
      </p>
    </>
  );
}

/** Which event made it what it is, in a sentence. */
function Version({ resource }: { readonly resource: ResourceRow }) {
  const { event, deleted, versionAt, eventId, receivedAt } = resource;
  return (
    <p class="known-sentence">
      It is as{" "}
      <a href={eventAddress(eventId)}>
        the event <ShortId id={eventId} />
      </a>{" "}
      left it
      {event === null ? null : (
        <>
          {" "}
          (<bdi>{event}</bdi>)
        </>
      )}
      {versionAt === null ? null : (
        <>
          , as of <TimeOfText text={versionAt} />
        </>
      )}
      , received <Time at={receivedAt} />.{deleted ? " The bank has deleted it; this is the last it showed of it." : ""}
    </p>
  );
}
