import type { DeadLetter } from "../../../store/dead-letters.ts";
import { deadLetterAddress, eventAddress } from "../../addresses.ts";
import { Press } from "../../components/form.tsx";
import { ShortId } from "../../components/short-id.tsx";
import { State } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import { TeamLink } from "../../components/team-link.tsx";
import { Time } from "../../components/time.tsx";
import type { Viewer } from "../../requests.ts";
import { kindOf } from "./kinds.ts";

type Team = Parameters<typeof TeamLink>[0]["team"];

interface ListProps {
  readonly viewer: Viewer;
  readonly letters: readonly DeadLetter[];
  /** Those of them that are still there. */
  readonly teams: readonly Team[];
}

export function LetterList({ viewer, letters, teams }: ListProps) {
  return (
    <Table
      caption="Dead letters, newest first"
      rows={letters}
      columns={[
        { title: "Message", cell: ({ id, kind }) => <a href={deadLetterAddress(id)}>{kindOf(kind).short}</a> },
        { title: "Given up", cell: ({ receivedAt }) => <Time at={receivedAt} /> },
        {
          title: "About",
          cell: (letter) => <About letter={letter} team={teams.find(({ id }) => id === letter.destinationId)} />,
        },
        { title: "State", cell: ({ replayedAt }) => <LetterState replayedAt={replayedAt} /> },
        { title: "Cure", cell: (letter) => <Replay viewer={viewer} letter={letter} back="list" /> },
      ]}
    />
  );
}

/** The event or the team that a letter is about; a team that has been removed has no page. */
export function About({ letter, team }: { readonly letter: DeadLetter; readonly team: Team | undefined }) {
  const { eventId, destinationId } = letter;
  if (eventId === null && destinationId === null) return <span class="soft">Nobody knows</span>;
  return (
    <span class="letter-about">
      {eventId === null ? null : (
        <a href={eventAddress(eventId)}>
          <ShortId id={eventId} />
        </a>
      )}
      {team !== undefined ? (
        <TeamLink team={team} />
      ) : destinationId === null ? null : (
        <span>
          <ShortId id={destinationId} />, removed
        </span>
      )}
    </span>
  );
}

export function LetterState({ replayedAt }: Pick<DeadLetter, "replayedAt">) {
  if (replayedAt === null) return <State state="waiting" />;
  return (
    <span>
      <State state="done">replayed</State> <Time at={replayedAt} />
    </span>
  );
}

interface ReplayProps {
  readonly viewer: Viewer;
  readonly letter: DeadLetter;
  readonly back: "list" | "one";
}

export function Replay({ viewer, letter, back }: ReplayProps) {
  if (!kindOf(letter.kind).isReplayable) return <span class="soft">Cannot be replayed</span>;
  const isWaiting = letter.replayedAt === null;
  return (
    <Press
      viewer={viewer}
      kind={back === "one" && isWaiting ? "main" : "plain"}
      action={`${deadLetterAddress(letter.id)}/replay`}
      name="back"
      value={back}
    >
      {isWaiting ? "Replay" : "Replay again"}
    </Press>
  );
}
