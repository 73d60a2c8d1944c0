import { z } from "zod";
import { eventAddress } from "../../addresses.ts";
import { Button, Field, Form, Press } from "../../ui/form.tsx";
import { destinationName } from "../../ui/destination.tsx";
import type { Viewer } from "../../requests.ts";
import type { OneEvent } from "./one-event.ts";

/** What came of sending an event again, as the page's query says it. */
export const done = z.enum(["destination", "busy", "all", "nobody"]);

export type Done = z.output<typeof done>;

export const doneSentences: Readonly<Record<Done, { readonly kind: "ok" | "info"; readonly says: string }>> = {
  destination: {
    kind: "ok",
    says: "It is on its way to that destination. What that answers will stand under its name.",
  },
  busy: { kind: "info", says: "Nothing was sent anew: an attempt at that destination is under way." },
  all: { kind: "ok", says: "It is on its way to each destination that wants it and does not have it." },
  nobody: {
    kind: "info",
    says: "Nothing was sent: no destination wants it that does not have it, or it is on its way.",
  },
};

/** To all that want it, or to a destination that has not been owed it. */
export function SendAgain({ found, viewer }: { readonly found: OneEvent; readonly viewer: Viewer }) {
  const { event, otherDestinations } = found;
  const address = eventAddress(event.id);
  return (
    <section aria-labelledby="send-again">
      <h2 id="send-again">Send it again</h2>
      <div class="send-again">
        <div>
          <Press viewer={viewer} action={`${address}/replay`} kind="main">
            Send to all that want it
          </Press>
          <p class="help">A destination that has it does not get it again by this.</p>
        </div>
        {otherDestinations.length === 0 ? null : (
          <Form viewer={viewer} action={`${address}/replay-to-destination`} class="send-to-destination">
            <Field label="One that it was not for">
              <select name="destination_id" required>
                {otherDestinations.map((destination) => (
                  <option
                    value={destination.id}
                  >{`${destinationName(destination)}${destination.enabled ? "" : " (paused: it waits there)"}`}</option>
                ))}
              </select>
            </Field>
            <Button viewer={viewer}>Send to this destination</Button>
          </Form>
        )}
      </div>
    </section>
  );
}

/** To a destination that it is for, whether that has it or not. */
export function SendToDestination({
  eventId,
  destinationId,
  viewer,
}: {
  eventId: string;
  destinationId: string;
  viewer: Viewer;
}) {
  return (
    <Press
      viewer={viewer}
      action={`${eventAddress(eventId)}/replay-to-destination`}
      name="destination_id"
      value={destinationId}
    >
      Send again
    </Press>
  );
}
