import type { Child } from "hono/jsx";
import { z } from "zod";
import { replayEvent } from "../../../api/actions/replays.ts";
import { isEndedWithoutAttempt } from "../../../domain/delivery.ts";
import { bodyBytes, isReconciled } from "../../../domain/event.ts";
import { parseJsonLosslessly } from "../../../platform/json.ts";
import { summaryOfEvent, whatHappened } from "../../../qonto/summary.ts";
import { ProblemError } from "../../../platform/problem.ts";
import type { World } from "../../../platform/world.ts";
import { addresses, eventAddress } from "../../addresses.ts";
import { type Done, redirectDone } from "../../flash.ts";
import { type Console, type ConsoleContext, readForm } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { destinationName } from "../../ui/destination.tsx";
import { Button, CopyButton, Form, Press, Select } from "../../ui/form.tsx";
import { Json } from "../../ui/json.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import { Amount, Chips, Facts, ShortId, Size, State, Time, TimeOfText, count, toneOf } from "../../ui/values.tsx";
import { OrganizationLink, ResourceLink } from "./cells.tsx";
import { Journey } from "./journey.tsx";
import { type OneEvent, findOne } from "./one-event.ts";

const destinationField = z.object({ destination_id: z.string() });

/** One event: what happened, who has it, and its way there. */
export function addEvent(pages: Console, world: World): void {
  pages.get("/events/:id", (c) => showEvent(c, world));

  pages.post("/events/:id/replay", (c) =>
    replay(c, world, async (id) =>
      (await replayEvent(c, world, id, undefined)) === 0 ? "event-not-replayed" : "event-replayed",
    ),
  );

  pages.post("/events/:id/replay-to-destination", async (c) => {
    const { destination_id: destination } = await readForm(c, destinationField);
    return replay(c, world, async (id) =>
      (await replayEvent(c, world, id, destination)) === 0 ? "event-busy" : "event-replayed-to-destination",
    );
  });
}

async function replay(c: ConsoleContext, world: World, send: (id: string) => Promise<Done>): Promise<Response> {
  const id = c.req.param("id") ?? "";
  try {
    return redirectDone(c, eventAddress(id), await send(id));
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { status, detail } = error.problem;
    return showEvent(c, world, { status: status === 404 ? 404 : 409, detail });
  }
}

async function showEvent(c: ConsoleContext, world: World, fault?: Fault): Promise<Response> {
  const found = await findOne(c.env.DB, c.req.param("id") ?? "");
  return showPage(c, <EventPage found={found} now={world.now()} fault={fault} />, fault?.status ?? 200);
}

interface Fault {
  readonly status: 404 | 409;
  readonly detail: string;
}

interface EventPageProps {
  readonly found: OneEvent;
  readonly now: number;
  readonly fault: Fault | undefined;
}

function EventPage({ found, now, fault }: EventPageProps) {
  return (
    <Page title="Event" here={addresses.events}>
      {fault === undefined ? null : <Notice kind="bad">{fault.detail}</Notice>}
      <div id="event" class="stack" data-live={found.outcome === "pending" ? "5" : undefined}>
        <EventState found={found} />
        <EventFacts found={found} />
        <Journey found={found} now={now} />
      </div>
      <Replay found={found} />
      <section aria-labelledby="payload">
        <h2 id="payload">Payload</h2>
        <Payload found={found} />
      </section>
    </Page>
  );
}

/** What happened, who has it, and what to do. */
function EventState({ found }: { readonly found: OneEvent }) {
  const { event, outcome } = found;
  const summary = summaryOfEvent(event);
  const advice = advise(found);
  return (
    <section class={`banner tone-${toneOf(outcome)}`} aria-label="State">
      <p class="banner-sentence cluster">
        <State state={outcome} />{" "}
        <strong>
          <bdi>{whatHappened(event)}</bdi>
        </strong>{" "}
        {summary === null ? null : (
          <>
            {summary.title === null ? null : <bdi>{summary.title}</bdi>}
            {summary.money === null ? null : <Amount {...summary.money} />}
            <Chips words={summary.words} />
          </>
        )}
      </p>
      <p>{deliveriesInWords(found)}</p>
      {advice === null ? null : <p class="help">{advice}</p>}
    </section>
  );
}

function deliveriesInWords({ outcome, deliveries, journey }: OneEvent): string {
  if (outcome === "unmatched") return "No destination matched.";
  if (!journey.isFannedOut) return "The event is stored and about to be dispatched.";
  const inIt = deliveries.filter(({ status }) => status === outcome).length;
  const all = deliveries.length;
  if (all === 1) return `Its one delivery is ${outcome}.`;
  return inIt === all
    ? `All ${count(all)} deliveries are ${outcome}.`
    : `${count(inIt)} of ${count(all)} deliveries ${inIt === 1 ? "is" : "are"} ${outcome}.`;
}

function advise({ outcome, otherDestinations, deliveries }: OneEvent): Child {
  if (outcome === "dead") {
    return deliveries.every(isDeliveredOrUnsent)
      ? "No destination failed: the event no longer matched. It can still be replayed to a destination by name."
      : "See the destination's answer, have it fixed there, and replay the event.";
  }
  if (outcome === "unmatched") {
    return otherDestinations.some(({ wantsIt }) => wantsIt) ? (
      "A destination matches it now. Replay the event to all that match."
    ) : (
      <>
        Replay it to one destination below, or <a href={addresses.destinations}>add a destination</a> for this type
        first.
      </>
    );
  }
  const waitsForPaused = deliveries.some(
    ({ status, destination }) => status === "pending" && destination?.enabled === false,
  );
  return waitsForPaused ? "A paused destination gets it when it is resumed." : null;
}

/** Unsent: the delivery ended because the destination was changed or removed. */
function isDeliveredOrUnsent({ status, attempts }: OneEvent["deliveries"][number]): boolean {
  const last = attempts.at(-1);
  return status !== "dead" || (last !== undefined && isEndedWithoutAttempt(last));
}

function EventFacts({ found }: { readonly found: OneEvent }) {
  const { event, journey } = found;
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">Facts</h2>
      <Facts
        facts={{
          Type: <bdi class="mono">{event.type}</bdi>,
          Organization: <OrganizationLink id={event.organizationId} />,
          Resource: (
            <ResourceLink event={event}>
              {event.resourceId === null ? "the only one" : <ShortId id={event.resourceId} />}
            </ResourceLink>
          ),
          Created:
            event.createdAt === null ? <span class="soft">not given</span> : <TimeOfText text={event.createdAt} />,
          Received: <Time at={event.receivedAt} />,
          Source: sourceOf(event),
          Body: (
            <>
              <Size bytes={sizeOf(found)} />,{" "}
              {event.contentType === null ? "no content type" : <bdi>{event.contentType}</bdi>}
              {event.contentEncoding === null ? null : (
                <>
                  , encoded as <bdi>{event.contentEncoding}</bdi>
                </>
              )}
            </>
          ),
          Duplicates: duplicatesInWords(journey),
          Id: (
            <>
              <bdi class="mono" id="event-id">
                {event.id}
              </bdi>{" "}
              <CopyButton id="event-id" kind="small" />
            </>
          ),
        }}
      />
    </section>
  );
}

/** An unreadable body is kept in Base64. */
function sizeOf({ event, journey }: OneEvent): number {
  return event.isUnreadable ? bodyBytes(event).length : journey.sizeBytes;
}

function sourceOf(event: OneEvent["event"]): string {
  if (isReconciled(event)) return "Reconciliation with Qonto's API: the webhook never came";
  return event.source === "business" ? "Qonto's Business API" : "Qonto's Onboarding API";
}

function duplicatesInWords({ duplicates, conflicts }: OneEvent["journey"]): string {
  if (duplicates === 0) return "none";
  return conflicts === 0
    ? count(duplicates)
    : `${count(duplicates)}, ${count(conflicts)} with another body; the first is kept`;
}

/** To all that match, or to a destination without a delivery. */
function Replay({ found: { event, otherDestinations } }: { readonly found: OneEvent }) {
  const address = eventAddress(event.id);
  return (
    <section aria-labelledby="replay">
      <h2 id="replay">Replay</h2>
      <div class="cluster">
        <div>
          <Press action={`${address}/replay`} kind="main">
            Replay to all that match
          </Press>
          <p class="help">A destination that has the event does not get it again.</p>
        </div>
        {otherDestinations.length === 0 ? null : (
          <Form action={`${address}/replay-to-destination`} class="actions">
            <Select
              label="Another destination"
              name="destination_id"
              options={otherDestinations.map((destination) => [
                destination.id,
                `${destinationName(destination)}${destination.enabled ? "" : " (paused: the delivery waits)"}`,
              ])}
            />
            <Button>Replay to this destination</Button>
          </Form>
        )}
      </div>
    </section>
  );
}

function Payload({ found }: { readonly found: OneEvent }) {
  const { event } = found;
  if (!event.isUnreadable) return <Json value={parseJsonLosslessly(event.body)} label="Payload" />;
  return (
    <p>
      This body of <Size bytes={sizeOf(found)} /> cannot be read as an event. It was released from quarantine, and each
      destination gets it byte for byte. The API shows it as <code>body_base64</code>.
    </p>
  );
}
