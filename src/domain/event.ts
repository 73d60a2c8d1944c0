/** Which of Qonto's two webhook systems sent an event. */
export type Source = "business" | "onboarding";

/** An authentic event, as it was received. */
export interface RelayEvent {
  readonly id: string;
  readonly source: Source;
  /** `v1/transactions`, `registrations.completed`, … */
  readonly type: string;
  /** What happened to the resource: `created`, `settled`, …; null when the payload does not say. */
  readonly event: string | null;
  readonly organizationId: string | null;
  readonly resourceId: string | null;
  /** The envelope's own instant, ISO 8601 in UTC; null when it carries no date. */
  readonly createdAt: string | null;
  /** Unix milliseconds. */
  readonly receivedAt: number;
  readonly contentType: string | null;
  /** As the sender says. The relay never decodes the body, so the header goes out with it. */
  readonly contentEncoding: string | null;
  /** Released from quarantine though it cannot be read: there is no envelope, and `body` is base64. */
  readonly isUnreadable: boolean;
  /** The request body. Only valid UTF-8 is readable, so text and bytes convert into each other without loss. */
  readonly body: string;
}

/** What the body does not say about its event. */
export type RequestMetadata = Pick<RelayEvent, "source" | "contentType" | "contentEncoding" | "receivedAt">;

/** An authentic event as it came, readable or not. */
export interface RawEvent extends RequestMetadata {
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The request body, byte for byte. */
export function bodyBytes({ isUnreadable, body }: Pick<RelayEvent, "isUnreadable" | "body">): Uint8Array {
  return isUnreadable ? Uint8Array.fromBase64(body) : new TextEncoder().encode(body);
}

/** Beginning of the id of an event that reconciliation made. Qonto's ids do not begin so. */
export const RECONCILED_PREFIX = "reconciled_";

/** Whether an event was made from what Qonto's API lists. Its id says so, because that is signed and stays with the event. */
export function isReconciled({ id }: Pick<RelayEvent, "id">): boolean {
  return id.startsWith(RECONCILED_PREFIX);
}

/** Beginning of the id of a test event. Qonto's ids do not begin so. */
export const TEST_PREFIX = "test";

/** Whether an event is a sample that was sent for a test. It is recorded nowhere. */
export function isTest({ id }: Pick<RelayEvent, "id">): boolean {
  return id.startsWith(`${TEST_PREFIX}_`);
}

/** `pending`: some delivery is. `settled`: none is. `unmatched`: it has no recipients. */
export type EventState = "pending" | "settled" | "unmatched";
