import type { Child } from "hono/jsx";
import { isReconciled } from "../../../domain/event.ts";
import { ShortId, Size, Time, TimeOfText, count } from "../../ui/values.tsx";
import { OrganizationCell, addressOfResource } from "./cells.tsx";
import type { OneEvent } from "./one-event.ts";

/** Where it came from, and what it is about. */
export function EventFacts({ found }: { readonly found: OneEvent }) {
  const { event, journey } = found;
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">What it is, and where from</h2>
      <dl class="facts">
        <Fact label="Type">
          <bdi class="mono">{event.type}</bdi>
        </Fact>
        <Fact label="Organization">
          <OrganizationCell event={event} />
        </Fact>
        <Fact label="Resource">
          <Resource event={event} />
        </Fact>
        <Fact label="Created by Qonto">
          {event.createdAt === null ? <span class="soft">it does not say</span> : <TimeOfText text={event.createdAt} />}
        </Fact>
        <Fact label="Received">
          <Time at={event.receivedAt} />
        </Fact>
        <Fact label="From">{sourceOf(event)}</Fact>
        <Fact label="Body">
          <Size bytes={event.isUnreadable ? Math.floor((journey.sizeBytes * 3) / 4) : journey.sizeBytes} />
          {event.contentType === null ? ", of no content type" : ", "}
          {event.contentType === null ? null : <bdi>{event.contentType}</bdi>}
          {event.contentEncoding === null ? null : ", encoded as "}
          {event.contentEncoding === null ? null : <bdi>{event.contentEncoding}</bdi>}
        </Fact>
        <Fact label="Came again">{sayDuplicates(journey)}</Fact>
        <Fact label="Id" isLong>
          <bdi class="mono" id="event-id">
            {event.id}
          </bdi>{" "}
          <button type="button" class="copy" data-copy="event-id" hidden>
            Copy
          </button>
        </Fact>
      </dl>
    </section>
  );
}

interface FactProps {
  readonly label: string;
  readonly isLong?: boolean;
  readonly children: Child;
}

function Fact({ label, isLong = false, children }: FactProps) {
  return (
    <div class={isLong ? "facts-long" : undefined}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Resource({ event }: { readonly event: OneEvent["event"] }) {
  const address = addressOfResource(event);
  if (address === null)
    return event.resourceId === null ? <span class="soft">none</span> : <ShortId id={event.resourceId} />;
  return (
    <>
      <a href={address}>{event.resourceId === null ? "the only one" : <ShortId id={event.resourceId} />}</a>
    </>
  );
}

function sourceOf(event: OneEvent["event"]): string {
  if (isReconciled(event)) return "reconciliation: made up from what Qonto's API lists, for its webhook never came";
  return event.source === "business" ? "Qonto's Business API" : "Qonto's Onboarding API";
}

function sayDuplicates({ duplicates, conflicts }: OneEvent["journey"]): string {
  if (duplicates === 0) return "never";
  const times = duplicates === 1 ? "once" : `${count(duplicates)} times`;
  if (conflicts === 0) return `${times}, each time the same`;
  return `${times}, of these ${conflicts === 1 ? "once" : `${count(conflicts)} times`} with another body; the first is kept`;
}
