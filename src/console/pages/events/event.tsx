import type { Child } from "hono/jsx";
import { z } from "zod";
import { replayEvent } from "../../../api/actions/replays.ts";
import { isAttempt } from "../../../domain/delivery.ts";
import { isReconciled } from "../../../domain/event.ts";
import { parseJsonLosslessly } from "../../../platform/json.ts";
import { ProblemError } from "../../../platform/problem.ts";
import type { World } from "../../../platform/world.ts";
import { addresses, eventAddress } from "../../addresses.ts";
import { type Done, redirectDone } from "../../flash.ts";
import { type Console, type ConsoleContext, readForm } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { destinationName } from "../../ui/destination.tsx";
import { Button, Field, Form, Press } from "../../ui/form.tsx";
import { Json } from "../../ui/json.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import { ShortId, Size, State, Time, TimeOfText, count } from "../../ui/values.tsx";
import { OrganizationCell, addressOfResource } from "./cells.tsx";
import { Journey } from "./journey.tsx";
import { type OneEvent, findOne } from "./one-event.ts";
import { whatHappened } from "./what-happened.ts";

const destinationField = z.object({ destination_id: z.string() });

/** What was that, and who has it? */
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
      <div id="event" data-live={found.outcome === "pending" ? "5" : undefined}>
        <EventVerdict found={found} />
        <EventFacts found={found} />
        <Journey found={found} now={now} />
      </div>
      <SendAgain found={found} />
      <section aria-labelledby="payload">
        <h2 id="payload">Payload</h2>
        <Payload found={found} />
      </section>
    </Page>
  );
}

function Payload({ found: { event, journey } }: Pick<EventPageProps, "found">) {
  if (!event.isUnreadable) return <Json value={parseJsonLosslessly(event.body)} label="Payload" />;
  // Base64 tells nobody anything, and what it stands for may be no text at all.
  return (
    <p>
      This body, of about <Size bytes={Math.floor((journey.sizeBytes * 3) / 4)} />, cannot be read as an event. It was
      released from quarantine, and each destination gets it byte for byte; the API shows it as <code>body_base64</code>
      .
    </p>
  );
}

const looks = { delivered: "ok", pending: "failing", dead: "degraded", unmatched: "idle" } as const;

/** What it is, who has it, and what to do about it. */
function EventVerdict({ found }: { readonly found: OneEvent }) {
  const { event, outcome } = found;
  const advice = advise(found);
  return (
    <section class={`verdict verdict-${looks[outcome]}`} aria-label="What it is, and who has it">
      <p class="verdict-sentence">
        <State state={outcome} />{" "}
        <strong>
          <bdi>{whatHappened(event)}</bdi>
        </strong>
        {`: ${sayWhoHasIt(found)}`}
      </p>
      {advice === null ? null : <p class="help">{advice}</p>}
    </section>
  );
}

function sayWhoHasIt({ outcome, deliveries, journey }: OneEvent): string {
  if (outcome === "unmatched") return "no destination wanted it.";
  if (!journey.isFannedOut) return "it is kept, and about to be handed to the destinations that want it.";
  const [all, some] = [deliveries.length, deliveries.filter(({ status }) => status === outcome).length];
  const who =
    all === 1 ? "the destination that it is for" : `${count(some)} of the ${count(all)} destinations that it is for`;
  switch (outcome) {
    case "delivered":
      return all === 1 ? `${who} has it.` : `each of the ${count(all)} destinations that it is for has it.`;
    case "pending":
      return `${who} ${some === 1 ? "has" : "have"} yet to take it.`;
    case "dead":
      return `${who} did not take it, and it is tried no more.`;
  }
}

/** Delivered, or ended for another reason than what the destination answered. */
function wasNotSent({ status, attempts }: OneEvent["deliveries"][number]): boolean {
  return status !== "dead" || attempts.slice(-1).some((last) => !isAttempt(last));
}

function advise({ outcome, otherDestinations, deliveries }: OneEvent): Child {
  if (outcome === "dead") {
    if (deliveries.every(wasNotSent))
      return "Nobody failed: it was no longer for them. It can still be sent to a destination by name.";
    return "See what the destination answered, have it mended there, and send the event again.";
  }
  if (outcome === "unmatched") {
    return otherDestinations.some(({ wantsIt }) => wantsIt) ? (
      "A destination wants it by now: send it to all that want it."
    ) : (
      <>
        Send it to one destination below, or <a href={addresses.destinations}>add a destination</a> that wants this type
        and send it then.
      </>
    );
  }
  const isHeld = deliveries.some(({ status, destination }) => status === "pending" && destination?.enabled === false);
  return isHeld ? "A destination that is paused gets it once it is resumed." : null;
}

/** Where it came from, and what it is about. */
function EventFacts({ found }: { readonly found: OneEvent }) {
  const { event, journey } = found;
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">What it is, and where from</h2>
      <dl class="facts">
        <Fact label="Type">
          <bdi class="mono">{event.type}</bdi>
        </Fact>
        <Fact label="Organization">
          <OrganizationCell event={event} />
        </Fact>
        <Fact label="Resource">
          <Resource event={event} />
        </Fact>
        <Fact label="Created by Qonto">
          {event.createdAt === null ? <span class="soft">it does not say</span> : <TimeOfText text={event.createdAt} />}
        </Fact>
        <Fact label="Received">
          <Time at={event.receivedAt} />
        </Fact>
        <Fact label="From">{sourceOf(event)}</Fact>
        <Fact label="Body">
          <Size bytes={event.isUnreadable ? Math.floor((journey.sizeBytes * 3) / 4) : journey.sizeBytes} />
          {event.contentType === null ? ", of no content type" : ", "}
          {event.contentType === null ? null : <bdi>{event.contentType}</bdi>}
          {event.contentEncoding === null ? null : ", encoded as "}
          {event.contentEncoding === null ? null : <bdi>{event.contentEncoding}</bdi>}
        </Fact>
        <Fact label="Came again">{sayDuplicates(journey)}</Fact>
        <Fact label="Id" isLong>
          <bdi class="mono" id="event-id">
            {event.id}
          </bdi>{" "}
          <button type="button" class="copy" data-copy="event-id" hidden>
            Copy
          </button>
        </Fact>
      </dl>
    </section>
  );
}

interface FactProps {
  readonly label: string;
  readonly isLong?: boolean;
  readonly children: Child;
}

function Fact({ label, isLong = false, children }: FactProps) {
  return (
    <div class={isLong ? "facts-long" : undefined}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Resource({ event }: { readonly event: OneEvent["event"] }) {
  const address = addressOfResource(event);
  if (address === null)
    return event.resourceId === null ? <span class="soft">none</span> : <ShortId id={event.resourceId} />;
  return (
    <>
      <a href={address}>{event.resourceId === null ? "the only one" : <ShortId id={event.resourceId} />}</a>
    </>
  );
}

function sourceOf(event: OneEvent["event"]): string {
  if (isReconciled(event)) return "reconciliation: made up from what Qonto's API lists, for its webhook never came";
  return event.source === "business" ? "Qonto's Business API" : "Qonto's Onboarding API";
}

function sayDuplicates({ duplicates, conflicts }: OneEvent["journey"]): string {
  if (duplicates === 0) return "never";
  const times = duplicates === 1 ? "once" : `${count(duplicates)} times`;
  if (conflicts === 0) return `${times}, each time the same`;
  return `${times}, of these ${conflicts === 1 ? "once" : `${count(conflicts)} times`} with another body; the first is kept`;
}

/** To all that want it, or to a destination that has not been owed it. */
function SendAgain({ found }: { readonly found: OneEvent }) {
  const { event, otherDestinations } = found;
  const address = eventAddress(event.id);
  return (
    <section aria-labelledby="send-again">
      <h2 id="send-again">Send it again</h2>
      <div class="send-again">
        <div>
          <Press action={`${address}/replay`} kind="main">
            Send to all that want it
          </Press>
          <p class="help">A destination that has it does not get it again by this.</p>
        </div>
        {otherDestinations.length === 0 ? null : (
          <Form action={`${address}/replay-to-destination`} class="send-to-destination">
            <Field label="One that it was not for">
              <select name="destination_id" required>
                {otherDestinations.map((destination) => (
                  <option
                    value={destination.id}
                  >{`${destinationName(destination)}${destination.enabled ? "" : " (paused: it waits there)"}`}</option>
                ))}
              </select>
            </Field>
            <Button>Send to this destination</Button>
          </Form>
        )}
      </div>
    </section>
  );
}
