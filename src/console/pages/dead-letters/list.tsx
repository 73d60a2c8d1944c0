import type { DeadLetter } from "../../../store/dead-letters.ts";
import { deadLetterAddress, eventAddress } from "../../addresses.ts";
import { Press } from "../../ui/form.tsx";
import { ShortId, State, Time } from "../../ui/values.tsx";
import { Table } from "../../ui/table.tsx";
import { DestinationLink } from "../../ui/destination.tsx";
import type { Viewer } from "../../requests.ts";
import { kindOf } from "./kinds.ts";

type Destination = Parameters<typeof DestinationLink>[0]["destination"];

interface ListProps {
  readonly viewer: Viewer;
  readonly letters: readonly DeadLetter[];
  /** Those of them that are still there. */
  readonly destinations: readonly Destination[];
}

export function LetterList({ viewer, letters, destinations }: ListProps) {
  return (
    <Table
      caption="Dead letters, newest first"
      rows={letters}
      columns={[
        { title: "Message", cell: ({ id, kind }) => <a href={deadLetterAddress(id)}>{kindOf(kind).short}</a> },
        { title: "Given up", cell: ({ receivedAt }) => <Time at={receivedAt} /> },
        {
          title: "About",
          cell: (letter) => (
            <About letter={letter} destination={destinations.find(({ id }) => id === letter.destinationId)} />
          ),
        },
        { title: "State", cell: ({ replayedAt }) => <LetterState replayedAt={replayedAt} /> },
        { title: "Cure", cell: (letter) => <Replay viewer={viewer} letter={letter} back="list" /> },
      ]}
    />
  );
}

/** The event or the destination that a letter is about; a destination that has been removed has no page. */
export function About({
  letter,
  destination,
}: {
  readonly letter: DeadLetter;
  readonly destination: Destination | undefined;
}) {
  const { eventId, destinationId } = letter;
  if (eventId === null && destinationId === null) return <span class="soft">Nobody knows</span>;
  return (
    <span class="letter-about">
      {eventId === null ? null : (
        <a href={eventAddress(eventId)}>
          <ShortId id={eventId} />
        </a>
      )}
      {destination !== undefined ? (
        <DestinationLink destination={destination} />
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
