import type { Child } from "hono/jsx";
import { Time, count } from "../../ui/values.tsx";
import { eventAddress } from "../../addresses.ts";
import type { Viewer } from "../../requests.ts";
import { addressOfResource } from "./cells.tsx";
import { DeliveryStep } from "./delivery-step.tsx";
import type { OneEvent } from "./one-event.ts";

interface JourneyProps {
  readonly found: OneEvent;
  readonly viewer: Viewer;
  readonly now: number;
}

/** From Qonto to each destination, step by step. */
export function Journey({ found, viewer, now }: JourneyProps) {
  const { event, deliveries } = found;
  return (
    <section aria-labelledby="journey">
      <h2 id="journey">Journey</h2>
      <ol class="journey">
        <Step tone="ok" title="Received" at={event.receivedAt}>
          Its signature held, it was written down, and then acknowledged.
        </Step>
        <Queued found={found} />
        <FanOut found={found} now={now} />
        <Projected found={found} />
        {deliveries.map((delivery) => (
          <DeliveryStep delivery={delivery} viewer={viewer} now={now} />
        ))}
      </ol>
    </section>
  );
}

interface StepProps {
  readonly tone: "ok" | "wait" | "bad" | "idle";
  readonly title: string;
  readonly at?: number;
  readonly children: Child;
}

function Step({ tone, title, at, children }: StepProps) {
  return (
    <li class={`step tone-${tone}`}>
      <p class="step-head">
        <strong>{title}</strong> {at === undefined ? null : <Time at={at} />}
      </p>
      <p class="step-says">{children}</p>
    </li>
  );
}

/** A duplicate of the same millisecond takes one off the time of the promise. */
const SAME_MS = 1_000;

function Queued({ found: { event, journey } }: Pick<JourneyProps, "found">) {
  const isAnew = journey.queuedAt - event.receivedAt > SAME_MS;
  return (
    <Step tone="ok" title={isAnew ? "Queued again" : "Queued"} at={Math.max(journey.queuedAt, event.receivedAt)}>
      {isAnew
        ? "Its message had been lost or was late, so another was sent."
        : "Its message was sent to anyone makes the first attempts."}
    </Step>
  );
}

function FanOut({ found: { journey, deliveries }, now }: Pick<JourneyProps, "found" | "now">) {
  if (!journey.isFannedOut) {
    return (
      <Step tone="wait" title="Waits to be handed out">
        Nobody has handed it out yet. Within a minute or two the cron sends for it, should its message be lost.
      </Step>
    );
  }
  const isOpen = deliveries.some(({ status, attempts }) => status === "pending" && attempts.length === 0);
  const lease =
    isOpen && journey.claimedUntil !== null && journey.claimedUntil > now ? (
      <>
        {" "}
        It is in hand until <Time at={journey.claimedUntil} /> at the latest.
      </>
    ) : null;
  const again =
    journey.claims > 1 ? ` It was taken up ${count(journey.claims)} times: the ones before came to nothing.` : "";
  return (
    <Step tone={deliveries.length === 0 ? "idle" : "ok"} title="Handed out">
      {deliveries.length === 0
        ? "No destination wanted it."
        : `It is for ${deliveries.length === 1 ? "one destination" : `${count(deliveries.length)} destinations`}.`}
      {again}
      {lease}
    </Step>
  );
}

function Projected({ found: { event, journey } }: Pick<JourneyProps, "found">) {
  const address = addressOfResource(event);
  if (address === null || (event.source === "business" && journey.latestEventId === null)) return null;
  const link = <a href={address}>{event.source === "business" ? "its resource" : "its registration"}</a>;
  if (event.source === "onboarding")
    return (
      <Step tone="ok" title="Stage noted">
        It is a stage of {link}.
      </Step>
    );
  if (journey.latestEventId === event.id) {
    return (
      <Step tone="ok" title="State">
        It is the latest that is known of {link}.
      </Step>
    );
  }
  return (
    <Step tone="idle" title="State">
      Of {link} something newer is known, by <a href={eventAddress(journey.latestEventId ?? "")}>another event</a>.
    </Step>
  );
}
