import type { Child, PropsWithChildren } from "hono/jsx";
import { type Attempt, isEndedWithoutAttempt } from "../../../domain/delivery.ts";
import { isOperational } from "../../../domain/operational-event.ts";
import { eventAddress } from "../../addresses.ts";
import { useOwnDestination, usePage } from "../../show-page.tsx";
import { DestinationLink } from "../../ui/destination.tsx";
import { Press } from "../../ui/form.tsx";
import { Section } from "../../ui/layout.tsx";
import { type Tone, State, Time, count, ageInWords, durationInWords, maskIbansIn, toneOf } from "../../ui/values.tsx";
import { outcomeWords } from "../../words.ts";
import { ResourceLink, addressOfResource } from "./cells.tsx";
import type { DeliveryToDestination, OneEvent } from "./one-event.ts";

interface JourneyProps {
  readonly found: OneEvent;
}

/** From Qonto, or the relay itself, to each destination, step by step. */
export function Journey({ found }: JourneyProps) {
  return (
    <Section id="journey" title="Journey">
      <ol class="timeline card">
        {isOperational(found.event) ? (
          <Step tone="ok" title="Recorded" at={found.event.receivedAt}>
            The relay made the event and stored it together with the change that it reports.
          </Step>
        ) : (
          <Step tone="ok" title="Received" at={found.event.receivedAt}>
            The signature was valid. The event was stored, then acknowledged.
          </Step>
        )}
        <Queued found={found} />
        <FanOut found={found} />
        <LatestState found={found} />
        {found.deliveries.map((delivery) => (
          <DeliveryStep delivery={delivery} />
        ))}
      </ol>
    </Section>
  );
}

interface StepProps {
  readonly tone: Tone;
  readonly title: string;
  readonly at?: number;
}

function Step({ tone, title, at, children }: PropsWithChildren<StepProps>) {
  return (
    <li class={`tone-${tone}`}>
      <Sign />
      <p class="cluster">
        <strong>{title}</strong>{" "}
        {at === undefined ? null : (
          <span class="small soft">
            <Time at={at} />
          </span>
        )}
      </p>
      <p class="small soft">{children}</p>
    </li>
  );
}

function Sign() {
  return (
    <span class="sign" aria-hidden="true">
      ●
    </span>
  );
}

/** `queued_at` may be a little later than the event without a second message. */
const SAME_MS = 1_000;

function Queued({ found: { event, journey } }: JourneyProps) {
  const isAgain = journey.queuedAt - event.receivedAt > SAME_MS;
  return (
    <Step tone="ok" title={isAgain ? "Queued again" : "Queued"} at={Math.max(journey.queuedAt, event.receivedAt)}>
      {isAgain ? "The first message was lost or late, so another was sent." : "A message asks for the first attempts."}
    </Step>
  );
}

function FanOut({ found: { journey, deliveries } }: JourneyProps) {
  const { now } = usePage();
  if (journey.isAwaitingFirstFanOut) {
    return (
      <Step tone="wait" title="Not dispatched yet">
        The event waits for its message. If that is lost, the cron sends another within a minute or two.
      </Step>
    );
  }
  const { isUndispatched } = journey;
  return (
    <Step
      tone={isUndispatched ? "wait" : deliveries.length === 0 ? "idle" : "ok"}
      title={isUndispatched ? "Being dispatched" : "Dispatched"}
    >
      {deliveries.length === 0
        ? "No destination matched."
        : `To ${deliveries.length === 1 ? "one destination" : `${count(deliveries.length)} destinations`}.`}
      {journey.claims > 1 ? ` It was claimed ${count(journey.claims)} times: the earlier claims had no result.` : ""}
      {isUndispatched && journey.leaseUntil !== null && journey.leaseUntil > now ? (
        <>
          {" "}
          The present claim expires at <Time at={journey.leaseUntil} />.
        </>
      ) : null}
    </Step>
  );
}

/** Whether the latest state of its resource came with this event. */
function LatestState({ found: { event, journey } }: JourneyProps) {
  // Events of the resource that went to others are no concern of a destination.
  if (addressOfResource(event) === null || useOwnDestination() !== null) return null;
  if (event.source === "onboarding") {
    return (
      <Step tone="ok" title="Stage recorded">
        It is a stage of <ResourceLink event={event}>its registration</ResourceLink>.
      </Step>
    );
  }
  if (journey.latestEventId === null) return null;
  const resource = <ResourceLink event={event}>its resource</ResourceLink>;
  return journey.latestEventId === event.id ? (
    <Step tone="ok" title="State">
      It is the latest state of {resource}.
    </Step>
  ) : (
    <Step tone="idle" title="State">
      A newer state of {resource} came with <a href={eventAddress(journey.latestEventId)}>another event</a>.
    </Step>
  );
}

/** One delivery, attempt by attempt. */
function DeliveryStep({ delivery }: { readonly delivery: DeliveryToDestination }) {
  const { destinationId, eventId, status, destination, attempts } = delivery;
  const next = nextStep(delivery, usePage().now);
  return (
    <li class={`tone-${toneOf(status)}`}>
      <Sign />
      <div class="cluster">
        <strong>
          {destination === undefined ? (
            <bdi class="mono">{destinationId}</bdi>
          ) : (
            <DestinationLink destination={destination} />
          )}
        </strong>
        <State state={status} />
        {destination === undefined ? null : (
          <Press
            action={`${eventAddress(eventId)}/replay-to-destination`}
            kind="small"
            name="destination_id"
            value={destinationId}
          >
            Replay
          </Press>
        )}
      </div>
      <ol class="attempts" aria-label="Attempts">
        {attempts.map((attempt) => (
          <AttemptLine attempt={attempt} destinationId={destinationId} />
        ))}
      </ol>
      {next === null ? null : <p class="small soft">{next}</p>}
    </li>
  );
}

interface AttemptLineProps {
  readonly attempt: Attempt;
  readonly destinationId: string;
}

function AttemptLine({ attempt, destinationId }: AttemptLineProps) {
  const { outcome, status, durationMs, responseExcerpt, retryAfterSeconds } = attempt;
  if (isEndedWithoutAttempt(attempt)) {
    return (
      <li class="cluster">
        <Time at={attempt.at} />
        <span class="failed">{outcomeWords[outcome]}</span>
      </li>
    );
  }
  return (
    <li class="cluster">
      <strong>{`Attempt ${attempt.attempt}`}</strong>
      <Time at={attempt.at} />
      <span class={outcome === "delivered" ? "state tone-ok" : "failed"}>
        {status === null ? outcomeWords[outcome] : `${status}, ${outcomeWords[outcome]}`}
      </span>
      <span class="soft">in {durationInWords(durationMs)}</span>
      {retryAfterSeconds === null ? null : (
        <span class="soft">Retry-After: {durationInWords(retryAfterSeconds * 1000)}</span>
      )}
      {responseExcerpt === null || responseExcerpt.trim() === "" ? null : (
        <Excerpt id={`${destinationId}-${attempt.attempt}`} text={maskIbansIn(responseExcerpt)} />
      )}
    </li>
  );
}

const SHORT = 80;

/** A destination's answer may hold anything. The id keeps it open when the page is refreshed. */
function Excerpt({ id, text }: { readonly id: string; readonly text: string }) {
  if (text.length <= SHORT) return <bdi class="excerpt">{text}</bdi>;
  return (
    <details id={id}>
      <summary>
        <bdi>{text.slice(0, SHORT)}…</bdi>
      </summary>
      <bdi class="excerpt">{text}</bdi>
    </details>
  );
}

function nextStep({ status, destination, attempts, nextAttemptAt }: DeliveryToDestination, now: number): Child {
  if (destination === undefined) {
    return status === "dead"
      ? "The destination was deleted, which ended the delivery."
      : "The destination was deleted.";
  }
  if (status === "dead") return "There will be no further attempt.";
  if (status === "delivered") return null;
  if (!destination.enabled) return "The destination is paused. The delivery waits until it is resumed.";
  if (destination.circuitOpenedAt !== null) {
    return (
      <>
        The destination keeps failing: its circuit is open since <Time at={destination.circuitOpenedAt} />. It gets its
        pending deliveries when a probe succeeds.
      </>
    );
  }
  if (destination.heldUntil !== null && destination.heldUntil > Math.max(now, nextAttemptAt ?? 0)) {
    return (
      <>
        The destination asked for a pause. Nothing is sent to it before <Time at={destination.heldUntil} />.
      </>
    );
  }
  if (nextAttemptAt === null) return "The first attempt is about to start.";
  const which = attempts.length === 0 ? "First attempt" : "Next attempt";
  if (nextAttemptAt <= now) return `${which} is due now.`;
  return (
    <>
      {which} at <Time at={nextAttemptAt} />, in {ageInWords(nextAttemptAt - now)}.
    </>
  );
}
