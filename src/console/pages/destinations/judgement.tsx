import type { Child } from "hono/jsx";
import { Press, momentText } from "../../ui/form.tsx";
import { linkTo } from "../../ui/table.tsx";
import { type StateName, State, Time, count, maskIbansIn } from "../../ui/values.tsx";
import { addresses, eventAddress, destinationAddress, destinationActionAddress } from "../../addresses.ts";
import type { Viewer } from "../../requests.ts";
import { answerInWords, remedyOf } from "./attempt-words.ts";
import {
  type DestinationFacts,
  type DestinationJudgement,
  judgeDestination,
  newestMissed,
} from "./judge-destination.ts";
import { sayJudgement } from "./say-judgement.tsx";
import type { DestinationFigures } from "./destination-figures.ts";

interface JudgementProps {
  readonly viewer: Viewer;
  readonly figures: DestinationFigures;
}

/** How a judgement looks, and its word where that is another. */
const looks: Readonly<Record<DestinationJudgement["kind"], { readonly state: StateName; readonly word?: string }>> = {
  gone: { state: "paused" },
  paused: { state: "paused" },
  resting: { state: "resting" },
  held: { state: "waiting", word: "asked for less" },
  failing: { state: "failing" },
  paced: { state: "pending", word: "behind" },
  missed: { state: "waiting", word: "missed some" },
  silence: { state: "waiting" },
  "other-types": { state: "waiting", word: "not its types" },
  "other-organizations": { state: "waiting", word: "not its organizations" },
  well: { state: "healthy" },
};

/** Why does this destination get nothing? In one sentence, with what led to it and what cures it. */
export function Judgement({ viewer, figures }: JudgementProps) {
  const { facts } = figures;
  const judgement = judgeDestination(facts);
  const { state, word } = looks[judgement.kind];
  return (
    <section
      class={`verdict verdict-${judgement.kind === "silence" ? "waiting" : lookOf(state)}`}
      aria-label="Does it get its events?"
    >
      <p class="verdict-sentence">
        <State state={state}>{word}</State> {sayJudgement(judgement, facts)}
      </p>
      <ul>
        {causes(judgement, figures).map((cause) => (
          <li>{cause}</li>
        ))}
      </ul>
      <div class="actions">
        {cures(judgement, figures, viewer).map((cure) => (
          <>{cure}</>
        ))}
      </div>
    </section>
  );
}

/** Of style.css: what is wrong is red, what wants a look is yellow. */
function lookOf(state: StateName): string {
  if (state === "resting") return "degraded";
  return state === "healthy" ? "ok" : "failing";
}

function causes({ kind }: DestinationJudgement, { facts, latestEventId }: DestinationFigures): Child[] {
  const { destination, latest, backlog, nextAttemptAt, now } = facts;
  const said: Child[] = [];
  if (latest !== null && latest.outcome !== "delivered" && ["gone", "resting", "held", "failing"].includes(kind)) {
    said.push(
      <>
        Its last answer, at <Time at={latest.at} />, was {answerInWords(latest)}
        {latest.responseExcerpt === null || latest.responseExcerpt === "" ? null : (
          <>
            {": "}
            <bdi class="destination-said">
              {maskIbansIn(latest.responseExcerpt)
                .slice(0, 200)
                .replace(/\.\s*$/, "")}
            </bdi>
          </>
        )}
        . {latestEventId === null ? null : <a href={eventAddress(latestEventId)}>The event</a>}
      </>,
      remedyOf(latest, destination, now),
    );
  }
  if (kind === "resting") {
    said.push(
      <>
        Until it answers well a single event is tried now and then, the next {sayNextProbe(facts)}. Nothing is lost
        meanwhile.
      </>,
    );
  }
  if (kind === "failing" && nextAttemptAt !== null && nextAttemptAt > now) {
    said.push(
      <>
        The next attempt is at <Time at={nextAttemptAt} />.
      </>,
    );
  }
  if (backlog.pending > 0 && kind !== "paced") {
    said.push(
      <>
        <a href={linkTo(destinationAddress(destination.id), { show: "pending" })}>
          {counted(backlog.pending, "event")}
        </a>{" "}
        for it {backlog.pending === 1 ? "waits" : "wait"}
        {kind === "paused" || kind === "gone" ? " until it is resumed." : "."}
      </>,
    );
  }
  if (backlog.dead > 0) {
    said.push(
      <>
        <a href={linkTo(destinationAddress(destination.id), { show: "dead" })}>{counted(backlog.dead, "event")}</a>{" "}
        {backlog.dead === 1 ? "was" : "were"} given up: {backlog.dead === 1 ? "it" : "they"} can be replayed.
      </>,
    );
  }
  return said;
}

/** A probe is of what is due, and not before the rest between two is over. */
function sayNextProbe({ destination: { nextDrainAt, heldUntil }, nextAttemptAt, now }: DestinationFacts): Child {
  if (nextAttemptAt === null) return "as soon as one comes";
  const at = Math.max(nextDrainAt ?? 0, heldUntil ?? 0, nextAttemptAt);
  if (at <= now) return "in a moment";
  return (
    <>
      at <Time at={at} />
    </>
  );
}

function cures({ kind }: DestinationJudgement, { facts }: DestinationFigures, viewer: Viewer): Child[] {
  const { destination, backlog, newestAt } = facts;
  const to = (action: Parameters<typeof destinationActionAddress>[1]) =>
    destinationActionAddress(destination.id, action);
  const isPaused = kind === "paused" || kind === "gone";
  const isInTrouble = kind === "resting" || kind === "held" || kind === "failing";
  const wantsEdit = ["resting", "held", "failing", "paced", "other-types", "other-organizations"].includes(kind);
  const missedSince =
    newestMissed(facts) !== null && (isPaused || kind === "missed") ? (newestAt ?? destination.createdAt) : null;
  return [
    ...(isPaused ? [press("Resume", "resume", "main")] : []),
    press("Send a test event", "test", isInTrouble || kind === "silence" ? "main" : "plain"),
    ...(isInTrouble && backlog.pending > 0 ? [press("Try now what waits", "resume")] : []),
    ...(wantsEdit ? [link("Change its settings", to("edit"), "plain")] : []),
    ...(missedSince === null
      ? []
      : [
          link(
            "Replay what it missed",
            linkTo(to("replay"), { which: "missing", since: momentText(missedSince) }),
            kind === "missed" ? "main" : "plain",
          ),
        ]),
    ...(backlog.dead > 0
      ? [
          link(
            "Replay what was given up",
            linkTo(to("replay"), { which: "failed", since: momentText(destination.createdAt) }),
          ),
        ]
      : []),
    ...(kind === "silence" ? [link("See whether anything comes", addresses.overview)] : []),
  ];

  function press(text: string, action: "resume" | "test", look: "main" | "plain" = "plain"): Child {
    return (
      <Press viewer={viewer} action={to(action)} kind={look}>
        {text}
      </Press>
    );
  }
}

function link(text: string, href: string, look: "main" | "plain" = "plain"): Child {
  return (
    <a class={`button button-${look}`} href={href}>
      {text}
    </a>
  );
}

function counted(number: number, what: string): string {
  return number === 1 ? `1 ${what}` : `${count(number)} ${what}s`;
}
