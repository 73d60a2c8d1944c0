import { type Attempt, type DeliveryStatus, type Outcome, isAttempt } from "../../../domain/delivery.ts";
import { State, Time, durationInWords, maskIbansIn } from "../../ui/values.tsx";
import { DestinationLink } from "../../ui/destination.tsx";
import type { Viewer } from "../../requests.ts";
import type { DeliveryToDestination } from "./one-event.ts";
import { SendToDestination } from "./send-again.tsx";

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
  readonly viewer: Viewer;
  readonly now: number;
}

/** How it went with one destination, attempt by attempt. */
export function DeliveryStep({ delivery, viewer, now }: DeliveryStepProps) {
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
        <State state={status}>{status === "pending" ? "waiting" : status}</State>
        {destination === undefined ? null : (
          <SendToDestination eventId={eventId} destinationId={destinationId} viewer={viewer} />
        )}
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

function NextStep({
  delivery: { status, destination, attempts, nextAttemptAt },
  now,
}: Omit<DeliveryStepProps, "viewer">) {
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
