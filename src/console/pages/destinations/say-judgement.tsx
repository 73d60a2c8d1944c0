import type { Child } from "hono/jsx";
import { KINDS_OF_AT_MOST } from "../../../store/recent-kinds.ts";
import { Time, count, durationInWords } from "../../ui/values.tsx";
import { answerInWords } from "./attempt-words.ts";
import { type DestinationFacts, type DestinationJudgement, waitsForLong } from "./judge-destination.ts";

/** Kinds of event that are named in a sentence. */
const NAMED = 3;

/** The first sentence of a destination's page. */
export function sayJudgement(judgement: DestinationJudgement, facts: DestinationFacts): Child {
  const { destination, backlog, now } = facts;
  switch (judgement.kind) {
    case "gone":
      return (
        <>
          It gets nothing because it answered 410, “gone”, and was paused by that at <Time at={destination.updatedAt} />
          . Resume it when it wants events again.
        </>
      );
    case "paused":
      return (
        <>
          It gets nothing because it is paused, since <Time at={destination.updatedAt} /> or before. Resume it: what it
          is owed then comes at once, what came meanwhile by a replay.
        </>
      );
    case "resting":
      return (
        <>
          It gets nothing because it keeps failing{sayLastAnswer(facts)}: since{" "}
          <Time at={destination.circuitOpenedAt ?? now} /> it rests, after {count(destination.consecutiveFailures)}{" "}
          failed attempts in a row.
        </>
      );
    case "held":
      return (
        <>
          It gets nothing because it asked for less{sayLastAnswer(facts)}: nothing is sent to it before{" "}
          <Time at={judgement.until} />. What waits for it comes out then.
        </>
      );
    case "failing":
      return (
        <>
          It does not take what it is sent{sayLastAnswer(facts)}
          {destination.consecutiveFailures === 1
            ? ""
            : `, and the ${count(destination.consecutiveFailures)} latest attempts failed in a row`}
          .{" "}
          {backlog.pending > 0 ? "What waits is tried again." : "Nothing waits any more: the next event is tried anew."}
        </>
      );
    case "paced":
      return (
        <>
          It is behind because it takes at most {destination.maxPerSecond} a second by its own limit:{" "}
          {count(backlog.pending)} wait, which is {durationInWords(judgement.forSeconds * 1000)} of work.
        </>
      );
    case "missed":
      return (
        <>
          It got nothing of what came while it was paused or wanted something else, the latest at{" "}
          <Time at={judgement.newestAt} />. It gets what comes from now on; the rest by a replay.
        </>
      );
    case "silence":
      return (
        <>
          It has got nothing because nothing has come from Qonto {sinceWhen(facts)}. When it does, the destination gets
          it.
        </>
      );
    case "other-types":
      return (
        <>
          It gets nothing because it wants none of the types that came {sinceWhen(facts)}: {nameTypes(judgement.came)}.
          It wants {nameAll(destination.types)}.
        </>
      );
    case "other-organizations":
      return (
        <>
          It gets nothing because what came of its types {sinceWhen(facts)} is of other organizations:{" "}
          {nameOrganizations(judgement.came)}. It wants {nameAll(destination.organizations ?? [])}.
        </>
      );
    case "well":
      return destination.lastSuccessAt === null ? (
        <>It is about to get its first event.</>
      ) : (
        <>
          It gets its events, the latest at <Time at={destination.lastSuccessAt} />
          {sayWhatWaits(facts)}.
        </>
      );
  }
}

function sayWhatWaits({ backlog, now }: DestinationFacts): Child {
  if (backlog.oldestPendingAt === null || !waitsForLong(backlog, now)) return null;
  return (
    <>
      , but has yet to catch up or refuses some: {count(backlog.pending)} {backlog.pending === 1 ? "waits" : "wait"},
      the oldest since <Time at={backlog.oldestPendingAt} />
    </>
  );
}

function sayLastAnswer({ latest }: DestinationFacts): string {
  return latest === null || latest.outcome === "delivered" ? "" : `, last with ${answerInWords(latest)}`;
}

function sinceWhen({ destination, kinds, now }: DestinationFacts): string {
  const events = kinds.reduce((sum, kind) => sum + kind.events, 0);
  if (events >= KINDS_OF_AT_MOST) return `among the newest ${count(KINDS_OF_AT_MOST)} events`;
  return destination.createdAt > now - 86_400_000 ? "since it was added" : "in the last 24 hours";
}

function nameTypes(kinds: readonly { readonly type: string; readonly events: number }[]): Child {
  const byType = Map.groupBy(kinds, ({ type }) => type);
  return nameAll([...byType.keys()]);
}

function nameOrganizations(kinds: readonly { readonly organizationId: string | null }[]): Child {
  return nameAll([...new Set(kinds.map(({ organizationId }) => organizationId ?? "of none"))]);
}

function nameAll(names: readonly string[]): Child {
  const more = names.length - NAMED;
  return (
    <>
      {names.slice(0, NAMED).map((name, index) => (
        <>
          {index === 0 ? null : ", "}
          <bdi class="mono">{name}</bdi>
        </>
      ))}
      {more > 0 ? ` and ${more} more` : null}
    </>
  );
}
