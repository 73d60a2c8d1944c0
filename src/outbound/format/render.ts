import type { Destination } from "../../domain/destination.ts";
import { type RelayEvent, bodyBytes } from "../../domain/event.ts";
import { TemplateFault } from "./fault.ts";

/** What a destination is sent of an event. */
export interface RenderedEvent {
  readonly contentType: string | null;
  readonly contentEncoding: string | null;
  readonly body: Uint8Array;
}

/** An event in the format of a destination; or why its template gives nothing to send. */
export async function renderEvent(
  event: RelayEvent,
  { format, template, relayUrl }: Pick<Destination, "format" | "template" | "relayUrl">,
): Promise<RenderedEvent | TemplateFault> {
  if (format === "qonto") {
    const { contentType, contentEncoding } = event;
    return { contentType, contentEncoding, body: bodyBytes(event) };
  }
  // Imported late: the Worker takes webhooks without it.
  const { renderText } = await import("./texts.ts");
  try {
    const { contentType, text } = renderText(event, { format, template, relayUrl });
    return { contentType, contentEncoding: null, body: new TextEncoder().encode(text) };
  } catch (error) {
    if (error instanceof TemplateFault) return error;
    throw error;
  }
}
