import { describe, expect, it, vi } from "vitest";
import { byId, inline, measure, messageOf, pack } from "../../src/messages.ts";

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

const inlineBody = (body: string) => inline(eventWith(body), 30_001)?.event ?? null;

const sizeOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;

it.each([
  ["plain letters", "x"],
  ["quotes, which JSON doubles", '"'],
  ["characters of three bytes", "€"],
  ["control characters, which JSON writes with six", "\u0001"],
  ["characters of two units and four bytes", "😀"],
])("an event is as large as the queue allows and no larger, whatever it holds: %s", (_title, character) => {
  const empty = sizeOf(messageOf([inlineBody("")].flatMap((one) => one ?? [])));
  const each = sizeOf(character) - 2;
  const most = Math.floor((LIMIT_BYTES - empty) / each);
  expect(inlineBody(character.repeat(most))).not.toBeNull();
  expect(inlineBody(character.repeat(most + 1))).toBeNull();
  expect(inlineBody(character.repeat(2 * LIMIT_BYTES))).toBeNull();
});

it("a body that is longer than a message is not serialized to learn that it does not fit", () => {
  const serialize = vi.spyOn(JSON, "stringify");
  expect(inlineBody("x".repeat(LIMIT_BYTES + 1))).toBeNull();
  expect(serialize).not.toHaveBeenCalled();
  serialize.mockRestore();
});

it("an event with its body is measured as it is sent", () => {
  const measured = inline(eventWith('"€😀\u0001'), 30_001);
  expect(measured?.bytes).toBe(sizeOf(measured?.event));
});

describe("packed events", () => {
  const packed = (bodies: readonly string[]) => {
    const events = bodies.flatMap((body) => inlineBody(body) ?? []);
    const messages = pack(events.map(measure));
    const sent = messages.flatMap((message) => message.events);
    expect(sent).toHaveLength(bodies.length);
    expect(events.every((event) => sent.includes(event))).toBe(true);
    return messages;
  };

  const countsOf = (messages: ReturnType<typeof packed>) => messages.map(({ events }) => events.length);

  it.each([
    [1, [1]],
    [25, [25]],
    [26, [25, 1]],
    [100, [25, 25, 25, 25]],
  ])("are 25 a message at most: %i", (events, counts) => {
    const messages = pack(Array.from({ length: events }, (_, index) => measure(byId(`e${index}`, null))));
    expect(countsOf(messages)).toEqual(counts);
  });

  it.each([
    ["letters", "x"],
    ["quotes", '"'],
    ["characters of four bytes", "😀"],
  ])("fill a message to 64,000 bytes and no further: %s", (_title, character) => {
    const first = character.repeat(5_000);
    const left = 64_000 - sizeOf(packed([first, ""])[0]);
    const filled = packed([first, "x".repeat(left)]);
    expect(countsOf(filled)).toEqual([2]);
    expect(sizeOf(filled[0])).toBe(64_000);
    expect(countsOf(packed([first, "x".repeat(left + 1)]))).toEqual([1, 1]);
  });

  it("leave one that is larger in a message of its own, and the others together", () => {
    expect(countsOf(packed(["x", "y".repeat(100_000), "z", "y".repeat(70_000), "z"]))).toEqual([3, 1, 1]);
  });

  it("go where there is room, though another message has been begun", () => {
    expect(countsOf(packed(["x".repeat(40_000), "y".repeat(40_000), "x".repeat(20_000), "y".repeat(20_000)]))).toEqual([
      2, 2,
    ]);
  });
});
