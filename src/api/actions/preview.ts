import type { z } from "@hono/zod-openapi";
import type { Destination } from "../../domain/destination.ts";
import type { RelayEvent } from "../../domain/event.ts";
import { whyNotRecipient } from "../../domain/recipients.ts";
import { TemplateFault } from "../../outbound/format/fault.ts";
import { renderEvent } from "../../outbound/format/render.ts";
import { sampleFor, sampleTypesFor } from "../../outbound/sample-events.ts";
import type { World } from "../../platform/world.ts";
import { batchOf } from "../../store/batch.ts";
import { loadEvents, readLoadedRow } from "../../store/events.ts";
import { newestEvents, readNewestEvent } from "../../store/newest-events.ts";
import { lazyJson, tryDecodeUtf8 } from "../../platform/json.ts";
import { type ActionContext, existing } from "../requests.ts";
import { show } from "../responses.ts";
import type { destinationChange } from "../schemas/destination.ts";
import { preview, type previewInput } from "../schemas/preview.ts";
import { changeFormat, checkTemplate } from "./destination-format.ts";
import { existingDestination, relayUrlOf, toFilter } from "./destinations.ts";

export type Preview = z.input<typeof preview>;

/** What an operator tries out; what is absent is as the destination has it. */
type PreviewedOptions = z.output<typeof previewInput> &
  Pick<z.output<typeof destinationChange>, "types" | "organizations">;

/**
 * Says what a destination with other options would get of the newest events, and what one of them would look like. Nothing is
 * changed or sent. A destination that is paused is judged as if it were not. Throws what saving the options would throw.
 */
export async function previewDestination(
  c: ActionContext,
  world: World,
  id: string,
  { event_id: eventId, ...asked }: PreviewedOptions,
): Promise<Preview> {
  const present = await existingDestination(c, id);
  const { types = present.types, organizations = present.organizations } = asked;
  const formatted = { ...present, ...changeFormat(asked, present) };
  const filter = asked.filter === undefined ? present.filter : toFilter(asked.filter);
  const destination = { ...formatted, types, organizations, filter, enabled: true, relayUrl: relayUrlOf(c) };
  const mustFit = asked.template !== undefined || asked.types !== undefined;
  if (mustFit) await checkTemplate(destination.template, destination.types, world);
  const { DB } = c.env;
  const { newest, named } = await batchOf(DB, {
    newest: newestEvents(DB),
    named: eventId === undefined ? [] : loadEvents(DB, [eventId]),
  });
  const events = newest.rows.map(readNewestEvent).map(({ body, ...fields }) => {
    const event = body === null ? null : { ...fields, body };
    const reason = whyNotSent(destination, fields, body);
    return { ...fields, eventId: fields.id, wouldSend: reason === null, reason, event };
  });
  const example =
    eventId === undefined
      ? (events.find(({ wouldSend, event }) => wouldSend && event !== null)?.event ?? null)
      : existing(named.rows.map(readLoadedRow)[0]?.event, "event");
  const matched = events.filter(({ wouldSend }) => wouldSend).length;
  return show(preview, {
    matched,
    filtered: events.length - matched,
    events,
    rendered: await render(example, destination, world),
  });
}

/** Null: it would be sent. A body that was too much to load cannot be judged by a filter. */
function whyNotSent(destination: Destination, event: Omit<RelayEvent, "body">, body: string | null): string | null {
  if (body !== null) return whyNotRecipient(destination, event, lazyJson(body));
  const unfiltered = whyNotRecipient({ ...destination, filter: null }, event, () => undefined);
  return unfiltered ?? (destination.filter === null ? null : "filter: the body is too large for a preview");
}

/** Without an event of its own to show, a made-up one. */
async function render(example: RelayEvent | null, destination: Destination, world: World) {
  const [type = "v1/transactions"] = sampleTypesFor(destination);
  const event = example ?? sampleFor(destination, type, world);
  const rendered = await renderEvent(event, destination);
  const shown = { eventId: event.id, type: event.type, sample: example === null };
  if (rendered instanceof TemplateFault) {
    return { ...shown, contentType: null, body: null, bodyBase64: undefined, fault: rendered.message };
  }
  const { contentType, body } = rendered;
  const text = tryDecodeUtf8(body);
  const bodyBase64 = text === undefined ? body.toBase64() : undefined;
  return { ...shown, contentType, body: text ?? null, bodyBase64, fault: null };
}
