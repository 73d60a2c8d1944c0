import type { Child } from "hono/jsx";
import { z } from "zod";
import type { Database } from "../../../store/database.ts";
import type { Delivery } from "../../../domain/delivery.ts";
import type { Destination } from "../../../domain/destination.ts";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import { listDeliveries } from "../../../store/delivery-list.ts";
import { typesOfEvents } from "../../../store/event-types.ts";
import { listPending } from "../../../store/pending-list.ts";
import { eventAddress, destinationAddress } from "../../addresses.ts";
import { EmptyState, Pager, Table, linkTo } from "../../ui/table.tsx";
import { ShortId, State, Time, maskIbansIn } from "../../ui/values.tsx";
import { answerInWords } from "./attempt-words.ts";

const PAGE = 20;

/** Which deliveries the page of a destination lists, and from where. */
export const deliveriesQuery = z.object({
  show: z.enum(["pending", "dead", "delivered"]).optional(),
  cursor: cursorOf(
    z.object({
      destinationId: z.string().default(""),
      receivedAt: z.number(),
      eventId: z.string(),
      seq: z.number().default(0),
      nextAttemptAt: z.number().default(0),
    }),
  ).optional(),
});

type DeliveriesQuery = z.output<typeof deliveriesQuery>;

/** Two D1 calls. */
export async function readDeliveries(db: Database, destinationId: string, { show, cursor }: DeliveriesQuery) {
  const { deliveries, next } =
    show === "pending"
      ? await listPending(db, destinationId, cursor, PAGE)
      : await listDeliveries(db, {
          status: show,
          destinationId,
          before: cursor,
          limit: PAGE,
        });
  const types = await typesOfEvents(
    db,
    deliveries.map(({ eventId }) => eventId),
  );
  return { deliveries, types, nextCursor: next && encodeCursor(next) };
}

interface DeliveriesProps {
  readonly destination: Destination;
  readonly now: number;
  readonly query: { readonly show?: string | undefined; readonly cursor?: string | undefined };
  readonly listed: Awaited<ReturnType<typeof readDeliveries>>;
}

const lists = [
  { show: undefined, title: "Latest", none: "Nothing was sent to it yet." },
  { show: "pending", title: "Waiting", none: "Nothing waits for it." },
  { show: "dead", title: "Given up", none: "Nothing for it was given up." },
  { show: "delivered", title: "Delivered", none: "It has taken nothing yet." },
] as const;

/** What the destination got, is owed and did not take. */
export function Deliveries({ destination, now, query, listed: { deliveries, types, nextCursor } }: DeliveriesProps) {
  const path = destinationAddress(destination.id);
  return (
    <section aria-labelledby="deliveries">
      <h2 id="deliveries">Deliveries</h2>
      <nav class="tabs" aria-label="Which deliveries">
        {lists.map(({ show, title }) => (
          <a href={`${linkTo(path, { show })}#deliveries`} aria-current={show === query.show ? "true" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      {deliveries.length === 0 ? (
        <EmptyState title={nextCursor === null ? noneOf(query.show) : "None here: go on to the next page."} />
      ) : (
        <Table
          caption="Deliveries to this destination"
          rows={deliveries}
          columns={[
            { title: "Event", cell: ({ eventId }) => <EventLink id={eventId} type={types.get(eventId)} /> },
            { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} /> },
            { title: "State", cell: (delivery) => showState(delivery, destination, now) },
            { title: "Attempts", kind: "figure", cell: ({ attempts }) => attempts.at(-1)?.attempt ?? 0 },
            { title: "Last answer", cell: showAnswer },
          ]}
        />
      )}
      <Pager path={path} query={query} nextCursor={nextCursor} />
    </section>
  );
}

function noneOf(asked: string | undefined): string {
  return lists.find(({ show }) => show === asked)?.none ?? "";
}

/** An event that retention has deleted has no type to show. */
function EventLink({ id, type }: { readonly id: string; readonly type: string | undefined }) {
  return (
    <>
      <a href={eventAddress(id)}>
        <bdi>{type ?? "event"}</bdi>
      </a>
      <ShortId id={id} />
    </>
  );
}

function showState({ status, nextAttemptAt }: Delivery, destination: Destination, now: number): Child {
  return (
    <>
      <State state={status} />
      {nextAttemptAt === null ? null : <span class="beside">{sayWhen(nextAttemptAt, destination, now)}</span>}
    </>
  );
}

/** What is due is not tried while its destination gets nothing. */
function sayWhen(nextAttemptAt: number, { enabled, circuitOpenedAt, heldUntil }: Destination, now: number): Child {
  if (!enabled) return "until the destination is resumed";
  if (circuitOpenedAt !== null && nextAttemptAt <= now) return "until the destination answers well";
  return (
    <>
      next <Time at={Math.max(nextAttemptAt, heldUntil ?? 0)} show="minute" />
    </>
  );
}

function showAnswer({ attempts, eventId }: Delivery): Child {
  const last = attempts.at(-1);
  if (last === undefined) return "none yet";
  const excerpt = last.outcome === "delivered" ? "" : maskIbansIn(last.responseExcerpt ?? "");
  return (
    <div class="answer">
      {answerInWords(last)}
      {excerpt === "" ? null : (
        <details id={`said-${eventId}`}>
          <summary>what it said</summary>
          <bdi class="destination-said">{excerpt}</bdi>
        </details>
      )}
    </div>
  );
}
