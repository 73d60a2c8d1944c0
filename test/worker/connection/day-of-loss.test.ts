import { beforeEach, expect, it } from "vitest";
import { type Item, idOf, makeableTypes } from "../../support/qonto-server/bank.ts";
import { connect, qontoApplication } from "../support/connected-relay.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const DESTINATION = "https://destination.example/hook";
const DAY_SECONDS = 86_400;

/** The items that were delivered, by their ids, in the order of arrival. */
function deliveredTo(relay: TestRelay) {
  return relay.destinations.at(DESTINATION).map(({ headers, text }) => {
    const { type, data } = JSON.parse(text);
    return { id: idOf(type, data), isReconciled: headers.get("x-relay-reconciled") === "true" };
  });
}

it("one run of the cron brings back a vanished subscription and each event of a day of lost webhooks, once", async () => {
  const relay = new TestRelay(qontoApplication);
  const { qonto } = relay;
  await relay.addDestination(DESTINATION);
  for (const type of makeableTypes) qonto.bank.make(type);
  relay.passSeconds(60);
  await connect(relay);
  await relay.runCron();
  await relay.runQueues();
  expect(deliveredTo(relay)).toEqual([]);

  qonto.faults.losesWebhooks = true;
  for (const id of qonto.subscriptions.keys()) qonto.loseSubscription(id);
  const lost: Item[] = [];
  for (const type of makeableTypes) {
    relay.passSeconds(DAY_SECONDS / makeableTypes.length);
    lost.push(await qonto.make(type));
  }
  const lostUntil = relay.now;
  relay.passSeconds(60);
  qonto.faults.losesWebhooks = false;
  expect(qonto.subscriptions.size).toBe(0);

  await relay.runCron();
  await relay.runQueues();
  expect([...qonto.subscriptions.values()]).toMatchObject([{ callback_url: "https://relay.test/webhooks/qonto" }]);
  const ids = lost.map((item, index) => idOf(makeableTypes[index] ?? "v1/clients", item));
  const recovered = deliveredTo(relay);
  expect(recovered.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  expect(recovered.every(({ isReconciled }) => isReconciled)).toBe(true);
  const { body } = await relay.api("GET", "/api/connections");
  expect(body.data).toMatchObject([{ status: "connected", last_error: null }]);
  expect(Date.parse(body.data[0].reconciled_until)).toBeGreaterThanOrEqual(lostUntil);

  const client = await qonto.make("v1/clients");
  await relay.runCron();
  await relay.runQueues();
  expect(deliveredTo(relay).slice(ids.length)).toEqual([{ id: client["id"], isReconciled: false }]);
});

it("what was lost behind a reconciliation in progress is found once the subscription is restored, and not an hour later", async () => {
  const relay = new TestRelay(qontoApplication);
  const { qonto } = relay;
  await relay.addDestination(DESTINATION);
  await connect(relay);
  await relay.runCron();

  relay.passSeconds(3_700);
  qonto.faults.paths.set("/v2/sepa/transfers", { status: 503 });
  await relay.runCron();
  const [id = ""] = qonto.subscriptions.keys();
  qonto.loseSubscription(id);
  // Clients come before transfers, and have been read.
  const client = await qonto.make("v1/clients");
  relay.passSeconds(900);
  qonto.faults.paths.clear();
  await relay.runCron();
  relay.passSeconds(60);
  await relay.runCron();
  await relay.runQueues();
  expect(deliveredTo(relay)).toEqual([{ id: client["id"], isReconciled: true }]);
});
