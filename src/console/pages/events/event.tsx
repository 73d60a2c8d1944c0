import type { Child } from "hono/jsx";
import { z } from "zod";
import { replayEvent } from "../../../api/actions/replays.ts";
import { isEndedWithoutAttempt } from "../../../domain/delivery.ts";
import { bodyBytes, isReconciled } from "../../../domain/event.ts";
import { isOperational } from "../../../domain/operational-event.ts";
import { parseJsonLosslessly } from "../../../platform/json.ts";
import { sentenceOf } from "../../../qonto/sentence.ts";
import { summaryOfEvent, whatHappened } from "../../../qonto/summary.ts";
import { type Problem, ProblemError } from "../../../platform/problem.ts";
import type { World } from "../../../platform/world.ts";
import { addresses, eventAddress } from "../../addresses.ts";
import { isOffered } from "../../destination-pages.ts";
import { type Done, redirectDone } from "../../flash.ts";
import { type Console, type ConsoleContext, readForm } from "../../requests.ts";
import { showPage, useOwnDestination } from "../../show-page.tsx";
import { destinationName } from "../../../domain/destination-name.ts";
import { DestinationLink } from "../../ui/destination.tsx";
import { Button, CopyButton, Form, Press, Select } from "../../ui/form.tsx";
import { Json } from "../../ui/json.tsx";
import { Notice, Page, Section } from "../../ui/layout.tsx";
import { Chips, Facts, ShortId, Size, State, Time, TimeOfText, count, toneOf } from "../../ui/values.tsx";
import { OrganizationLink, ResourceLink } from "./cells.tsx";
import { Journey } from "./journey.tsx";
import { type OneEvent, findOne } from "./one-event.ts";

const destinationField = z.object({ destination_id: z.string() });

/** One event: what happened, who has it, and its way there. */
export function addEvent(pages: Console, world: World): void {
  pages.get("/events/:id", (c) => showEvent(c));

  pages.post("/events/:id/replay", (c) => replay(c, world));

  pages.post("/events/:id/replay-to-destination", async (c) => {
    const { destination_id } = await readForm(c, destinationField);
    return replay(c, world, destination_id);
  });
}

/** Without a destination: to all that match. A refusal is shown on the event's page. */
async function replay(c: ConsoleContext, world: World, destinationId?: string): Promise<Response> {
  const id = c.req.param("id") ?? "";
  try {
    const replayed = await replayEvent(c, world, id, destinationId);
    return redirectDone(c, eventAddress(id), doneOf(replayed, destinationId !== undefined));
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.code === "forbidden") throw error;
    return showEvent(c, error.problem);
  }
}

function doneOf(replayed: number, isToOne: boolean): Done {
  if (isToOne) return replayed === 0 ? "event-busy" : "event-replayed-to-destination";
  return replayed === 0 ? "event-not-replayed" : "event-replayed";
}

async function showEvent(c: ConsoleContext, refusal?: Problem): Promise<Response> {
  const found = await findOne(c, c.req.param("id") ?? "");
  const { event, outcome } = found;
  return showPage(
    c,
    <Page title="Event" here={addresses.events}>
      {refusal === undefined ? null : <Notice kind="bad">{refusal.detail}</Notice>}
      <div id="event" class="stack" data-live={outcome === "pending" ? "5" : undefined}>
        <EventState found={found} />
        <EventFacts found={found} />
        <Journey found={found} />
      </div>
      <NotSentTo found={found} />
      <Replay found={found} />
      <Section id="payload" title="Payload">
        {event.isUnreadable ? (
          <p>
            This body of <Size bytes={sizeOf(found)} /> cannot be read as an event. It was released from quarantine, and
            each destination gets it byte for byte. The API shows it as <code>body_base64</code>.
          </p>
        ) : (
          <Json value={parseJsonLosslessly(event.body)} label="Payload" />
        )}
      </Section>
    </Page>,
    refusal === undefined ? 200 : refusal.status === 404 ? 404 : 409,
  );
}

/** What happened, who has it, and what to do. */
function EventState({ found }: { readonly found: OneEvent }) {
  const { event, outcome } = found;
  const sentence = sentenceOf(event);
  // The sentence of a payment leaves out the kind of transfer, for example.
  const unsaid = (summaryOfEvent(event)?.words ?? []).filter((word) => !sentence.includes(word.replaceAll("_", " ")));
  const advice = advise(found);
  return (
    <section class={`banner tone-${toneOf(outcome)}`} aria-label="State">
      <p class="banner-sentence cluster">
        <State state={outcome} />{" "}
        <strong>
          <bdi>{sentence}</bdi>
        </strong>{" "}
        <Chips words={unsaid} />
      </p>
      <p>{deliveriesInWords(found)}</p>
      {advice === null ? null : <p class="help">{advice}</p>}
    </section>
  );
}

function deliveriesInWords({ outcome, deliveries, journey }: OneEvent): string {
  if (outcome === "unmatched") return "No destination matched.";
  if (journey.isAwaitingFirstFanOut) return "The event is stored and about to be dispatched.";
  const inIt = deliveries.filter(({ status }) => status === outcome).length;
  const all = deliveries.length;
  if (all === 1) return `Its one delivery is ${outcome}.`;
  return inIt === all
    ? `All ${count(all)} deliveries are ${outcome}.`
    : `${count(inIt)} of ${count(all)} deliveries ${inIt === 1 ? "is" : "are"} ${outcome}.`;
}

function advise({ outcome, notSentTo, deliveries }: OneEvent): Child {
  if (outcome === "dead") {
    return deliveries.every(isDeliveredOrUnsent)
      ? "No destination failed: the event no longer matched. It can still be replayed to a destination by name."
      : "See the destination's answer, have it fixed there, and replay the event.";
  }
  if (outcome === "unmatched") {
    return notSentTo.some(({ isMatch }) => isMatch) ? (
      "A destination matches it now. Replay the event to all that match."
    ) : (
      <>
        Replay it to one destination below, or <a href={addresses.destinations}>add a destination</a> for this type
        first.
      </>
    );
  }
  return deliveries.some(({ status, destination }) => status === "pending" && destination?.enabled === false)
    ? "A paused destination gets it when it is resumed."
    : null;
}

/** Unsent: the delivery ended because the destination was changed or removed. */
function isDeliveredOrUnsent({ status, attempts }: OneEvent["deliveries"][number]): boolean {
  const last = attempts.at(-1);
  return status !== "dead" || (last !== undefined && isEndedWithoutAttempt(last));
}

function EventFacts({ found }: { readonly found: OneEvent }) {
  const { event, journey } = found;
  return (
    <Section id="facts" title="Facts">
      <Facts
        facts={{
          Event: <bdi>{whatHappened(event)}</bdi>,
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
    </Section>
  );
}

/** An unreadable body is kept in Base64. */
function sizeOf({ event, journey }: OneEvent): number {
  return event.isUnreadable ? bodyBytes(event).length : journey.sizeBytes;
}

function sourceOf(event: OneEvent["event"]): string {
  if (isOperational(event)) return "The relay itself";
  if (isReconciled(event)) return "Reconciliation with Qonto's API: the webhook never came";
  return event.source === "business" ? "Qonto's Business API" : "Qonto's Onboarding API";
}

function duplicatesInWords({ duplicates, conflicts }: OneEvent["journey"]): string {
  if (duplicates === 0) return "none";
  return conflicts === 0
    ? count(duplicates)
    : `${count(duplicates)}, ${count(conflicts)} with another body; the first is kept`;
}

/** The destinations without a delivery of the event, each with the reason. */
function NotSentTo({ found: { notSentTo } }: { readonly found: OneEvent }) {
  if (notSentTo.length === 0) return null;
  return (
    <Section id="not-sent-to" title="Not sent to">
      <ul>
        {notSentTo.map(({ destination, reason }) => (
          <li>
            {destination === undefined ? null : <DestinationLink destination={destination} />}: <bdi>{reason}</bdi>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** To all that match, or to a destination without a delivery. One that sees itself alone replays in the journey. */
function Replay({ found: { event, otherDestinations } }: { readonly found: OneEvent }) {
  const address = eventAddress(event.id);
  if (!isOffered(useOwnDestination(), "change", `${address}/replay`)) return null;
  return (
    <Section id="replay" title="Replay">
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
    </Section>
  );
}
