import { env } from "cloudflare:workers";
import { type Payload, makePayload } from "../../support/qonto.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { failingFirst } from "../support/destinations.ts";
import { meter } from "./metered.ts";
import type { Usage } from "./usage.ts";

/** What goes on while usage is counted. */
export interface Scenario {
  readonly destinations: number;
  /** Of how many events one fails at each destination the first time; 0: of none. */
  readonly oneFailsOf: number;
  /** Of how many events one comes a second time; 0: of none. */
  readonly oneRepeatedOf: number;
  /** Each event is received, and dispatched, before the next one. */
  readonly isThin?: boolean;
}

/** Events that are received at the same moment, unless traffic is thin. */
const BATCH = 10;

/**
 * What so many events use until all destinations have them. It takes less than a minute, after which an isolate writes its
 * counters: that does not depend on how many they are.
 */
export async function play(scenario: Scenario, events: number, makeRelay = () => new TestRelay()): Promise<Usage> {
  await emptyDatabase();
  await addDestinations(scenario.destinations);
  const relay = makeRelay();
  for (const url of urlsOf(scenario.destinations)) relay.destinations.answer(url, failingFirst(scenario.oneFailsOf));
  const take = meter(relay);
  const payloads = aboutResources(events, "2026-01-01T00:00:00Z");
  const together = scenario.isThin ? 1 : BATCH;
  for (let first = 0; first < events; first += together) {
    await relay.sendTogether(payloads.slice(first, first + together));
    await relay.runQueues();
    relay.passSeconds(together / BATCH);
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

/** Rows written to delete so many events when they have had their time, and their resources have newer ones. */
export async function forget(scenario: Scenario, events: number): Promise<number> {
  await play(scenario, events);
  const rows = new Meter();
  const relay = new TestRelay({ DB: interceptDatabase(env.DB, rows.intercept) });
  relay.passSeconds(31 * 86_400);
  for (const payload of aboutResources(events, "2026-02-01T00:00:00Z")) await relay.send(payload);
  await relay.runQueues();
  await relay.runCron();
  return rows.written.filter(({ statement }) => statement.startsWith("DELETE")).reduce((sum, one) => sum + one.rows, 0);
}

/** Bytes by which D1 grows with an event of 1 KB, its deliveries and its resource. */
export async function keep(destinations: number, events: number): Promise<number> {
  await emptyDatabase();
  await addDestinations(destinations);
  const relay = new TestRelay();
  const before = await databaseBytes();
  for (let first = 0; first < events; first += BATCH) {
    await relay.sendTogether(Array.from({ length: BATCH }, () => ofSize(1_000)));
    await relay.runQueues();
  }
  return ((await databaseBytes()) - before) / events;
}

/** Without the pages that an emptied table leaves free. */
async function databaseBytes(): Promise<number> {
  return (await env.DB.prepare("SELECT 1").run()).meta.size_after;
}

function ofSize(bytes: number): Payload {
  const payload = makePayload("v1/transactions", { organization_id: crypto.randomUUID() });
  const data = { id: crypto.randomUUID(), padding: "" };
  const missing = bytes - JSON.stringify({ ...payload, data }).length;
  return { ...payload, data: { ...data, padding: "x".repeat(missing) } };
}

/** An event about each of so many resources. */
function aboutResources(events: number, updatedAt: string): Payload[] {
  return Array.from({ length: events }, (_, index) =>
    makePayload("v1/transfers", {
      data: { id: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`, updated_at: updatedAt },
    }),
  );
}

const urlsOf = (destinations: number) =>
  Array.from({ length: destinations }, (_, index) => `https://destination-${index}.example.com/hook`);

async function addDestinations(destinations: number): Promise<void> {
  const operator = new TestRelay();
  for (const url of urlsOf(destinations)) await operator.addDestination(url);
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
