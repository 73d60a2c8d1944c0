import type { RequestMetadata, RelayEvent } from "../domain/event.ts";
import { tryDecodeUtf8 } from "../platform/json.ts";
import { type Envelope, parseBody, readAddress, readEnvelope } from "./envelope.ts";

/** Reads a body as an event of Qonto's; null when it is no UTF-8, no JSON, or has no usable id or type. */
export function readEvent(bytes: Uint8Array, metadata: RequestMetadata): RelayEvent | null {
  const body = tryDecodeUtf8(bytes);
  return body === undefined ? null : readEventText(body, metadata);
}

/** The same for a body that is text already. */
export function readEventText(body: string, metadata: RequestMetadata): RelayEvent | null {
  const envelope = readEnvelope(metadata.source, parseBody(body));
  return envelope && toEvent(envelope, body, metadata);
}

export function toEvent(envelope: Omit<Envelope, "data">, body: string, metadata: RequestMetadata): RelayEvent {
  const { id, type, event, organizationId, resourceId, createdAt } = envelope;
  const { source, contentType, contentEncoding, receivedAt } = metadata;
  const fields = { id, source, type, event, organizationId, resourceId, createdAt: createdAt?.iso ?? null };
  return { ...fields, receivedAt, contentType, contentEncoding, isUnreadable: false, body };
}

/** The type of an event whose own type cannot be read. */
const UNREADABLE_TYPE = "unreadable";

/** Makes an event, with a given id, of a body that cannot be read as one. Its bytes can still be delivered. */
export function unreadableEvent(id: string, bytes: Uint8Array, metadata: RequestMetadata): RelayEvent {
  const text = tryDecodeUtf8(bytes);
  const { type, organizationId } = readAddress(metadata.source, text === undefined ? undefined : parseBody(text));
  const known = { id, type: type ?? UNREADABLE_TYPE, event: null, organizationId, resourceId: null, createdAt: null };
  return { ...toEvent(known, bytes.toBase64(), metadata), isUnreadable: true };
}
