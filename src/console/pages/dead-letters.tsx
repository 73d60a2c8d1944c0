import { z } from "zod";
import { replayDeadLetter, deleteDeadLetter } from "../../api/actions/dead-letters.ts";
import { cursorOf, encodeCursor, notFound } from "../../api/requests.ts";
import type { Destination } from "../../domain/destination.ts";
import { parseJsonLosslessly } from "../../platform/json.ts";
import type { World } from "../../platform/world.ts";
import type { Database } from "../../store/database.ts";
import { type DeadLetter, findDeadLetter, listDeadLetters } from "../../store/dead-letters.ts";
import { findDestinations } from "../../store/destinations.ts";
import { addresses, deadLetterAddress, eventAddress } from "../addresses.ts";
import { redirectDone } from "../flash.ts";
import { type Console, readForm, readQuery } from "../requests.ts";
import { showPage } from "../show-page.tsx";
import { DestinationLink } from "../ui/destination.tsx";
import { Confirm, Press, Select } from "../ui/form.tsx";
import { Body, Json } from "../ui/json.tsx";
import { Page } from "../ui/layout.tsx";
import { type Column, EmptyState, ListPage } from "../ui/table.tsx";
import { Facts, ShortId, State, Time } from "../ui/values.tsx";

const PER_PAGE = 50;

interface Kind {
  readonly name: string;
  /** What failed. */
  readonly what: string;
  /** What is still kept, and what to do. */
  readonly advice: string;
  readonly isReplayable: boolean;
}

const kinds: ReadonlyMap<string, Kind> = new Map([
  [
    "event",
    {
      name: "Event",
      what: "An event whose fan-out failed in every try.",
      advice:
        "The event is in the ledger, and the recovery scan dispatches it again. If it is still pending once the fault is fixed, replay the message. A destination that already has the event does not get it twice.",
      isReplayable: true,
    },
  ],
  [
    "quarantine",
    {
      name: "Unreadable body",
      what: "An unreadable body that could not be put into quarantine.",
      advice:
        "The relay tried once more to put it into quarantine. If it is not there, make room in the quarantine and replay the message: this may be the only copy.",
      isReplayable: true,
    },
  ],
  [
    "drain",
    {
      name: "Drain message",
      what: "A message that a destination has due deliveries.",
      advice:
        "The deliveries are safe, and the recovery scan sends a new message within minutes. Replay this one if the deliveries stay pending.",
      isReplayable: true,
    },
  ],
]);

const unknownKind: Kind = {
  name: "Unknown",
  what: "A message that this version of the relay cannot read. Another version may have sent it.",
  advice: "No queue takes it, so it cannot be replayed. Find out who sent it, then delete it.",
  isReplayable: false,
};

function kindOf({ kind }: Pick<DeadLetter, "kind">): Kind {
  return kinds.get(kind) ?? unknownKind;
}

const states = { waiting: "Waiting", replayed: "Replayed", all: "All" } as const;

const listQuery = z.object({
  state: z.enum(["waiting", "replayed", "all"]).default("waiting"),
  cursor: cursorOf(z.object({ receivedAt: z.number(), id: z.string() })).optional(),
});

type ListState = z.output<typeof listQuery>["state"];

const replayForm = z.object({ back: z.enum(["list", "one"]).default("one") });

/** Queue messages that failed in every try. */
export function addDeadLetters(pages: Console, world: World): void {
  pages.get("/dead-letters", async (c) => {
    const { state, cursor } = readQuery(c, listQuery);
    const isWaiting = state === "all" ? undefined : state === "waiting";
    const { letters, next } = await listDeadLetters(c.env.DB, { isWaiting, before: cursor, limit: PER_PAGE });
    return showPage(
      c,
      <ListPage
        title="Dead letters"
        here={addresses.deadLetters}
        lead={leadOf(state, letters.length, next !== null)}
        filters={<Select label="State" name="state" value={state} options={Object.entries(states)} />}
        caption="Dead letters, newest first"
        columns={columnsWith(await destinationsOf(c.env.DB, letters))}
        rows={letters}
        next={next && encodeCursor(next)}
        empty={
          <EmptyState title="No dead letters">
            <p>A queue message that fails in every try is kept here for you to replay. There is nothing to do.</p>
          </EmptyState>
        }
      />,
    );
  });

  pages.get("/dead-letters/:id", async (c) => {
    const letter = await findDeadLetter(c.env.DB, c.req.param("id"));
    if (letter === null) throw notFound("dead letter: it may have been deleted");
    const { id, kind, receivedAt, replayedAt, message } = letter;
    const [destination] = await destinationsOf(c.env.DB, [letter]);
    const { name, what, advice } = kindOf(letter);
    return showPage(
      c,
      <Page title={`Dead letter: ${name.toLowerCase()}`} here={addresses.deadLetters} lead={what}>
        <section aria-labelledby="decide">
          <h2 id="decide">What to do</h2>
          <p>{replayedAt === null ? advice : "It has been replayed. Replaying it again is harmless."}</p>
          <div class="actions">
            <Replay letter={letter} back="one" />
            <Confirm action={`${deadLetterAddress(id)}/delete`} label="Delete">
              The message can never be replayed again. This cannot be undone.
            </Confirm>
          </div>
        </section>
        <section aria-labelledby="facts">
          <h2 id="facts">Details</h2>
          <Facts
            facts={{
              State: replayedAt === null ? <State state="waiting" /> : <State state="done">replayed</State>,
              Replayed: replayedAt === null ? null : <Time at={replayedAt} />,
              Subject: <Subject letter={letter} destination={destination} />,
              "Dead since": <Time at={receivedAt} />,
              Kind: <bdi class="mono">{kind}</bdi>,
              Message: <bdi class="mono">{id}</bdi>,
            }}
          />
        </section>
        <Message json={message} />
        <p>
          <a href={addresses.deadLetters}>Back to the dead letters</a>
        </p>
      </Page>,
    );
  });

  pages.post("/dead-letters/:id/replay", async (c) => {
    const id = c.req.param("id");
    const { back } = await readForm(c, replayForm);
    await replayDeadLetter(c, world, id);
    const page = back === "list" ? addresses.deadLetters : deadLetterAddress(id);
    return redirectDone(c, page, "dead-letter-replayed");
  });

  pages.post("/dead-letters/:id/delete", async (c) => {
    await deleteDeadLetter(c, world, c.req.param("id"));
    return redirectDone(c, addresses.deadLetters, "dead-letter-deleted");
  });
}

async function destinationsOf(db: Database, letters: readonly DeadLetter[]): Promise<Destination[]> {
  const ids = [...new Set(letters.flatMap(({ destinationId }) => destinationId ?? []))];
  return ids.length === 0 ? [] : findDestinations(db, ids);
}

function leadOf(state: ListState, shown: number, isMore: boolean): string {
  if (state !== "waiting") return "Queue messages that failed in every try, with those that were replayed.";
  if (shown === 0) {
    return isMore ? "None of the newest dead letters waits; older ones may." : "No dead letter waits for you.";
  }
  const messages =
    shown === 1 && !isMore ? "1 message failed" : `${isMore ? "More than " : ""}${shown} messages failed`;
  return `${messages} in every try. Nothing is lost: fix the fault, then replay.`;
}

/** `destinations`: of the letters, without those that were deleted. */
function columnsWith(destinations: readonly Destination[]): readonly Column<DeadLetter>[] {
  const destinationOf = (letter: DeadLetter) => destinations.find(({ id }) => id === letter.destinationId);
  return [
    { title: "Message", cell: (letter) => <a href={deadLetterAddress(letter.id)}>{kindOf(letter).name}</a> },
    { title: "Dead since", cell: ({ receivedAt }) => <Time at={receivedAt} show="relative" /> },
    { title: "Subject", cell: (letter) => <Subject letter={letter} destination={destinationOf(letter)} /> },
    { title: "State", cell: ({ replayedAt }) => <LetterState replayedAt={replayedAt} /> },
    { title: "Action", cell: (letter) => <Replay letter={letter} back="list" /> },
  ];
}

interface SubjectProps {
  readonly letter: DeadLetter;
  /** Undefined when it was deleted. */
  readonly destination: Destination | undefined;
}

/** The event or the destination that a letter is about. */
function Subject({ letter: { eventId, destinationId }, destination }: SubjectProps) {
  if (eventId === null && destinationId === null) return <span class="soft">Unknown</span>;
  return (
    <span class="cluster">
      {eventId === null ? null : (
        <a href={eventAddress(eventId)}>
          <ShortId id={eventId} />
        </a>
      )}
      {destination !== undefined ? (
        <DestinationLink destination={destination} />
      ) : destinationId === null ? null : (
        <span>
          <ShortId id={destinationId} />, deleted
        </span>
      )}
    </span>
  );
}

function LetterState({ replayedAt }: Pick<DeadLetter, "replayedAt">) {
  if (replayedAt === null) return <State state="waiting" />;
  return (
    <span>
      <State state="done">replayed</State> <Time at={replayedAt} show="relative" />
    </span>
  );
}

interface ReplayProps {
  readonly letter: DeadLetter;
  readonly back: "list" | "one";
}

function Replay({ letter, back }: ReplayProps) {
  if (!kindOf(letter).isReplayable) return <span class="soft">Cannot be replayed</span>;
  const isWaiting = letter.replayedAt === null;
  return (
    <Press
      kind={back === "one" && isWaiting ? "main" : "plain"}
      action={`${deadLetterAddress(letter.id)}/replay`}
      name="back"
      value={back}
    >
      {isWaiting ? "Replay" : "Replay again"}
    </Press>
  );
}

/** What the queue carried. A body in it is shown by itself. */
function Message({ json }: { readonly json: string }) {
  const { body, rest } = takeBody(parseJsonLosslessly(json));
  return (
    <>
      <section aria-labelledby="message">
        <h2 id="message">Message</h2>
        <Json value={rest} label="Message" />
      </section>
      {body === null ? null : (
        <section aria-labelledby="body">
          <h2 id="body">Body in the message</h2>
          <Body bytes={body} label="Body in the message" />
        </section>
      )}
    </>
  );
}

const withText = z.looseObject({
  events: z.tuple([z.looseObject({ inline: z.looseObject({ body: z.string() }) })]),
});
const withBytes = z.looseObject({ body_base64: z.string() });

function takeBody(value: unknown): { body: Uint8Array | null; rest: unknown } {
  const text = withText.safeParse(value);
  if (text.success) {
    const [{ inline, ...event }] = text.data.events;
    const { body, ...about } = inline;
    return { body: new TextEncoder().encode(body), rest: { ...text.data, events: [{ ...event, inline: about }] } };
  }
  const bytes = withBytes.safeParse(value);
  if (bytes.success) {
    const { body_base64, ...rest } = bytes.data;
    const body = tryDecodeBase64(body_base64);
    if (body !== null) return { body, rest };
  }
  return { body: null, rest: value };
}

function tryDecodeBase64(base64: string): Uint8Array | null {
  try {
    return Uint8Array.fromBase64(base64);
  } catch {
    return null;
  }
}
