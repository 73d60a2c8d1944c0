import { makePayload } from "../../support/qonto.ts";
import { type Answer, statuses } from "../support/destinations.ts";
import { TestRelay } from "../support/relay.ts";

export const operations = "https://operations.example.com/hook";
export const accounting = "https://accounting.example.com/hook";

/** Its circuit opens about a minute after its first failure. */
const quickly = Array.from({ length: 50 }, () => 5);

export interface Told {
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
  /** Unix milliseconds. */
  readonly at: number;
}

/** A relay with a destination that is told of everything, and one for Qonto's events, whose retries come quickly. */
export async function alertedRelay({
  retrySchedule = quickly,
}: { readonly retrySchedule?: readonly number[] | null } = {}) {
  const relay = new TestRelay();
  const watching = await relay.addDestination(operations, { types: ["relay.*"] });
  const watched = await relay.addDestination(accounting, {
    description: "Accounting",
    retry_schedule_seconds: retrySchedule,
  });
  return { relay, watching, watched };
}

/** What a destination was told, each event once. */
export function told(relay: TestRelay, url = operations): Told[] {
  const events = new Map(
    relay.destinations.at(url).map(({ text, at }) => {
      const { id, type, data } = JSON.parse(text);
      return [id, { id, type: type.slice("relay.".length), data, at }];
    }),
  );
  return [...events.values()];
}

export const toldTypes = (relay: TestRelay, url = operations) => told(relay, url).map(({ type }) => type);

/** Lets minutes pass, each with the run of the cron at its end. */
export async function liveMinutes(relay: TestRelay, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    await relay.liveThrough(60);
    await relay.runCron();
    await relay.runQueues();
  }
}

export async function sendCard(relay: TestRelay): Promise<void> {
  await relay.send(makePayload("v1/cards"));
  await relay.runQueues();
}

/** From now on the destination for Qonto's events answers so, and there is an event for it. */
export async function answerWith(relay: TestRelay, answer: Answer | number): Promise<void> {
  relay.destinations.answer(accounting, typeof answer === "number" ? statuses(answer) : answer);
  await sendCard(relay);
}
