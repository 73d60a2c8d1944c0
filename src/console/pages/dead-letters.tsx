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
import { Page, Section } from "../ui/layout.tsx";
import { type Column, EmptyState, ListPage } from "../ui/table.tsx";
import { Facts, ShortId, State, Time, capitalized, counted } from "../ui/values.tsx";

const PER_PAGE = 50;

/** A kind of message. */
interface Kind {
  readonly name: string;
  /** What failed. */
  readonly what: string;
  /** What is still kept, and what to do. */
  readonly advice: string;
}

const kinds: ReadonlyMap<string, Kind> = new Map(
  Object.entries({
    event: {
      name: "Event",
      what: "An event whose fan-out failed in every try.",
      advice:
        "The event is in the ledger, and the recovery scan queues it again. If it is still pending once the fault is fixed, replay the message. A destination that already has the event does not get it twice.",
    },
    quarantine: {
      name: "Unreadable body",
      what: "An unreadable body that could not be put into quarantine.",
      advice:
        "The relay tried once more to put it into quarantine. If it is not there, make room in the quarantine and replay the message: this may be the only copy.",
    },
    drain: {
      name: "Drain message",
      what: "A message that a destination has due deliveries.",
      advice:
        "The deliveries are safe, and the recovery scan sends a new message within minutes. Replay this one if the deliveries stay pending.",
    },
    refresh: {
      name: "Refresh message",
      what: "A message to look whether tokens of a connection to Qonto were refreshed.",
      advice:
        "The cron looks every minute as well. There is nothing to replay: delete the message once the fault is fixed.",
    },
  }),
);

const unknownKind: Kind = {
  name: "Unknown",
  what: "A message that this version of the relay cannot read. Another version may have sent it.",
  advice: "No queue takes it, so it cannot be replayed. Find out who sent it, then delete it.",
};

function kindOf({ kind }: DeadLetter): Kind {
  return kinds.get(kind) ?? unknownKind;
}

const states = ["waiting", "replayed", "all"] as const;

const listQuery = z.object({
  state: z.enum(states).default("waiting"),
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
        filters={
          <Select label="State" name="state" value={state} options={states.map((one) => [one, capitalized(one)])} />
        }
        caption="Dead letters, newest first"
        columns={columns}
        rows={await withDestinations(c.env.DB, letters)}
        next={next && encodeCursor(next)}
        empty={
          <EmptyState title="No dead letters">
            A queue message that fails in every try is kept here for you to replay. There is nothing to do.
          </EmptyState>
        }
      />,
    );
  });

  pages.get("/dead-letters/:id", async (c) => {
    const found = await findDeadLetter(c.env.DB, c.req.param("id"));
    const [letter] = await withDestinations(c.env.DB, found === null ? [] : [found]);
    if (letter === undefined) throw notFound("dead letter: it may have been deleted");
    const { id, kind, receivedAt, replayedAt } = letter;
    const { name, what, advice } = kindOf(letter);
    const { rest, body } = takeBody(parseJsonLosslessly(letter.message));
    return showPage(
      c,
      <Page title={`Dead letter: ${name.toLowerCase()}`} here={addresses.deadLetters} lead={what}>
        <Section id="decide" title="What to do">
          <p>{replayedAt === null ? advice : "It has been replayed. Replaying it again is harmless."}</p>
          <div class="actions">
            <Replay letter={letter} back="one" />
            <Confirm action={`${deadLetterAddress(id)}/delete`} label="Delete">
              The message can never be replayed again. This cannot be undone.
            </Confirm>
          </div>
        </Section>
        <Section id="facts" title="Details">
          <Facts
            facts={{
              State: replayedAt === null ? <State state="waiting" /> : <State state="done">replayed</State>,
              Replayed: replayedAt === null ? null : <Time at={replayedAt} />,
              Subject: <Subject letter={letter} />,
              "Dead since": <Time at={receivedAt} />,
              Kind: <bdi class="mono">{kind}</bdi>,
              Message: <bdi class="mono">{id}</bdi>,
            }}
          />
        </Section>
        <Section id="message" title="Message">
          <Json value={rest} label="Message" />
        </Section>
        {body === null ? null : (
          <Section id="body" title="Body in the message">
            <Body bytes={body} label="Body in the message" />
          </Section>
        )}
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

/** A dead letter with the destination that it is about; undefined when there is none, or it was deleted. */
type WithDestination<Letter = DeadLetter> = Letter & { readonly destination: Destination | undefined };

async function withDestinations<Letter extends DeadLetter>(
  db: Database,
  letters: readonly Letter[],
): Promise<WithDestination<Letter>[]> {
  const ids = letters.map(({ destinationId }) => destinationId).filter((id) => id !== null);
  const destinations = await findDestinations(db, ids);
  return letters.map((one) => ({ ...one, destination: destinations.find(({ id }) => id === one.destinationId) }));
}

function leadOf(state: ListState, shown: number, isMore: boolean): string {
  if (state !== "waiting") return "Queue messages that failed in every try, with those that were replayed.";
  if (shown === 0) {
    return isMore ? "None of the newest dead letters waits; older ones may." : "No dead letter waits for you.";
  }
  const messages = `${isMore ? "More than " : ""}${counted(shown, "message failed", "messages failed")}`;
  return `${messages} in every try. Nothing is lost: fix the fault, then replay.`;
}

const columns: readonly Column<WithDestination>[] = [
  { title: "Message", cell: (letter) => <a href={deadLetterAddress(letter.id)}>{kindOf(letter).name}</a> },
  { title: "Dead since", cell: ({ receivedAt }) => <Time at={receivedAt} show="relative" /> },
  { title: "Subject", cell: (letter) => <Subject letter={letter} /> },
  { title: "State", cell: ({ replayedAt }) => <LetterState replayedAt={replayedAt} /> },
  { title: "Action", cell: (letter) => <Replay letter={letter} back="list" /> },
];

/** The event or the destination that a letter is about. */
function Subject({ letter: { eventId, destinationId, destination } }: { readonly letter: WithDestination }) {
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
  if (kindOf(letter) === unknownKind) return <span class="soft">Cannot be replayed</span>;
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

const withText = z.looseObject({
  events: z.tuple([z.looseObject({ inline: z.looseObject({ body: z.string() }) })]),
});
const withBytes = z.looseObject({ body_base64: z.base64() });

/** A body in a message is shown by itself. */
function takeBody(message: unknown): { rest: unknown; body: Uint8Array | null } {
  const text = withText.safeParse(message).data;
  if (text !== undefined) {
    const [{ inline, ...event }] = text.events;
    const { body, ...about } = inline;
    return { rest: { ...text, events: [{ ...event, inline: about }] }, body: new TextEncoder().encode(body) };
  }
  const bytes = withBytes.safeParse(message).data;
  if (bytes === undefined) return { rest: message, body: null };
  const { body_base64, ...rest } = bytes;
  return { rest, body: Uint8Array.fromBase64(body_base64) };
}
