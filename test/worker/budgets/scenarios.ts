import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { failingFirst } from "../support/teams.ts";
import { meter } from "./metered.ts";
import type { Usage } from "./usage.ts";

/** What goes on while usage is counted. */
export interface Scenario {
  readonly destinations: number;
  /** Of how many events one fails at each destination the first time; 0: of none. */
  readonly oneFailsOf: number;
  /** Of how many events one comes a second time; 0: of none. */
  readonly oneRepeatedOf: number;
  /** No two events are received at the same moment. */
  readonly isSpread?: boolean;
}

/** Events of one batch, unless they are spread received at the same moment: ten a second, with the queue's batching of a second. */
const BATCH = 10;

/**
 * What so many events use until all destinations have them. It takes less than a minute, after which an isolate writes its
 * tally: that does not depend on how many they are.
 */
export async function play(scenario: Scenario, events: number, makeRelay = () => new TestRelay()): Promise<Usage> {
  await emptyDatabase();
  await addTeams(scenario.destinations);
  const relay = makeRelay();
  for (const url of urlsOf(scenario.destinations)) relay.teams.answer(url, failingFirst(scenario.oneFailsOf));
  const take = meter(relay);
  const payloads = Array.from({ length: events }, () =>
    makePayload("v1/transfers", { data: { id: crypto.randomUUID() } }),
  );
  for (let first = 0; first < events; first += BATCH) {
    const some = payloads.slice(first, first + BATCH);
    if (scenario.isSpread) for (const payload of some) await relay.send(payload);
    else await relay.sendTogether(some);
    relay.passSeconds(1);
    await relay.runQueues();
  }
  relay.passSeconds(1);
  for (const payload of everyNth(payloads, scenario.oneRepeatedOf)) await relay.send(payload);
  await relay.liveThrough(20);
  return take();
}

/** What the cron uses when nothing else goes on. */
export async function idle(minutes: number): Promise<Usage> {
  await emptyDatabase();
  const relay = new TestRelay();
  await liveMinutes(relay, 10);
  const take = meter(relay);
  await liveMinutes(relay, minutes);
  return take();
}

/** Rows written to delete so many events when they have had their time, beyond what the cron writes in any case. */
export async function forget(scenario: Scenario, events: number): Promise<number> {
  await play(scenario, events);
  const relay = new TestRelay();
  const take = meter(relay);
  await relay.runCron();
  const { rowsWritten: inAnyCase } = take();
  relay.passSeconds(31 * 86_400);
  await relay.runCron();
  return take().rowsWritten - inAnyCase;
}

const urlsOf = (destinations: number) =>
  Array.from({ length: destinations }, (_, index) => `https://team-${index}.example.com/hook`);

async function addTeams(destinations: number): Promise<void> {
  const operator = new TestRelay();
  for (const url of urlsOf(destinations)) await operator.addTeam(url);
}

function everyNth<Value>(values: readonly Value[], nth: number): Value[] {
  return nth === 0 ? [] : values.filter((_, index) => (index + 1) % nth === 0);
}

async function liveMinutes(relay: TestRelay, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    relay.passSeconds(60);
    await relay.runCron();
    await relay.runQueues();
  }
}
