import { expect } from "vitest";
import { never } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay } from "../support/relay.ts";
import { type Answer, ok } from "../support/destinations.ts";

/** What the tests of other gateways' faults are played with. */

export const destination = "https://destination.example.com/hook";
export const other = "https://other.example.com/hook";

const brokenQueue = (send: () => Promise<never>) => ({ send, sendBatch: send, metrics: never }) as unknown as Queue;
export const deafQueue = brokenQueue(() => Promise.reject(new Error("Queue send failed: overloaded")));
export const stalledQueue = brokenQueue(() => never);

export async function relayWithDestination(
  settings: object = {},
  answer: Answer = ok,
): Promise<{ relay: TestRelay; id: string }> {
  const relay = new TestRelay();
  relay.destinations.answer(destination, answer);
  const { id } = await relay.addDestination(destination, settings);
  return { relay, id };
}

/** Does something while the relay's stores are not as they should be. */
export async function whileBroken<Value>(
  relay: TestRelay,
  broken: Partial<TestRelay["env"]>,
  act: () => Promise<Value>,
) {
  const whole = relay.env;
  relay.env = { ...whole, ...broken };
  try {
    return await act();
  } finally {
    relay.env = whole;
  }
}

export async function send(relay: TestRelay, count: number): Promise<string[]> {
  const payloads = Array.from({ length: count }, () => makePayload("v1/cards"));
  for (const payload of payloads) expect((await relay.send(payload)).status).toBe(200);
  return payloads.map(({ id }) => id);
}

/**
 * Lets seconds pass, from one message that comes due to the next, with the cron in each minute; or more rarely, where time is
 * long and the cron has nothing to do in most of its runs.
 */
export async function live(relay: TestRelay, seconds: number, cronEverySeconds = 60): Promise<void> {
  const end = relay.now + seconds * 1_000;
  const nextCron = () => (Math.floor(relay.now / (cronEverySeconds * 1_000)) + 1) * cronEverySeconds * 1_000;
  let cronAt = nextCron();
  while (relay.now < end) {
    relay.passTo(Math.min(end, cronAt, relay.nextDueAt));
    if (relay.now >= cronAt) {
      await relay.runCron();
      cronAt = nextCron();
    }
    await relay.runQueues();
  }
}

export const receivedIds = (relay: TestRelay, url = destination) =>
  relay.destinations.at(url).map(({ headers }) => headers.get("webhook-id") ?? "");

/** What the answer says, in one word. */
export async function wordOf(response: Response): Promise<string> {
  const { code, status } = await response.json<{ code?: string; status: string }>();
  return code ?? status;
}

export async function deliveryOf(relay: TestRelay, eventId: string) {
  return (await relay.api("GET", `/api/events/${eventId}`)).body.deliveries[0];
}

/** A signed event's text of so many bytes; `padding` is a character, or two that stand for one. */
export function textOf(bytes: number, padding = "x"): string {
  const text = JSON.stringify(makePayload("v1/cards", { data: { padding: "" } }));
  const missing = bytes - new TextEncoder().encode(text).length;
  return text.replace('"padding":""', () => `"padding":"${padding.repeat(missing / padding.length)}"`);
}
