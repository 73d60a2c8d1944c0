import { notFound } from "../../../api/requests.ts";
import { type FoundInQuarantine, findQuarantined } from "../../../store/quarantine.ts";
import { addresses, eventAddress, quarantinedAddress } from "../../addresses.ts";
import { Body } from "../../ui/json.tsx";
import { Confirm, Press } from "../../ui/form.tsx";
import { Facts, Size, State, Time } from "../../ui/values.tsx";
import { Page } from "../../ui/layout.tsx";
import { type Console, type Viewer, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { Done, doneQuery } from "./done.tsx";
import { reasons } from "./reasons.tsx";

/** One event in quarantine, with all that it takes to decide. */
export function addQuarantined(pages: Console): void {
  pages.get("/quarantine/:id", async (c) => {
    const said = readQuery(c, doneQuery);
    const found = await findQuarantined(c.env.DB, c.req.param("id"));
    if (found === null) throw notFound("event in quarantine: it may have been deleted");
    const viewer = viewerOf(c);
    return showPage(
      c,
      <Page
        title={`${reasons[found.reason].short} event`}
        viewer={viewer}
        here={addresses.quarantine}
        lead={reasons[found.reason].why}
      >
        <Done {...said} />
        <Decision viewer={viewer} found={found} />
        <section aria-labelledby="facts">
          <h2 id="facts">How it came</h2>
          <WhatIsKnown found={found} />
        </section>
        <section aria-labelledby="body">
          <h2 id="body">Body</h2>
          <Body bytes={found.body} label="Body as it came" />
        </section>
        <p>
          <a href={addresses.quarantine}>Back to what waits</a>
        </p>
      </Page>,
    );
  });
}

function Decision({ viewer, found }: { readonly viewer: Viewer; readonly found: FoundInQuarantine }) {
  const { id, reason, settledAt } = found;
  const isWaiting = settledAt === null;
  return (
    <section aria-labelledby="decide">
      <h2 id="decide">What to do</h2>
      <p>
        {isWaiting
          ? reasons[reason].advice
          : "Nothing: it has been released, or was accepted by another way. To release it again is harmless and sends nothing."}
      </p>
      <div class="actions">
        <Press
          viewer={viewer}
          kind={isWaiting ? "main" : "plain"}
          action={`${quarantinedAddress(id)}/release`}
          name="back"
          value="one"
        >
          {isWaiting ? "Release" : "Release again"}
        </Press>
        <Confirm viewer={viewer} action={`${quarantinedAddress(id)}/delete`} label="Delete">
          {isWaiting
            ? "No destination would ever get it, unless Qonto sends it once more. That cannot be undone."
            : "Only this copy would go: the event that it became stays, and so do its deliveries."}
        </Confirm>
      </div>
    </section>
  );
}

function WhatIsKnown({ found }: { readonly found: FoundInQuarantine }) {
  const { id, eventId, source, receivedAt, settledAt, sizeBytes, contentType, contentEncoding } = found;
  return (
    <Facts
      facts={{
        State: settledAt === null ? <State state="waiting" /> : <State state="settled" />,
        Settled: settledAt === null ? null : <Time at={settledAt} />,
        Event:
          settledAt !== null ? (
            <a href={eventAddress(eventId ?? id)}>
              <bdi class="mono">{eventId ?? id}</bdi>
            </a>
          ) : eventId === null ? (
            "No id can be read"
          ) : (
            <bdi class="mono">{eventId}</bdi>
          ),
        Received: <Time at={receivedAt} />,
        From: source === "business" ? "Qonto's Business API" : "Qonto's Onboarding API",
        Size: <Size bytes={sizeBytes} />,
        "Content type": contentType === null ? "None" : <bdi>{contentType}</bdi>,
        "Content encoding": contentEncoding === null ? null : <bdi>{contentEncoding}</bdi>,
        "Kept as": <bdi class="mono">{id}</bdi>,
      }}
    />
  );
}
