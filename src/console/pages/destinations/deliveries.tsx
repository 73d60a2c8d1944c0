import type { Child } from "hono/jsx";
import { answerInWords } from "../../words.ts";
import { z } from "zod";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import type { Attempt, Delivery, Outcome } from "../../../domain/delivery.ts";
import type { Destination } from "../../../domain/destination.ts";
import type { Database } from "../../../store/database.ts";
import { listDeliveries, listPending } from "../../../store/delivery-list.ts";
import { typesOfEvents } from "../../../store/event-list.ts";
import { destinationAddress, eventAddress } from "../../addresses.ts";
import { usePage } from "../../show-page.tsx";
import { Section } from "../../ui/layout.tsx";
import { EmptyState, Pager, Table, linkTo } from "../../ui/table.tsx";
import { ShortId, State, Time, maskIbansIn } from "../../ui/values.tsx";

const PER_PAGE = 20;

export const deliveriesQuery = z.strictObject({
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

/** Makes two D1 calls. */
export async function readDeliveries(
  db: Database,
  destinationId: string,
  { show, cursor }: z.output<typeof deliveriesQuery>,
) {
  const { deliveries, next } =
    show === "pending"
      ? await listPending(db, destinationId, cursor, PER_PAGE)
      : await listDeliveries(db, { status: show, destinationId, before: cursor, limit: PER_PAGE });
  const ids = deliveries.map(({ eventId }) => eventId);
  return { show, deliveries, types: await typesOfEvents(db, ids), nextCursor: next && encodeCursor(next) };
}

interface DeliveriesProps {
  readonly destination: Destination;
  readonly page: Awaited<ReturnType<typeof readDeliveries>>;
}

const tabs = [
  { show: undefined, title: "Latest", empty: "No deliveries yet." },
  { show: "pending", title: "Pending", empty: "No pending deliveries." },
  { show: "dead", title: "Dead", empty: "No dead deliveries." },
  { show: "delivered", title: "Delivered", empty: "Nothing delivered yet." },
] as const;

export function Deliveries({ destination, page }: DeliveriesProps) {
  const { deliveries, types, nextCursor } = page;
  const { now, query } = usePage();
  const path = destinationAddress(destination.id);
  const empty = tabs.find(({ show }) => show === page.show)?.empty ?? "";
  return (
    <Section id="deliveries" title="Deliveries">
      <nav class="actions" aria-label="Deliveries by state">
        {tabs.map(({ show, title }) => (
          <a
            class="button button-small"
            href={`${linkTo(path, { show })}#deliveries`}
            aria-current={show === page.show ? "true" : undefined}
          >
            {title}
          </a>
        ))}
      </nav>
      {deliveries.length === 0 ? (
        <EmptyState title={nextCursor === null ? empty : "No match on this page; the next page searches older ones."} />
      ) : (
        <Table
          caption="Deliveries to this destination"
          rows={deliveries}
          columns={[
            { title: "Event", cell: ({ eventId }) => <EventLink id={eventId} type={types.get(eventId)} /> },
            { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} show="relative" /> },
            { title: "State", cell: (delivery) => showState(delivery, destination, now) },
            { title: "Attempts", kind: "figure", cell: ({ attempts }) => attempts.at(-1)?.attempt ?? 0 },
            { title: "Last answer", cell: showAnswer },
          ]}
        />
      )}
      <Pager path={path} query={query} nextCursor={nextCursor} />
    </Section>
  );
}

/** An event that retention has deleted has no type. */
function EventLink({ id, type }: { readonly id: string; readonly type: string | undefined }) {
  return (
    <span class="lines">
      <a href={eventAddress(id)}>
        <bdi>{type ?? "event"}</bdi>
      </a>
      <span class="aside">
        <ShortId id={id} />
      </span>
    </span>
  );
}

function showState({ status, nextAttemptAt }: Delivery, destination: Destination, now: number): Child {
  return (
    <span class="lines">
      <State state={status} />
      {nextAttemptAt === null ? null : <span class="aside">{showNext(nextAttemptAt, destination, now)}</span>}
    </span>
  );
}

/** A due delivery is not attempted while its destination is paused or its circuit is open. */
function showNext(nextAttemptAt: number, { enabled, circuitOpenedAt, heldUntil }: Destination, now: number): Child {
  if (!enabled) return "until the destination is resumed";
  if (circuitOpenedAt !== null && nextAttemptAt <= now) return "until a probe succeeds";
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
    <div>
      {answerInWords(last)}
      {excerpt === "" ? null : (
        <details id={`said-${eventId}`}>
          <summary>response</summary>
          <bdi class="excerpt">{excerpt}</bdi>
        </details>
      )}
    </div>
  );
}

const remedies: Readonly<Record<Exclude<Outcome, "delivered" | "rejected">, string>> = {
  gone: "Its endpoint wants no more events. Ask its owner before you resume it.",
  redirected: "Change the URL to the target of the redirect.",
  timed_out: "The destination should answer before it processes the event. Otherwise raise its timeout.",
  unreachable: "Check the URL, and the destination's DNS, certificate and firewall.",
  refused: "Fix what the relay names: the URL, or the encryption keys.",
  filtered: "Replay the event to this destination by name, if it should get it anyway.",
  removed: "Replay the event to another destination.",
};

const remediesByStatus: Readonly<Record<number, string>> = {
  400: "The destination does not accept the request: see its own log.",
  403: "A firewall rejects the relay, or the destination rejects its signature: see the destination's log.",
  404: "There is nothing at this URL: change it, or fix the destination's route.",
  405: "The destination does not accept POST at this URL: change it, or fix the destination's route.",
  413: "The destination limits the size of bodies: raise its limit. Qonto's events can have a megabyte.",
  429: "The destination gets more than it can take: set a rate limit under Edit.",
};

/** What to do about a failed attempt. */
export function remedyOf({ outcome, status }: Attempt, { previousSecrets }: Destination, now: number): string {
  if (outcome === "delivered") return "";
  if (outcome !== "rejected") return remedies[outcome];
  if (status === 401) return remedyOfSignature(previousSecrets.at(-1)?.until, now);
  const known = status === null ? undefined : remediesByStatus[status];
  return known ?? "The fault is in the destination: see its log at this time.";
}

/** `until`: the end of the old secret's overlap; undefined without a rotation. */
function remedyOfSignature(until: number | undefined, now: number): string {
  const check =
    "The destination rejects the signature. Check that it has the current secret and verifies the raw body.";
  if (until === undefined) return `${check} If it has lost the secret, rotate it without an overlap.`;
  return until > now
    ? `${check} The secret was rotated; the old one still signs as well.`
    : `${check} The secret was rotated, and the old one no longer signs: if the destination missed the new one, rotate again.`;
}
