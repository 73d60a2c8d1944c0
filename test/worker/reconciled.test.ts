import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { failing, interceptDatabase } from "./support/database.ts";
import { type Payload, businessRequest, makePayload } from "../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "./support/relay.ts";
import { statuses } from "./support/destinations.ts";

/** Events that reconciliation has made up go down the road of all others, and can be told from them everywhere. */

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";
const MARK = "x-relay-reconciled";

const madeUp = (): Payload => {
  const payload = makePayload("v1/cards");
  return { ...payload, id: `reconciled_${payload.id}` };
};

async function relayWithDestination(): Promise<TestRelay> {
  const relay = new TestRelay();
  await relay.addDestination(destination, { retry_schedule_seconds: [1, 1] });
  return relay;
}

const cronState = (relay: TestRelay) => relay.destinations.at(destination).map(({ headers }) => headers.get(MARK));

async function expectInLedger(relay: TestRelay, counts: object): Promise<void> {
  expect((await relay.api("GET", "/api/ledger")).body).toMatchObject({ balanced: true, ...counts });
}

describe("a reconciled event", () => {
  it("is counted in the ledger and flagged in the API, beside others that are not", async () => {
    const relay = await relayWithDestination();
    const event = madeUp();
    const other = makePayload("v1/cards");
    for (const payload of [event, other, other]) await relay.send(payload);
    await relay.runQueues();
    await expectInLedger(relay, { received: 2, settled: 2, duplicates: 1, reconciled: 1 });
    const { body } = await relay.api("GET", "/api/events");
    expect(body.data.map(({ id, reconciled }: { id: string; reconciled: boolean }) => [id, reconciled])).toEqual(
      expect.arrayContaining([
        [event.id, true],
        [other.id, false],
      ]),
    );
    expect((await relay.api("GET", `/api/events/${event.id}`)).body.reconciled).toBe(true);
    expect(cronState(relay).toSorted()).toEqual([null, "true"].toSorted());
  });

  it("is marked on each attempt and each replay", async () => {
    const relay = await relayWithDestination();
    relay.destinations.answer(destination, statuses(500, 500, 200));
    const event = madeUp();
    await relay.send(event);
    await relay.runQueues();
    await relay.liveThrough(5);
    expect(cronState(relay)).toEqual(["true", "true", "true"]);
    const { body } = await relay.api("GET", "/api/destinations");
    await relay.api("POST", `/api/events/${event.id}/replay`, { destination_id: body.data[0].id });
    await relay.runQueues();
    expect(cronState(relay)).toHaveLength(4);
    expect(cronState(relay).at(-1)).toBe("true");
  });

  it("is marked when only the queue has taken it", async () => {
    const relay = await relayWithDestination();
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, failing) };
    expect((await relay.send(madeUp())).status).toBe(200);
    relay.env = { ...relay.env, DB: env.DB };
    await relay.runQueues();
    expect(cronState(relay)).toEqual(["true"]);
    await expectInLedger(relay, { received: 1, settled: 1, reconciled: 1 });
  });

  it("is marked when it comes out of quarantine", async () => {
    const relay = await relayWithDestination();
    const stale = { secret: BUSINESS_SECRET, timestamp: Math.floor(relay.now / 1000) - 3_600 };
    expect((await relay.webhook(await businessRequest(madeUp(), stale))).status).toBe(401);
    const { body } = await relay.api("GET", "/api/quarantine");
    await relay.api("POST", `/api/quarantine/${body.data[0].id}/release`);
    await relay.runQueues();
    expect(cronState(relay)).toEqual(["true"]);
    await expectInLedger(relay, { received: 1, settled: 1, reconciled: 1 });
  });

  it("is marked when the queue has dead-lettered it", async () => {
    const relay = await relayWithDestination();
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, failing) };
    await relay.send(madeUp());
    relay.env = { ...relay.env, DB: env.DB };
    for (const message of relay.events.takeDue(100)) relay.deadLetters.hold({ ...message, tries: 0 });
    await relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10);
    relay.passSeconds(60);
    await relay.runCron();
    await relay.runQueues();
    expect(cronState(relay)).toEqual(["true"]);
    await expectInLedger(relay, { received: 1, settled: 1, reconciled: 1 });
  });
});
