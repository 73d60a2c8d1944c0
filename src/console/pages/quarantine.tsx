import { z } from "zod";
import { dropFromQuarantine, releaseFromQuarantine } from "../../api/actions/quarantine.ts";
import { type Acting, cursorOf, encodeCursor, notFound } from "../../api/requests.ts";
import { logFailure } from "../../platform/log.ts";
import type { World } from "../../platform/world.ts";
import {
  type FoundInQuarantine,
  type QuarantineListing,
  type QuarantineReason,
  findQuarantined,
  isWaitingInQuarantine,
  listQuarantine,
} from "../../store/quarantine.ts";
import { addresses, eventAddress, quarantinedAddress } from "../addresses.ts";
import { Confirm, Field, Press } from "../ui/form.tsx";
import { Body } from "../ui/json.tsx";
import { Notice, Page } from "../ui/layout.tsx";
import { EmptyState, Filters, linkTo, Pager, Table } from "../ui/table.tsx";
import { count, Facts, ShortId, Size, State, Time } from "../ui/values.tsx";
import { type Console, type Viewer, readForm, readQuery, viewerOf } from "../requests.ts";
import { showPage } from "../show-page.ts";

/** A release makes four D1 calls, and one request may make a thousand. */
const PER_PAGE = 50;
const RELEASES_AT_A_TIME = 5;

/** Why an event is in quarantine, and what to do about it. */
const reasons: Readonly<
  Record<
    QuarantineReason,
    { readonly name: string; readonly brief: string; readonly why: string; readonly advice: string }
  >
> = {
  timestamp_too_old: {
    name: "Stale",
    brief: "signed too long ago",
    why: "The signature is valid, but older than the relay tolerates.",
    advice:
      "After an outage this is expected, because Qonto retries for days: release it. The event is delivered once, even if it has arrived another way. Without an outage, somebody may be replaying an old request: delete it if its body is not what you expect.",
  },
  unreadable: {
    name: "Unreadable",
    brief: "the body is not an event",
    why: "The signature is valid, but the body is not JSON with an id and a type.",
    advice:
      "Look at the body. A released event goes to the destinations byte for byte, with its type or marked as unreadable; a destination that cannot use it ignores it. Delete it if nobody needs it.",
  },
};

const doneQuery = z.object({
  done: z.enum(["released", "settled_before", "deleted", "released_all"]).optional(),
  released: z.coerce.number().int().min(0).max(1_000).default(0),
  failed: z.coerce.number().int().min(0).max(1_000).default(0),
});

const listQuery = doneQuery.extend({
  state: z.enum(["waiting", "settled"]).default("waiting"),
  cursor: cursorOf(z.object({ receivedAt: z.number(), id: z.string() })).optional(),
});

type ListState = z.output<typeof listQuery>["state"];

const releaseForm = z.object({ back: z.enum(["list", "one"]).default("one") });

const releaseShownForm = z.object({
  id: z.preprocess(
    (given) => (typeof given === "string" ? [given] : given),
    z.array(z.string(), "Name at least one").min(1).max(PER_PAGE),
  ),
});

/** Authentic events that wait for an operator's decision. */
export function addQuarantine(pages: Console, world: World): void {
  pages.get("/quarantine", async (c) => {
    const { state, cursor, ...done } = readQuery(c, listQuery);
    const found = await listQuarantine(c.env.DB, cursor, PER_PAGE + 1, state);
    const rows = found.slice(0, PER_PAGE);
    const isMore = found.length > rows.length;
    const last = rows.at(-1);
    const viewer = viewerOf(c);
    return showPage(
      c,
      <Page title="Quarantine" viewer={viewer} here={addresses.quarantine} lead={leadOf(state, rows.length, isMore)}>
        <Done {...done} />
        <Filters path={addresses.quarantine}>
          <Field label="State">
            <select name="state">
              <option value="waiting">Waiting</option>
              <option value="settled" selected={state === "settled"}>
                Settled
              </option>
            </select>
          </Field>
        </Filters>
        {state === "waiting" ? <ReleaseShown viewer={viewer} rows={rows} /> : null}
        {rows.length === 0 ? <Nothing state={state} /> : <List viewer={viewer} rows={rows} state={state} />}
        {state === "waiting" && rows.length > 0 ? <Advice rows={rows} /> : null}
        <Pager
          path={addresses.quarantine}
          query={{ state: state === "waiting" ? undefined : state, cursor: c.req.query("cursor") }}
          nextCursor={isMore && last !== undefined ? encodeCursor({ receivedAt: last.receivedAt, id: last.id }) : null}
        />
      </Page>,
    );
  });

  pages.get("/quarantine/:id", async (c) => {
    const done = readQuery(c, doneQuery);
    const event = await findQuarantined(c.env.DB, c.req.param("id"));
    if (event === null) throw notFound("event in quarantine: it may have been deleted");
    const { name, why } = reasons[event.reason];
    const viewer = viewerOf(c);
    return showPage(
      c,
      <Page title={`${name} event`} viewer={viewer} here={addresses.quarantine} lead={why}>
        <Done {...done} />
        <Decision viewer={viewer} event={event} />
        <section aria-labelledby="facts">
          <h2 id="facts">Details</h2>
          <Details event={event} />
        </section>
        <section aria-labelledby="body">
          <h2 id="body">Body</h2>
          <Body bytes={event.body} label="Body as received" />
        </section>
        <p>
          <a href={addresses.quarantine}>Back to the quarantine</a>
        </p>
      </Page>,
    );
  });

  pages.post("/quarantine/release-shown", async (c) => {
    const { id: ids } = await readForm(c, releaseShownForm);
    const { released, failed } = await releaseAll(c, world, [...new Set(ids)]);
    const done = { done: "released_all", released: String(released), failed: String(failed) };
    return c.redirect(linkTo(addresses.quarantine, done), 303);
  });

  pages.post("/quarantine/:id/release", async (c) => {
    const id = c.req.param("id");
    const { back } = await readForm(c, releaseForm);
    // Only for the notice: the release itself checks again.
    const isWaiting = await isWaitingInQuarantine(c.env.DB, id);
    await releaseFromQuarantine(c, world, id);
    const page = back === "list" ? addresses.quarantine : quarantinedAddress(id);
    return c.redirect(linkTo(page, { done: isWaiting === true ? "released" : "settled_before" }), 303);
  });

  pages.post("/quarantine/:id/delete", async (c) => {
    await dropFromQuarantine(c, world, c.req.param("id"));
    return c.redirect(linkTo(addresses.quarantine, { done: "deleted" }), 303);
  });
}

/** Releases the last id first: a list is newest first. One that fails does not stop the others. */
async function releaseAll(c: Acting, world: World, ids: readonly string[]) {
  const oldestFirst = ids.toReversed();
  let released = 0;
  for (let start = 0; start < oldestFirst.length; start += RELEASES_AT_A_TIME) {
    const some = oldestFirst.slice(start, start + RELEASES_AT_A_TIME);
    const results = await Promise.allSettled(some.map((id) => releaseFromQuarantine(c, world, id)));
    for (const result of results) {
      if (result.status === "fulfilled") released += 1;
      else logFailure("console-release", result.reason);
    }
  }
  return { released, failed: ids.length - released };
}

function leadOf(state: ListState, shown: number, isMore: boolean): string {
  if (state === "settled") return "Events that were released, or that arrived another way. Nothing to do.";
  if (shown === 0) return "No event waits for your decision.";
  const events = shown === 1 && !isMore ? "1 event waits" : `${isMore ? "More than " : ""}${shown} events wait`;
  return `${events} for your decision. Each has a valid signature of Qonto, but was not safe to deliver unseen.`;
}

function Done({ done, released, failed }: z.output<typeof doneQuery>) {
  switch (done) {
    case undefined:
      return null;
    case "released":
      return <Notice kind="ok">Released: the event is being delivered. Releasing it again sends nothing.</Notice>;
    case "settled_before":
      return (
        <Notice kind="info">
          The event was released before, or arrived another way. It was not sent a second time.
        </Notice>
      );
    case "deleted":
      return <Notice kind="ok">Deleted: no destination receives the event. The audit trail keeps a record.</Notice>;
    case "released_all":
      return (
        <Notice kind={failed === 0 ? "ok" : "bad"}>
          {released === 1 ? "Released 1 event." : `Released ${count(released)} events.`} An event that had arrived
          another way is not sent again.
          {failed === 0 ? "" : ` ${count(failed)} could not be released and still wait: try again in a moment.`}
        </Notice>
      );
  }
}

interface ListProps {
  readonly viewer: Viewer;
  readonly rows: readonly QuarantineListing[];
  readonly state: ListState;
}

function List({ viewer, rows, state }: ListProps) {
  return (
    <Table
      caption="Events in quarantine, newest first"
      rows={rows}
      columns={[
        {
          title: "Event",
          cell: ({ id, eventId }) => (
            <a href={quarantinedAddress(id)}>{eventId === null ? "No readable id" : <ShortId id={eventId} />}</a>
          ),
        },
        {
          title: "Reason",
          cell: ({ reason }) => (
            <span>
              <strong>{reasons[reason].name}</strong>: {reasons[reason].brief}
            </span>
          ),
        },
        { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} /> },
        { title: "Size", kind: "figure", cell: ({ sizeBytes }) => <Size bytes={sizeBytes} /> },
        state === "settled"
          ? { title: "State", cell: () => <State state="settled" /> }
          : {
              title: "Action",
              cell: ({ id }) => (
                <Press viewer={viewer} action={`${quarantinedAddress(id)}/release`} name="back" value="list">
                  Release
                </Press>
              ),
            },
      ]}
    />
  );
}

/** After an outage there are too many to release one by one. */
function ReleaseShown({ viewer, rows }: Pick<ListProps, "viewer" | "rows">) {
  const stale = rows.filter(({ reason }) => reason === "timestamp_too_old");
  if (stale.length < 2) return null;
  return (
    <Confirm
      viewer={viewer}
      kind="main"
      action={`${addresses.quarantine}/release-shown`}
      label={`Release all ${stale.length} stale events on this page`}
      fields={stale.map(({ id }) => ({ name: "id", value: id }))}
    >
      After an outage Qonto's retries arrive late and end up here. {stale.length} events will be delivered, each once.
      An event that has arrived another way is not sent again. Unreadable events stay.
    </Confirm>
  );
}

function Advice({ rows }: Pick<ListProps, "rows">) {
  const shown = new Set(rows.map(({ reason }) => reason));
  return (
    <section class="what-to-do" aria-labelledby="advice">
      <h2 id="advice">What to do</h2>
      {[...shown].map((reason) => (
        <p>
          <strong>{reasons[reason].name}.</strong> {reasons[reason].why} {reasons[reason].advice}
        </p>
      ))}
    </section>
  );
}

function Nothing({ state }: Pick<ListProps, "state">) {
  return state === "waiting" ? (
    <EmptyState title="The quarantine is empty.">
      <p>Stale and unreadable events wait here for your decision. There is nothing to do.</p>
    </EmptyState>
  ) : (
    <EmptyState title="No settled events.">
      <p>
        Events that you <a href={addresses.quarantine}>release</a> are listed here for a while.
      </p>
    </EmptyState>
  );
}

function Decision({ viewer, event }: { readonly viewer: Viewer; readonly event: FoundInQuarantine }) {
  const { id, reason, settledAt } = event;
  const isWaiting = settledAt === null;
  return (
    <section aria-labelledby="decide">
      <h2 id="decide">What to do</h2>
      <p>
        {isWaiting
          ? reasons[reason].advice
          : "Nothing: the event was released, or arrived another way. Releasing it again is harmless and sends nothing."}
      </p>
      <div class="actions">
        <Press
          viewer={viewer}
          kind={isWaiting ? "main" : "plain"}
          action={`${quarantinedAddress(id)}/release`}
          name="back"
          value="one"
        >
          {isWaiting ? "Release" : "Release again"}
        </Press>
        <Confirm viewer={viewer} action={`${quarantinedAddress(id)}/delete`} label="Delete">
          {isWaiting
            ? "No destination will receive this event, unless Qonto sends it again. This cannot be undone."
            : "Only this copy is deleted: the event and its deliveries stay."}
        </Confirm>
      </div>
    </section>
  );
}

function Details({ event }: { readonly event: FoundInQuarantine }) {
  const { id, eventId, source, receivedAt, settledAt, sizeBytes, contentType, contentEncoding } = event;
  const eventName = <bdi class="mono">{eventId ?? (settledAt === null ? "No readable id" : id)}</bdi>;
  return (
    <Facts
      facts={{
        State: <State state={settledAt === null ? "waiting" : "settled"} />,
        Settled: settledAt === null ? null : <Time at={settledAt} />,
        Event: settledAt === null ? eventName : <a href={eventAddress(eventId ?? id)}>{eventName}</a>,
        Received: <Time at={receivedAt} />,
        Source: source === "business" ? "Business API" : "Onboarding API",
        Size: <Size bytes={sizeBytes} />,
        "Content type": contentType === null ? "None" : <bdi>{contentType}</bdi>,
        "Content encoding": contentEncoding === null ? null : <bdi>{contentEncoding}</bdi>,
        "Quarantine id": <bdi class="mono">{id}</bdi>,
      }}
    />
  );
}
