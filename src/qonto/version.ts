import type { RelayEvent } from "../domain/event.ts";
import { type Envelope, parseBody, readEnvelope } from "./envelope.ts";
import { readRegistrationStage } from "./registration.ts";
import { readResource } from "./resource.ts";

/** The version of the resource or registration that an event shows, as the state compares it; null for an event of neither. */
export function readVersion(source: RelayEvent["source"], envelope: Envelope): string | null {
  const shown = source === "business" ? readResource(envelope) : readRegistrationStage(envelope);
  return shown?.version ?? null;
}

/** The same of an event whose body is not parsed yet. */
export function versionOf({ source, body, isUnreadable }: RelayEvent): string | null {
  const envelope = isUnreadable ? null : readEnvelope(source, parseBody(body));
  return envelope && readVersion(source, envelope);
}
