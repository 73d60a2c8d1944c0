import { expect, it } from "vitest";
import { messageOf, parseMessage } from "../../src/messages.ts";

const LIMIT_BYTES = 126_000;

const eventWith = (body: string) => ({
  id: "e1",
  source: "business" as const,
  type: "v1/cards",
  event: null,
  organizationId: null,
  resourceId: null,
  createdAt: null,
  receivedAt: 1,
  contentType: "application/json",
  contentEncoding: null,
  isUnreadable: false,
  body,
});

it.each([
  ["plain letters", "x"],
  ["quotes, which JSON doubles", '"'],
  ["characters of three bytes", "€"],
  ["control characters, which JSON writes with six", "\u0001"],
  ["characters of two units and four bytes", "😀"],
])("a message is as large as the queue allows and no larger, whatever it holds: %s", (_title, character) => {
  const empty = new TextEncoder().encode(JSON.stringify(messageOf(eventWith("")))).length;
  const each = new TextEncoder().encode(JSON.stringify(character)).length - 2;
  const most = Math.floor((LIMIT_BYTES - empty) / each);
  expect(messageOf(eventWith(character.repeat(most)))).not.toBeNull();
  expect(messageOf(eventWith(character.repeat(most + 1)))).toBeNull();
  expect(messageOf(eventWith(character.repeat(2 * LIMIT_BYTES)))).toBeNull();
});

it.each([
  { kind: "event", id: "e1", source: "business", received_at: 1, content_type: null, body: "{}" },
  { kind: "quarantine", source: "business", received_at: 1, content_type: null, body_base64: "" },
])("a message from before content encodings were kept is read as one without: $kind", (message) => {
  expect(parseMessage(message)).toEqual({ ...message, content_encoding: null });
});
