import type { Child } from "hono/jsx";
import { KINDS_OF_AT_MOST } from "../../../store/traffic.ts";
import { addresses, destinationActionAddress, destinationAddress, eventAddress } from "../../addresses.ts";
import { useOwnDestination } from "../../show-page.tsx";
import { ButtonLink, Press, momentText } from "../../ui/form.tsx";
import {
  type StateName,
  type Tone,
  Names,
  State,
  Time,
  count,
  counted,
  durationInWords,
  maskIbansIn,
  toneOf,
} from "../../ui/values.tsx";
import { linkTo } from "../../ui/table.tsx";
import { answerInWords } from "../../words.ts";
import { remedyOf } from "./deliveries.tsx";
import {
  type DestinationFacts,
  type DiagnosisKind,
  DAY_MS,
  diagnose,
  isBacklogOld,
  newestMissedAt,
  ofItsTypes,
} from "./diagnose.ts";

type Action = "resume" | "test" | "retry" | "edit" | "replay_missed" | "overview";

interface Explanation {
  readonly state: StateName;
  /** Where the state needs another word. */
  readonly label?: string;
  /** Where it is not the state's. */
  readonly tone?: Tone;
  readonly sentence: (facts: DestinationFacts) => Child;
  /** What to do; the first is the main one. */
  readonly actions: readonly Action[];
}

const explanations: Readonly<Record<DiagnosisKind, Explanation>> = {
  gone: {
    state: "paused",
    tone: "wait",
    sentence: ({ destination }) => (
      <>
        Gets no events: it answered 410 Gone at <Time at={destination.updatedAt} />, which paused it. Resume it when it
        wants events again.
      </>
    ),
    actions: ["resume", "test", "replay_missed"],
  },
  paused: {
    state: "paused",
    tone: "wait",
    sentence: ({ destination }) => (
      <>
        Gets no events: paused since <Time at={destination.updatedAt} /> or earlier. Pending deliveries continue when it
        is resumed. Events that came meanwhile need a replay.
      </>
    ),
    actions: ["resume", "test", "replay_missed"],
  },
  circuit_open: {
    state: "circuit open",
    sentence: ({ destination, now }) => (
      <>
        Gets no events: {count(destination.consecutiveFailures)} attempts in a row failed, and its circuit breaker has
        been open since <Time at={destination.circuitOpenedAt ?? now} />.
      </>
    ),
    actions: ["test", "retry", "edit"],
  },
  throttled: {
    state: "waiting",
    label: "throttled",
    sentence: ({ destination, now }) => (
      <>
        Gets no events: it asked the relay to wait until <Time at={destination.heldUntil ?? now} />. Pending deliveries
        continue then.
      </>
    ),
    actions: ["test", "retry", "edit"],
  },
  failing: {
    state: "failing",
    sentence: ({ destination: { consecutiveFailures }, backlog }) => (
      <>
        {consecutiveFailures === 1
          ? "The last attempt failed."
          : `The last ${count(consecutiveFailures)} attempts failed.`}{" "}
        {backlog.pending > 0
          ? "Pending deliveries are retried."
          : "Nothing is pending: the next event is tried as usual."}
      </>
    ),
    actions: ["test", "retry", "edit"],
  },
  behind: {
    state: "pending",
    label: "behind",
    sentence: ({ destination: { maxPerSecond }, backlog }) => (
      <>
        Gets its events late: its rate limit is {maxPerSecond} a second. {pendingDeliveries(backlog.pending)}{" "}
        {backlog.pending === 1 ? "takes" : "take"}{" "}
        {durationInWords(Math.ceil(backlog.pending / (maxPerSecond ?? 1)) * 1000)}.
      </>
    ),
    actions: ["edit", "test"],
  },
  missed: {
    state: "waiting",
    label: "incomplete",
    sentence: (facts) => (
      <>
        Missed events that came while it was paused or wanted others, the latest at{" "}
        <Time at={newestMissedAt(facts) ?? facts.now} />. It gets new events; replay the missed ones.
      </>
    ),
    actions: ["replay_missed", "test"],
  },
  no_events: {
    state: "waiting",
    label: "idle",
    tone: "idle",
    sentence: (facts) => (
      <>
        No events yet: none came {useOwnDestination() === null ? "from Qonto" : "for it"} {period(facts)}.
      </>
    ),
    actions: ["test", "overview"],
  },
  other_types: {
    state: "waiting",
    label: "unmatched",
    sentence: (facts) => (
      <>
        Gets no events: those that came {period(facts)} have other types: {names(facts.kinds.map(({ type }) => type))}.
        It wants {names(facts.destination.types)}.
      </>
    ),
    actions: ["edit", "test"],
  },
  other_organizations: {
    state: "waiting",
    label: "unmatched",
    sentence: (facts) => (
      <>
        Gets no events: those of its types that came {period(facts)} are of other organizations:{" "}
        {names(ofItsTypes(facts).map(({ organizationId }) => organizationId ?? "none"))}. It wants{" "}
        {names(facts.destination.organizations ?? [])}.
      </>
    ),
    actions: ["edit", "test"],
  },
  healthy: {
    state: "healthy",
    sentence: (facts) => {
      const { destination, backlog, now } = facts;
      if (destination.lastSuccessAt === null) return <>Its first delivery is about to be attempted.</>;
      return (
        <>
          Gets its events, the latest at <Time at={destination.lastSuccessAt} />
          {isBacklogOld(backlog, now) && backlog.oldestPendingAt !== null ? (
            <>
              , but is catching up or rejects some: {pendingDeliveries(backlog.pending)}, the oldest since{" "}
              <Time at={backlog.oldestPendingAt} />
            </>
          ) : null}
          .
        </>
      );
    },
    actions: ["test"],
  },
};

/** Whether a destination gets its events, in one sentence, with details and what to do. */
export function Diagnosis({ facts }: { readonly facts: DestinationFacts }) {
  const diagnosis = diagnose(facts);
  const { state, label, tone = toneOf(state), sentence, actions } = explanations[diagnosis];
  return (
    <section class={`banner tone-${tone}`} aria-label="Diagnosis">
      <p class="banner-sentence">
        <State state={state}>{label}</State> {sentence(facts)}
      </p>
      <ul>
        {detailsOf(diagnosis, facts).map((detail) => (
          <li>{detail}</li>
        ))}
      </ul>
      <div class="actions">
        {actions.map((action, index) => (
          <ActionButton
            action={action}
            facts={facts}
            kind={index === 0 && diagnosis !== "healthy" ? "main" : "plain"}
          />
        ))}
        {facts.backlog.dead === 0 ? null : (
          <ButtonLink href={replayAddress(facts, "failed", facts.destination.createdAt)}>
            Replay dead deliveries
          </ButtonLink>
        )}
      </div>
    </section>
  );
}

interface ActionButtonProps {
  readonly facts: DestinationFacts;
  readonly action: Action;
  readonly kind: "main" | "plain";
}

function ActionButton({ action, facts, kind }: ActionButtonProps) {
  const { destination, backlog, newestAt } = facts;
  const to = (name: "edit" | "resume" | "test") => destinationActionAddress(destination.id, name);
  const press = (text: string, name: "resume" | "test") => (
    <Press action={to(name)} kind={kind}>
      {text}
    </Press>
  );
  const link = (text: string, href: string) => (
    <ButtonLink href={href} kind={kind}>
      {text}
    </ButtonLink>
  );
  switch (action) {
    case "resume":
      return press("Resume", "resume");
    case "test":
      return press("Send test event", "test");
    case "retry":
      return backlog.pending === 0 ? null : press("Retry now", "resume");
    case "edit":
      return link("Edit settings", to("edit"));
    case "replay_missed":
      if (newestMissedAt(facts) === null) return null;
      return link("Replay missed events", replayAddress(facts, "missing", newestAt ?? destination.createdAt));
    case "overview":
      return link("Open overview", addresses.overview);
  }
}

function replayAddress({ destination }: DestinationFacts, which: "failed" | "missing", since: number): string {
  return linkTo(destinationActionAddress(destination.id, "replay"), { which, since: momentText(since) });
}

function detailsOf(diagnosis: DiagnosisKind, facts: DestinationFacts): Child[] {
  const { destination, backlog, latest, nextAttemptAt, now } = facts;
  const details: Child[] = [];
  const isInTrouble = ["gone", "circuit_open", "throttled", "failing"].includes(diagnosis);
  if (isInTrouble && latest !== null && latest.attempt.outcome !== "delivered") {
    details.push(<LastAttempt {...latest} />, remedyOf(latest.attempt, destination, now));
  }
  if (diagnosis === "circuit_open") {
    details.push(<>One delivery at a time probes the destination, the next {nextProbe(facts)}. Nothing is lost.</>);
  }
  if (diagnosis === "failing" && nextAttemptAt !== null && nextAttemptAt > now) {
    details.push(
      <>
        The next attempt is at <Time at={nextAttemptAt} />.
      </>,
    );
  }
  if (backlog.pending > 0 && diagnosis !== "behind") {
    const isPaused = diagnosis === "paused" || diagnosis === "gone";
    details.push(
      <>
        <a href={linkTo(destinationAddress(destination.id), { show: "pending" })}>
          {pendingDeliveries(backlog.pending)}
        </a>
        {isPaused ? " until it is resumed." : "."}
      </>,
    );
  }
  if (backlog.dead > 0) {
    details.push(
      <>
        <a href={linkTo(destinationAddress(destination.id), { show: "dead" })}>
          {counted(backlog.dead, "dead delivery", "dead deliveries")}
        </a>
        , which can be replayed.
      </>,
    );
  }
  return details;
}

function LastAttempt({ attempt, eventId }: NonNullable<DestinationFacts["latest"]>) {
  const excerpt = maskIbansIn(attempt.responseExcerpt ?? "")
    .slice(0, 200)
    .replace(/\.\s*$/, "");
  return (
    <>
      Last attempt, at <Time at={attempt.at} />: {answerInWords(attempt)}
      {excerpt === "" ? null : (
        <>
          {": "}
          <bdi class="excerpt">{excerpt}</bdi>
        </>
      )}
      . <a href={eventAddress(eventId)}>Event</a>
    </>
  );
}

/** A probe is a due delivery, and waits for the breaker and for `Retry-After`. */
function nextProbe({ destination: { nextDrainAt, heldUntil }, nextAttemptAt, now }: DestinationFacts): Child {
  if (nextAttemptAt === null) return "with the next event";
  const at = Math.max(nextDrainAt ?? 0, heldUntil ?? 0, nextAttemptAt);
  if (at <= now) return "in a moment";
  return (
    <>
      at <Time at={at} />
    </>
  );
}

function pendingDeliveries(pending: number): string {
  return counted(pending, "pending delivery", "pending deliveries");
}

function period({ destination, kinds, now }: DestinationFacts): string {
  const events = kinds.reduce((sum, kind) => sum + kind.events, 0);
  if (events >= KINDS_OF_AT_MOST) return `among the newest ${count(KINDS_OF_AT_MOST)} events`;
  return destination.createdAt > now - DAY_MS ? "since it was added" : "in the last 24 hours";
}

function names(all: readonly string[]): Child {
  return <Names names={[...new Set(all)]} most={3} />;
}
