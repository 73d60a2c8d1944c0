import type { RelayEvent } from "../../domain/event.ts";
import { isOperational } from "../../domain/operational-event.ts";

export const CLOUDEVENTS_TYPE = "application/cloudevents+json; charset=utf-8";

/**
 * CloudEvents 1.0, JSON in structured mode. `data` is the whole body as it was received, in its own spelling: it is not parsed
 * and written again. A body that cannot be read is in `data_base64`.
 */
export function toCloudEvent(event: RelayEvent): string {
  const { id, type, createdAt, resourceId, organizationId, isUnreadable, body } = event;
  const attributes = {
    specversion: "1.0",
    id,
    source: `urn:qonto:${isOperational(event) ? "relay" : event.source}`,
    type,
    ...(createdAt === null ? {} : { time: createdAt }),
    ...(isAttribute(resourceId) ? { subject: resourceId } : {}),
    ...(isAttribute(organizationId) ? { organizationid: organizationId } : {}),
    datacontenttype: isUnreadable ? "application/octet-stream" : "application/json",
  };
  const data = isUnreadable ? `"data_base64":${JSON.stringify(body)}` : `"data":${body.replace(/^\uFEFF/, "")}`;
  return `${JSON.stringify(attributes).slice(0, -1)},${data}}`;
}

/** The specification allows no control characters in a text. */
function isAttribute(text: string | null): text is string {
  return text !== null && !/\p{Cc}/u.test(text);
}
