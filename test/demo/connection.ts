import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { type connection, connections } from "../../src/api/schemas/connection.ts";
import { organizationProfile } from "../../src/api/schemas/organization.ts";
import { startedReplay } from "../../src/api/schemas/replay.ts";
import { cataloguedTypes } from "../../src/qonto/catalogue.ts";
import { type Item, type ListedType, idOf, listedTypes, makeableTypes } from "../support/qonto-server/bank.ts";
import type { QontoServer } from "../support/qonto-server/node/qonto-server.ts";
import type { PlayedRelay } from "./client.ts";
import { connectAsOperator } from "./connect.ts";
import { type DestinationRequest, DestinationServer } from "./destination-server.ts";
import { textOf } from "./operator-browser.ts";
import { check } from "./promises.ts";

interface ConnectionStory {
  readonly client: PlayedRelay;
  readonly adminToken: string;
  /** Runs the relay's cron once. */
  readonly runCron: () => Promise<void>;
  readonly qonto: QontoServer;
}

/** More than a page of Qonto's lists. */
const TRANSACTIONS_BEFORE = 120;

const LOST_OF_A_TYPE = 5;

const SETTLES_WITHIN_MS = 30_000;

/** A thing of the bank, as of one of its changes. */
interface Change {
  readonly type: ListedType;
  readonly item: Item;
}

/** A relay is connected to Qonto, misses a day of webhooks, and finds all of it by itself. */
export async function playConnection(story: ConnectionStory): Promise<void> {
  const books = await DestinationServer.start();
  const operations = await DestinationServer.start();
  try {
    const booksId = await addDestinations(story, { books, operations });
    const history = fillBank(story.qonto);
    await connect(story);
    await fillState(story, history, books);
    await askForHistory(story, history, { books, booksId });
    await receiveWebhooks(story, books);
    await loseADay(story, history, { books, operations });
  } finally {
    for (const destination of [books, operations]) destination.stop();
  }
}

/** Returns the id of the one that gets the organization's events. */
async function addDestinations(
  { client, qonto }: ConnectionStory,
  { books, operations }: Record<"books" | "operations", DestinationServer>,
): Promise<string> {
  const created = z.object({ id: z.string() });
  await client.post(
    "/api/destinations",
    { url: operations.url, types: ["relay.subscription.*", "relay.reconciliation.*"] },
    created,
  );
  const organizations = [qonto.bank.organizationId];
  const { id } = await client.post("/api/destinations", { url: books.url, organizations }, created);
  return id;
}

/** What the organization has before it is connected. */
function fillBank({ bank }: QontoServer): Change[] {
  for (const type of makeableTypes) bank.make(type);
  for (let count = 1; count < TRANSACTIONS_BEFORE; count += 1) bank.make("v1/transactions");
  return listedTypes.flatMap((type) => bank.all(type).map((item) => ({ type, item })));
}

async function connect({ client, adminToken, qonto }: ConnectionStory): Promise<void> {
  console.log("\nAn operator opens the console, presses Connect, and consents at Qonto.");
  const { organizationId, name } = qonto.bank;
  const page = await connectAsOperator({ relayUrl: client.url, adminToken, organizationId });
  const text = textOf(page.html);
  check(
    `the console says that ${name} is connected`,
    text.includes("The organization is connected") && text.includes(name),
  );
}

async function fillState(story: ConnectionStory, history: readonly Change[], books: DestinationServer): Promise<void> {
  const { client, runCron, qonto } = story;
  console.log("\nThe first run of the cron subscribes to webhooks, and fills the state from Qonto's API.");
  await runCron();
  const { subscriptions, reconciled_until } = await findConnection(story);
  const [subscription] = subscriptions;
  const types = cataloguedTypes.business.length;
  check(
    `there is one subscription, to all ${types} types`,
    subscriptions.length === 1 && subscription?.status === "active" && subscription.types.length === types,
  );
  check(`the state has the ${history.length} things that the bank has`, await isStateComplete(client, qonto));
  check("the relay says until when its state is complete", reconciled_until !== null);
  check("nothing of it is sent by itself: it is history", books.requests.length === 0);
}

async function askForHistory(
  { client }: ConnectionStory,
  history: readonly Change[],
  { books, booksId }: { readonly books: DestinationServer; readonly booksId: string },
): Promise<void> {
  console.log('\nA destination asks for the history: a replay of what it is "missing".');
  const input = { since: "2020-01-01T00:00:00Z", which: "missing" };
  await client.post(`/api/destinations/${booksId}/replay`, input, startedReplay);
  await untilReceived(books, history.length);
  check(
    "it has each of them, once, marked x-relay-reconciled",
    isEachOnce(books.requests, history, { isReconciled: true }),
  );
}

async function receiveWebhooks({ qonto }: ConnectionStory, books: DestinationServer): Promise<void> {
  console.log("\nQonto sends webhooks, signed with the secret that the relay has derived from its key.");
  const before = books.requests.length;
  const changes: Change[] = [];
  for (const type of makeableTypes) changes.push({ type, item: await qonto.make(type) });
  const sent = qonto.sender.deliveries;
  check(
    `${changes.length} webhooks are accepted`,
    sent.length === changes.length && sent.every(({ outcome }) => outcome === "delivered"),
  );
  await untilReceived(books, before + changes.length);
  const received = books.requests.slice(before);
  check("the destination has each of them, once, unmarked", isEachOnce(received, changes, { isReconciled: false }));
  check(
    "byte for byte",
    sent.every(({ body }) => received.some((request) => request.body.equals(body))),
  );
}

async function loseADay(
  story: ConnectionStory,
  history: readonly Change[],
  { books, operations }: Record<"books" | "operations", DestinationServer>,
): Promise<void> {
  const { client, runCron, qonto } = story;
  const changes = await loseWebhooks(qonto, history);
  const lostUntil = Date.now();
  console.log(`
The subscription vanishes at Qonto, and ${changes.length} webhooks of a day are lost. The relay compares subscriptions every 15 minutes
and the state every hour. The demo has no time for that: POST /api/connections/:id/reconcile makes both due.`);
  const before = books.requests.length;
  const { id } = await findConnection(story);
  await client.post(`/api/connections/${id}/reconcile`, {}, z.unknown());

  console.log("\nOne run of the cron later:");
  await runCron();
  const { subscriptions, reconciled_until } = await findConnection(story);
  check(
    "the subscription is back",
    subscriptions.map(({ status }) => status).join() === "active" && qonto.subscriptions.size === 1,
  );
  check("the relay says that its state is complete up to now", isAtLeast(reconciled_until, lostUntil));
  await untilReceived(books, before + changes.length);
  check(
    "the destination has each lost event, once, marked x-relay-reconciled",
    isEachOnce(books.requests.slice(before), changes, { isReconciled: true }),
  );
  check("the state has all that the bank has", await isStateComplete(client, qonto));
  await untilReceived(operations, 2);
  check(
    "the operators are told of both",
    typesOf(operations) === "relay.reconciliation.recovered, relay.subscription.restored",
  );

  const next: Change = { type: "v1/transactions", item: await qonto.make("v1/transactions") };
  await untilReceived(books, before + changes.length + 1);
  check(
    "the next webhook comes as ever, and nothing comes twice",
    isEachOnce(books.requests.slice(before + changes.length), [next], { isReconciled: false }),
  );
}

function typesOf({ requests }: DestinationServer): string {
  const types = requests.map(({ headers }) => headers["x-relay-event-type"]);
  return types.toSorted().join(", ");
}

/** New things of each type, and a change of one that the relay knows. Nobody is told of them. */
async function loseWebhooks(qonto: QontoServer, history: readonly Change[]): Promise<Change[]> {
  for (const id of qonto.subscriptions.keys()) qonto.loseSubscription(id);
  const changes: Change[] = [];
  for (const type of makeableTypes) {
    for (let count = 0; count < LOST_OF_A_TYPE; count += 1) changes.push({ type, item: await qonto.make(type) });
  }
  const known = history.find(({ type }) => type === "v1/transactions");
  if (known === undefined) throw new Error("The bank had no transactions");
  const { type, item } = known;
  const changed = await qonto.change(type, idOf(type, item), { label: "Changed while nobody was told" });
  return [...changes, { type, item: changed }];
}

async function findConnection({ client }: ConnectionStory): Promise<z.output<typeof connection>> {
  const { data } = await client.get("/api/connections", connections);
  const [only] = data;
  if (only === undefined) throw new Error("The relay is not connected");
  return only;
}

async function isStateComplete(client: PlayedRelay, { bank }: QontoServer): Promise<boolean> {
  const { counts } = await client.get(`/api/organizations/${bank.organizationId}`, organizationProfile);
  return listedTypes.every((type) => counts[type] === bank.all(type).length);
}

/** Qonto's clock is known to the second. */
function isAtLeast(time: string | null, ms: number): boolean {
  return time !== null && Date.parse(time) >= Math.floor(ms / 1000) * 1000;
}

/** Waits until a destination has had so many requests, or the time is up. */
async function untilReceived(destination: DestinationServer, count: number): Promise<void> {
  const endAt = Date.now() + SETTLES_WITHIN_MS;
  while (destination.requests.length < count && Date.now() < endAt) await wait(50);
}

const body = z.object({ data: z.record(z.string(), z.unknown()) });

/** Whether the requests are those changes and no others, in any order. */
function isEachOnce(
  requests: readonly DestinationRequest[],
  changes: readonly Change[],
  { isReconciled }: { readonly isReconciled: boolean },
): boolean {
  const received = requests.map(({ headers, body: bytes }) =>
    keyOf(String(headers["x-relay-event-type"]), body.parse(JSON.parse(bytes.toString())).data),
  );
  const expected = changes.map(({ type, item }) => keyOf(type, item));
  return (
    received.toSorted().join("\n") === expected.toSorted().join("\n") &&
    requests.every(({ headers }) => (headers["x-relay-reconciled"] === "true") === isReconciled)
  );
}

function keyOf(type: string, { id, payment_link_id, updated_at, label }: Item): string {
  return [type, id ?? payment_link_id, updated_at, label].join(" ");
}
