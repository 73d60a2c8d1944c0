import { z } from "zod";
import { dropFromQuarantine, releaseFromQuarantine } from "../../api/actions/quarantine.ts";
import { type ActionContext, cursorOf, encodeCursor, notFound } from "../../api/requests.ts";
import { logFailure } from "../../platform/log.ts";
import { pageOf } from "../../platform/page.ts";
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
import { redirectDone } from "../flash.ts";
import { type Console, readForm, readQuery } from "../requests.ts";
import { showPage } from "../show-page.tsx";
import { Confirm, Press, Select } from "../ui/form.tsx";
import { Body } from "../ui/json.tsx";
import { Page, Section } from "../ui/layout.tsx";
import { type Column, EmptyState, ListPage } from "../ui/table.tsx";
import { Facts, ShortId, Size, State, Time, capitalized, counted } from "../ui/values.tsx";

/** One request may make a thousand D1 calls. It can release a whole page, and a release makes four. */
const PER_PAGE = 50;
const RELEASES_AT_A_TIME = 5;

/** Why an event is in quarantine, and what to do about it. */
const reasons: Readonly<Record<QuarantineReason, Record<"name" | "brief" | "why" | "advice", string>>> = {
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

const states = ["waiting", "settled"] as const;

const listQuery = z.object({
  state: z.enum(states).default("waiting"),
  cursor: cursorOf(z.object({ receivedAt: z.number(), id: z.string() })).optional(),
});

type ListState = z.output<typeof listQuery>["state"];

const releaseForm = z.object({ back: z.enum(["list", "one"]).default("one") });

const releaseShownForm = z.object({
  id: z.preprocess(
    (given) => (typeof given === "string" ? [given] : given),
    z.array(z.string(), "Name at least one").max(PER_PAGE),
  ),
});

/** Authentic events that wait for an operator's decision. */
export function addQuarantine(pages: Console, world: World): void {
  pages.get("/quarantine", async (c) => {
    const { state, cursor } = readQuery(c, listQuery);
    const { rows, next } = pageOf(await listQuarantine(c.env.DB, cursor, PER_PAGE + 1, state), PER_PAGE);
    const isWaiting = state === "waiting";
    return showPage(
      c,
      <ListPage
        title="Quarantine"
        here={addresses.quarantine}
        lead={leadOf(state, rows.length, next !== null)}
        filters={
          <Select label="State" name="state" value={state} options={states.map((one) => [one, capitalized(one)])} />
        }
        caption="Events in quarantine, newest first"
        columns={[...columns, isWaiting ? releaseColumn : stateColumn]}
        rows={rows}
        next={next && encodeCursor({ receivedAt: next.receivedAt, id: next.id })}
        empty={<Nothing state={state} />}
        footer={isWaiting && rows.length > 0 ? <Advice rows={rows} /> : null}
      >
        {isWaiting ? <ReleaseShown rows={rows} /> : null}
      </ListPage>,
    );
  });

  pages.get("/quarantine/:id", async (c) => {
    const event = await findQuarantined(c.env.DB, c.req.param("id"));
    if (event === null) throw notFound("event in quarantine: it may have been deleted");
    const { name, why } = reasons[event.reason];
    return showPage(
      c,
      <Page title={`${name} event`} here={addresses.quarantine} lead={why}>
        <Decision event={event} />
        <Details event={event} />
        <Section id="body" title="Body">
          <Body bytes={event.body} label="Body as received" />
        </Section>
        <p>
          <a href={addresses.quarantine}>Back to the quarantine</a>
        </p>
      </Page>,
    );
  });

  pages.post("/quarantine/release-shown", async (c) => {
    const { id: ids } = await readForm(c, releaseShownForm);
    const named = [...new Set(ids)];
    const failed = await releaseAll(c, world, named);
    const done = failed === 0 ? "quarantine-released-all" : "quarantine-released-some";
    return redirectDone(c, addresses.quarantine, done, [named.length - failed, failed]);
  });

  pages.post("/quarantine/:id/release", async (c) => {
    const id = c.req.param("id");
    const { back } = await readForm(c, releaseForm);
    // Only for the notice: the release itself checks again.
    const isWaiting = await isWaitingInQuarantine(c.env.DB, id);
    await releaseFromQuarantine(c, world, id);
    const page = back === "list" ? addresses.quarantine : quarantinedAddress(id);
    return redirectDone(c, page, isWaiting === true ? "quarantine-released" : "quarantine-settled-before");
  });

  pages.post("/quarantine/:id/delete", async (c) => {
    await dropFromQuarantine(c, world, c.req.param("id"));
    return redirectDone(c, addresses.quarantine, "quarantine-deleted");
  });
}

/** Releases the last id first, because the list is newest first. Returns how many failed. */
async function releaseAll(c: ActionContext, world: World, ids: readonly string[]): Promise<number> {
  const oldestFirst = ids.toReversed();
  let failed = 0;
  for (let start = 0; start < oldestFirst.length; start += RELEASES_AT_A_TIME) {
    const some = oldestFirst.slice(start, start + RELEASES_AT_A_TIME);
    for (const result of await Promise.allSettled(some.map((id) => releaseFromQuarantine(c, world, id)))) {
      if (result.status === "fulfilled") continue;
      failed += 1;
      logFailure("console", result.reason, { message: "release.failed" });
    }
  }
  return failed;
}

function leadOf(state: ListState, shown: number, isMore: boolean): string {
  if (state === "settled") return "Events that were released, or that arrived another way. Nothing to do.";
  if (shown === 0) return "No event waits for your decision.";
  const events = `${isMore ? "More than " : ""}${counted(shown, "event waits", "events wait")}`;
  return `${events} for your decision. Each has a valid signature of Qonto, but was not safe to deliver unseen.`;
}

const columns: readonly Column<QuarantineListing>[] = [
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
  { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} show="relative" /> },
  { title: "Size", kind: "figure", cell: ({ sizeBytes }) => <Size bytes={sizeBytes} /> },
];

const stateColumn: Column<QuarantineListing> = { title: "State", cell: () => <State state="settled" /> };

const releaseColumn: Column<QuarantineListing> = {
  title: "Action",
  cell: ({ id }) => (
    <Press action={`${quarantinedAddress(id)}/release`} name="back" value="list">
      Release
    </Press>
  ),
};

interface RowsProps {
  readonly rows: readonly QuarantineListing[];
}

/** After an outage there are too many to release one by one. */
function ReleaseShown({ rows }: RowsProps) {
  const stale = rows.filter(({ reason }) => reason === "timestamp_too_old");
  if (stale.length < 2) return null;
  return (
    <Confirm
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

function Advice({ rows }: RowsProps) {
  const shown = new Set(rows.map(({ reason }) => reason));
  return (
    <Section id="advice" title="What to do">
      <div class="prose stack">
        {[...shown].map((reason) => (
          <p>
            <strong>{reasons[reason].name}.</strong> {reasons[reason].why} {reasons[reason].advice}
          </p>
        ))}
      </div>
    </Section>
  );
}

function Nothing({ state }: { readonly state: ListState }) {
  return state === "waiting" ? (
    <EmptyState title="The quarantine is empty">
      Stale and unreadable events wait here for your decision. There is nothing to do.
    </EmptyState>
  ) : (
    <EmptyState title="No settled events">
      Events that you <a href={addresses.quarantine}>release</a> are listed here for a while.
    </EmptyState>
  );
}

function Decision({ event }: { readonly event: FoundInQuarantine }) {
  const { id, reason, settledAt } = event;
  const isWaiting = settledAt === null;
  return (
    <Section id="decide" title="What to do">
      <p>
        {isWaiting
          ? reasons[reason].advice
          : "Nothing: the event was released, or arrived another way. Releasing it again is harmless and sends nothing."}
      </p>
      <div class="actions">
        <Press kind={isWaiting ? "main" : "plain"} action={`${quarantinedAddress(id)}/release`} name="back" value="one">
          {isWaiting ? "Release" : "Release again"}
        </Press>
        <Confirm action={`${quarantinedAddress(id)}/delete`} label="Delete">
          {isWaiting
            ? "No destination will receive this event, unless Qonto sends it again. This cannot be undone."
            : "Only this copy is deleted: the event and its deliveries stay."}
        </Confirm>
      </div>
    </Section>
  );
}

function Details({ event }: { readonly event: FoundInQuarantine }) {
  const { id, eventId, source, receivedAt, settledAt, sizeBytes, contentType, contentEncoding } = event;
  const isWaiting = settledAt === null;
  const eventName = <bdi class="mono">{eventId ?? (isWaiting ? "No readable id" : id)}</bdi>;
  return (
    <Section id="facts" title="Details">
      <Facts
        facts={{
          State: <State state={isWaiting ? "waiting" : "settled"} />,
          Settled: isWaiting ? null : <Time at={settledAt} />,
          Event: isWaiting ? eventName : <a href={eventAddress(eventId ?? id)}>{eventName}</a>,
          Received: <Time at={receivedAt} />,
          Source: source === "business" ? "Business API" : "Onboarding API",
          Size: <Size bytes={sizeBytes} />,
          "Content type": contentType === null ? "None" : <bdi>{contentType}</bdi>,
          "Content encoding": contentEncoding === null ? null : <bdi>{contentEncoding}</bdi>,
          "Quarantine id": <bdi class="mono">{id}</bdi>,
        }}
      />
    </Section>
  );
}
