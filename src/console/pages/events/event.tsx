import { parseJsonLosslessly } from "../../../platform/json.ts";
import { addresses } from "../../addresses.ts";
import { Json } from "../../ui/json.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import { Size } from "../../ui/values.tsx";
import type { Viewer } from "../../requests.ts";
import { EventFacts } from "./facts.tsx";
import { Journey } from "./journey.tsx";
import type { OneEvent } from "./one-event.ts";
import { type Done, SendAgain, doneSentences } from "./send-again.tsx";
import { EventVerdict } from "./verdict.tsx";

export interface Fault {
  readonly status: 404 | 409;
  readonly detail: string;
}

interface EventPageProps {
  readonly found: OneEvent;
  readonly viewer: Viewer;
  readonly now: number;
  readonly done: Done | undefined;
  readonly fault: Fault | undefined;
}

/** What was that, and who has it? */
export function EventPage({ found, viewer, now, done, fault }: EventPageProps) {
  return (
    <Page title="Event" viewer={viewer} here={addresses.events}>
      {done === undefined ? null : <Notice kind={doneSentences[done].kind}>{doneSentences[done].says}</Notice>}
      {fault === undefined ? null : <Notice kind="bad">{fault.detail}</Notice>}
      <div id="event" data-live={found.outcome === "pending" ? "5" : undefined}>
        <EventVerdict found={found} />
        <EventFacts found={found} />
        <Journey found={found} viewer={viewer} now={now} />
      </div>
      <SendAgain found={found} viewer={viewer} />
      <section aria-labelledby="payload">
        <h2 id="payload">Payload</h2>
        <Payload found={found} />
      </section>
    </Page>
  );
}

function Payload({ found: { event, journey } }: Pick<EventPageProps, "found">) {
  if (!event.isUnreadable) return <Json value={parseJsonLosslessly(event.body)} label="Payload" />;
  // Base64 tells nobody anything, and what it stands for may be no text at all.
  return (
    <p>
      This body, of about <Size bytes={Math.floor((journey.sizeBytes * 3) / 4)} />, cannot be read as an event. It was
      released from quarantine, and each destination gets it byte for byte; the API shows it as <code>body_base64</code>
      .
    </p>
  );
}
