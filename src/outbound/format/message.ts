import { type RelayEvent, isTest } from "../../domain/event.ts";
import { isoTime } from "../../domain/instant.ts";
import { sentenceOf } from "../../qonto/sentence.ts";

/** What people read of an event in a chat. All texts are plain: a format escapes them for its own markup. */
export interface Message {
  readonly sentence: string;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  /** The event's page in the console; null when the relay's address is not known. */
  readonly link: string | null;
}

/** Bounded so that a message stays within the limits of Slack and Teams, even if each character is escaped. */
const LONGEST_SENTENCE = 500;
const LONGEST_FACT = 100;

export function messageOf(event: RelayEvent, relayUrl: string | null): Message {
  const sentence = sentenceOf(event);
  return {
    sentence: cut(isTest(event) ? `Test, nothing happened: ${sentence}` : sentence, LONGEST_SENTENCE),
    facts: [
      { name: "Type", value: cut(event.type, LONGEST_FACT) },
      ...(event.organizationId === null
        ? []
        : [{ name: "Organization", value: cut(event.organizationId, LONGEST_FACT) }]),
      { name: "At", value: event.createdAt ?? isoTime(event.receivedAt) },
    ],
    // A test event is not recorded: it has no page.
    link: isTest(event) ? null : linkTo(event, relayUrl),
  };
}

/** The event's page in the console (`eventAddress` in src/console/addresses.ts). */
export function linkTo({ id }: Pick<RelayEvent, "id">, relayUrl: string | null): string | null {
  return relayUrl === null ? null : `${relayUrl}/console/events/${encodeURIComponent(id)}`;
}

/** Not between the two halves of a character. */
function cut(text: string, longest: number): string {
  const characters = Array.from(text);
  return characters.length <= longest ? text : `${characters.slice(0, longest - 1).join("")}…`;
}
