import { type Attempt, type DeliveryStatus, type Outcome, isAttempt } from "../../../domain/delivery.ts";
import { maskIbansIn } from "../../components/iban.tsx";
import { State } from "../../components/state.tsx";
import { TeamLink } from "../../components/team-link.tsx";
import { Time, durationInWords } from "../../components/time.tsx";
import type { Viewer } from "../../requests.ts";
import type { DeliveryToTeam } from "./one-event.ts";
import { SendToTeam } from "./send-again.tsx";

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
  filtered: "not sent: the team no longer wants such events",
  removed: "not sent: the team was removed",
};

interface DeliveryStepProps {
  readonly delivery: DeliveryToTeam;
  readonly viewer: Viewer;
  readonly now: number;
}

/** How it went with one team, attempt by attempt. */
export function DeliveryStep({ delivery, viewer, now }: DeliveryStepProps) {
  const { destinationId, eventId, status, team, attempts } = delivery;
  return (
    <li class={`step tone-${tones[status]}`}>
      <div class="step-head step-team">
        <strong>{team === undefined ? <bdi class="mono">{destinationId}</bdi> : <TeamLink team={team} />}</strong>
        <State state={status}>{status === "pending" ? "waiting" : status}</State>
        {team === undefined ? null : <SendToTeam eventId={eventId} teamId={destinationId} viewer={viewer} />}
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

/** What a team answered is anybody's text. With an id, it stays open when the page is kept up to date. */
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

function NextStep({ delivery: { status, team, attempts, nextAttemptAt }, now }: Omit<DeliveryStepProps, "viewer">) {
  if (team === undefined) {
    return <p class="step-says">This team has been removed{status === "dead" ? "; what it was owed ended." : "."}</p>;
  }
  if (status === "dead") return <p class="step-says">It is tried no more.</p>;
  if (status === "delivered") return null;
  if (!team.enabled) return <p class="step-says">The team is paused: it waits until that is resumed.</p>;
  if (team.restingSince !== null) {
    return (
      <p class="step-says">
        The team keeps failing, and has rested since <Time at={team.restingSince} />: it gets all that waits once it
        answers a probe.
      </p>
    );
  }
  if (team.heldUntil !== null && team.heldUntil > Math.max(now, nextAttemptAt ?? 0)) {
    return (
      <p class="step-says">
        The team asked for less: nothing is sent to it before <Time at={team.heldUntil} />.
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
