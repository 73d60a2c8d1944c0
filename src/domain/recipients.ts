import {
  type Addressed as AddressedByType,
  type Destination,
  isAbout,
  matches,
  matchesOrganization,
  matchesType,
} from "./destination.ts";
import type { RelayEvent } from "./event.ts";
import { explainMismatch, matchesFilter } from "./filter.ts";

/** What of an event decides who gets it, beside its content. */
type Addressed = AddressedByType & Pick<RelayEvent, "isUnreadable">;

type Choosing = Pick<Destination, "id" | "enabled" | "types" | "organizations" | "filter">;

/**
 * Whether a destination is to get an event. `content` gives the event's parsed body; it is called only for a destination with a
 * filter whose types and organizations match, so that no other event is parsed for it.
 */
export function isRecipient(destination: Choosing, event: Addressed, content: () => unknown): boolean {
  return matches(destination, event) && passesFilter(destination, event, content);
}

/** Whether the content of an event passes a destination's filter. An event that cannot be read passes none. */
export function passesFilter(
  { filter }: Pick<Destination, "filter">,
  { isUnreadable }: Pick<RelayEvent, "isUnreadable">,
  content: () => unknown,
): boolean {
  return filter === null || (!isUnreadable && matchesFilter(filter, content()));
}

/** Why an event is not for a destination, in words that people and programs read; null when it is. */
export function whyNotRecipient(destination: Choosing, event: Addressed, content: () => unknown): string | null {
  if (!destination.enabled) return "paused";
  if (isAbout(destination, event)) return "about itself";
  if (!matchesType(destination, event)) return "types";
  if (!matchesOrganization(destination, event)) return "organizations";
  if (destination.filter === null) return null;
  if (event.isUnreadable) return "filter: the body cannot be read";
  const unmet = explainMismatch(destination.filter, content());
  return unmet && `filter: ${unmet}`;
}
