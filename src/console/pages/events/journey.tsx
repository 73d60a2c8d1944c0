import type { Child } from "hono/jsx";
import { type Attempt, type DeliveryStatus, type Outcome, isAttempt } from "../../../domain/delivery.ts";
import { eventAddress } from "../../addresses.ts";
import { DestinationLink } from "../../ui/destination.tsx";
import { Press } from "../../ui/form.tsx";
import { State, Time, count, durationInWords, maskIbansIn } from "../../ui/values.tsx";
import { addressOfResource } from "./cells.tsx";
import type { DeliveryToDestination, OneEvent } from "./one-event.ts";

interface JourneyProps {
  readonly found: OneEvent;
  readonly now: number;
}

/** From Qonto to each destination, step by step. */
export function Journey({ found, now }: JourneyProps) {
  const { event, deliveries } = found;
  return (
    <section aria-labelledby="journey">
      <h2 id="journey">Journey</h2>
      <ol class="journey">
        <Step tone="ok" title="Received" at={event.receivedAt}>
          Its signature held, it was written down, and then acknowledged.
        </Step>
        <Queued found={found} />
        <FanOut found={found} now={now} />
        <Projected found={found} />
        {deliveries.map((delivery) => (
          <DeliveryStep delivery={delivery} now={now} />
        ))}
      </ol>
    </section>
  );
}

interface StepProps {
  readonly tone: "ok" | "wait" | "bad" | "idle";
  readonly title: string;
  readonly at?: number;
  readonly children: Child;
}

function Step({ tone, title, at, children }: StepProps) {
  return (
    <li class={`step tone-${tone}`}>
      <p class="step-head">
        <strong>{title}</strong> {at === undefined ? null : <Time at={at} />}
      </p>
      <p class="step-says">{children}</p>
    </li>
  );
}

/** A duplicate of the same millisecond takes one off the time of the promise. */
const SAME_MS = 1_000;

function Queued({ found: { event, journey } }: Pick<JourneyProps, "found">) {
  const isAnew = journey.queuedAt - event.receivedAt > SAME_MS;
  return (
    <Step tone="ok" title={isAnew ? "Queued again" : "Queued"} at={Math.max(journey.queuedAt, event.receivedAt)}>
      {isAnew
        ? "Its message had been lost or was late, so another was sent."
        : "Its message was sent to anyone makes the first attempts."}
    </Step>
  );
}

function FanOut({ found: { journey, deliveries }, now }: Pick<JourneyProps, "found" | "now">) {
  if (!journey.isFannedOut) {
    return (
      <Step tone="wait" title="Waits to be handed out">
        Nobody has handed it out yet. Within a minute or two the cron sends for it, should its message be lost.
      </Step>
    );
  }
  const isOpen = deliveries.some(({ status, attempts }) => status === "pending" && attempts.length === 0);
  const lease =
    isOpen && journey.claimedUntil !== null && journey.claimedUntil > now ? (
      <>
        {" "}
        It is in hand until <Time at={journey.claimedUntil} /> at the latest.
      </>
    ) : null;
  const again =
    journey.claims > 1 ? ` It was taken up ${count(journey.claims)} times: the ones before came to nothing.` : "";
  return (
    <Step tone={deliveries.length === 0 ? "idle" : "ok"} title="Handed out">
      {deliveries.length === 0
        ? "No destination wanted it."
        : `It is for ${deliveries.length === 1 ? "one destination" : `${count(deliveries.length)} destinations`}.`}
      {again}
      {lease}
    </Step>
  );
}

function Projected({ found: { event, journey } }: Pick<JourneyProps, "found">) {
  const address = addressOfResource(event);
  if (address === null || (event.source === "business" && journey.latestEventId === null)) return null;
  const link = <a href={address}>{event.source === "business" ? "its resource" : "its registration"}</a>;
  if (event.source === "onboarding")
    return (
      <Step tone="ok" title="Stage noted">
        It is a stage of {link}.
      </Step>
    );
  if (journey.latestEventId === event.id) {
    return (
      <Step tone="ok" title="State">
        It is the latest that is known of {link}.
      </Step>
    );
  }
  return (
    <Step tone="idle" title="State">
      Of {link} something newer is known, by <a href={eventAddress(journey.latestEventId ?? "")}>another event</a>.
    </Step>
  );
}

const tones = { delivered: "ok", pending: "wait", dead: "bad" } as const satisfies Record<DeliveryStatus, string>;

/** What each outcome of an attempt means. */
export const attemptWords: Readonly<Record<Outcome, string>> = {
  delivered: "taken",
  gone: "wants no more",
  redirected: "redirected, which is not followed",
  rejected: "refused",
  timed_out: "no answer in time",
  unreachable: "not reached",
  refused: "not called",
  filtered: "not sent: the destination no longer wants such events",
  removed: "not sent: the destination was removed",
};

interface DeliveryStepProps {
  readonly delivery: DeliveryToDestination;
  readonly now: number;
}

/** How it went with one destination, attempt by attempt. */
function DeliveryStep({ delivery, now }: DeliveryStepProps) {
  const { destinationId, eventId, status, destination, attempts } = delivery;
  return (
    <li class={`step tone-${tones[status]}`}>
      <div class="step-head step-destination">
        <strong>
          {destination === undefined ? (
            <bdi class="mono">{destinationId}</bdi>
          ) : (
            <DestinationLink destination={destination} />
          )}
        </strong>
        <State state={status} />
        {destination === undefined ? null : <SendToDestination eventId={eventId} destinationId={destinationId} />}
      </div>
      <ol class="attempts" aria-label="Attempts">
        {attempts.map((attempt) => (
          <AttemptLine attempt={attempt} destinationId={destinationId} />
        ))}
      </ol>
      <NextStep delivery={delivery} now={now} />
    </li>
  );
}

interface AttemptLineProps {
  readonly attempt: Attempt;
  readonly destinationId: string;
}

function AttemptLine({ attempt, destinationId }: AttemptLineProps) {
  const { outcome, status, durationMs, responseExcerpt, retryAfterSeconds } = attempt;
  if (!isAttempt(attempt)) {
    return (
      <li>
        <Time at={attempt.at} />
        <span class="attempt-failed">{attemptWords[outcome]}</span>
      </li>
    );
  }
  const answer = status === null ? attemptWords[outcome] : `${status}, ${attemptWords[outcome]}`;
  return (
    <li>
      <span class="attempt-number">{`Attempt ${attempt.attempt}`}</span>
      <Time at={attempt.at} />
      <span class={outcome === "delivered" ? "attempt-ok" : "attempt-failed"}>{answer}</span>
      <span class="attempt-took">in {durationInWords(durationMs)}</span>
      {retryAfterSeconds === null ? null : (
        <span class="attempt-took">it asked for {durationInWords(retryAfterSeconds * 1000)} of rest</span>
      )}
      {responseExcerpt === null || responseExcerpt.trim() === "" ? null : (
        <Excerpt id={`${destinationId}-${attempt.attempt}`} text={maskIbansIn(responseExcerpt)} />
      )}
    </li>
  );
}

const SHORT = 80;

/** What a destination answered is anybody's text. With an id, it stays open when the page is kept up to date. */
function Excerpt({ id, text }: { readonly id: string; readonly text: string }) {
  if (text.length <= SHORT) return <bdi class="excerpt">{text}</bdi>;
  return (
    <details class="excerpt-more" id={id}>
      <summary>
        <bdi>{text.slice(0, SHORT)}…</bdi>
      </summary>
      <bdi class="excerpt">{text}</bdi>
    </details>
  );
}

function NextStep({ delivery: { status, destination, attempts, nextAttemptAt }, now }: DeliveryStepProps) {
  if (destination === undefined) {
    return (
      <p class="step-says">This destination has been removed{status === "dead" ? "; what it was owed ended." : "."}</p>
    );
  }
  if (status === "dead") return <p class="step-says">It is tried no more.</p>;
  if (status === "delivered") return null;
  if (!destination.enabled) return <p class="step-says">The destination is paused: it waits until that is resumed.</p>;
  if (destination.circuitOpenedAt !== null) {
    return (
      <p class="step-says">
        The destination keeps failing, and has rested since <Time at={destination.circuitOpenedAt} />: it gets all that
        waits once it answers a probe.
      </p>
    );
  }
  if (destination.heldUntil !== null && destination.heldUntil > Math.max(now, nextAttemptAt ?? 0)) {
    return (
      <p class="step-says">
        The destination asked for less: nothing is sent to it before <Time at={destination.heldUntil} />.
      </p>
    );
  }
  if (nextAttemptAt === null) return <p class="step-says">Its first attempt is on its way.</p>;
  return (
    <p class="step-says">
      {attempts.length === 0 ? "First attempt" : "Next attempt"}{" "}
      {nextAttemptAt <= now ? (
        "is due now."
      ) : (
        <>
          at <Time at={nextAttemptAt} />, in {durationInWords(nextAttemptAt - now)}.
        </>
      )}
    </p>
  );
}

/** To a destination that it is for, whether that has it or not. */
function SendToDestination({ eventId, destinationId }: { eventId: string; destinationId: string }) {
  return (
    <Press action={`${eventAddress(eventId)}/replay-to-destination`} name="destination_id" value={destinationId}>
      Send again
    </Press>
  );
}
