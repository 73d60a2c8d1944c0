import { env } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import { readLastRun } from "../../../src/connection/run.ts";
import { makeableTypes } from "../../support/qonto-server/bank.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import { emptyDatabase } from "../support/relay.ts";
import { type OnCall, connected, connectionOf, filled, reconcile } from "./reconciling.ts";

beforeEach(emptyDatabase);

const ONE_TYPE = { QONTO_TYPES: "v1/products" };

/** The calls of one run of the cron, in order: `d1`, `qonto`, `queue`. */
function recorded(): { readonly calls: string[]; readonly onCall: OnCall } {
  const calls: string[] = [];
  const onCall: OnCall = (call, proceed) => {
    calls.push(call.startsWith("https:") ? "qonto" : call === "sendBatch" ? "queue" : "d1");
    return proceed();
  };
  return { calls, onCall };
}

/** The search for what the list of a type lacks, where it lacks nothing. */
const search = ["d1", "d1"];

it("a page that differs takes three D1 calls, and its history three rows for each item beside the progress", async () => {
  const { relay, id } = await connected(({ qonto }) => {
    for (let made = 0; made < 10; made += 1) qonto.bank.make("v1/products");
  }, ONE_TYPE);
  const meter = new Meter();
  relay.env = { ...relay.env, DB: interceptDatabase(relay.env.DB, meter.intercept) };
  const { calls, onCall } = recorded();
  await reconcile(relay, id, { onCall });
  const begin = ["qonto", "d1"];
  const finish = ["d1"];
  expect(calls).toEqual([...begin, "qonto", "d1", "d1", "d1", ...search, ...finish]);
  expect(meter.rowsWritten).toBe(1 + (10 * 3 + 1) + 1 + 1);
});

it("a page on which nothing differs takes two D1 calls and one row, and a list that is read whole as much again", async () => {
  const { relay, id } = await filled(({ qonto }) => void qonto.bank.make("v1/products"), ONE_TYPE);
  const meter = new Meter();
  relay.env = { ...relay.env, DB: interceptDatabase(relay.env.DB, meter.intercept) };
  const { calls, onCall } = recorded();
  await reconcile(relay, id, { onCall });
  expect(calls).toEqual(["qonto", "d1", "qonto", "d1", "d1", ...search, "d1"]);
  expect(meter.rowsWritten).toBe(4);
});

it("what was missed takes two rows for each event, as a webhook does, and one message for each 25", async () => {
  const { relay, id } = await filled(undefined, ONE_TYPE);
  for (let made = 0; made < 30; made += 1) relay.qonto.bank.make("v1/products");
  relay.passSeconds(60);
  const meter = new Meter();
  relay.env = { ...relay.env, DB: interceptDatabase(relay.env.DB, meter.intercept) };
  const { calls, onCall } = recorded();
  await reconcile(relay, id, { onCall });
  expect(calls).toEqual(["qonto", "d1", "qonto", "d1", "d1", "d1", "queue", ...search, "d1", "queue"]);
  // The event that tells the recovery has two rows too.
  expect(meter.rowsWritten).toBe(1 + (30 * 2 + 1) + 1 + (1 + 2));
  expect(relay.events.sent).toHaveLength(2 + 1);
});

it("an hourly run that finds nothing takes a request for each list, and 12 of its 37 D1 calls search for what they lack", async () => {
  const { relay, id } = await filled(({ qonto }) => makeableTypes.forEach((type) => qonto.bank.make(type)));
  const meter = new Meter();
  relay.env = { ...relay.env, DB: interceptDatabase(relay.env.DB, meter.intercept) };
  const { calls, onCall } = recorded();
  await reconcile(relay, id, { onCall });
  const { qonto, d1 } = Object.groupBy(calls, (call) => call);
  // The organization comes three times: with the beginning, as itself, and with its accounts, which have a list each.
  expect(qonto).toHaveLength(3 + 8 + 2);
  expect(d1).toHaveLength(25 + 12);
  expect(meter.rowsWritten).toBe(20);
});

it("what is extra costs two D1 calls for each thousand resources", async () => {
  const { relay, id } = await filled(undefined, { QONTO_TYPES: "v1/cards" });
  await insertResources(relay.qonto.bank.organizationId, "v1/cards", 2_500);
  const { calls, onCall } = recorded();
  await reconcile(relay, id, { onCall });
  const threeSteps = [...search, ...search, ...search];
  expect(calls).toEqual(["qonto", "d1", "qonto", "d1", ...threeSteps, "d1"]);
  expect(readLastRun((await connectionOf(id)).lastReconciliation)?.types).toMatchObject([{ listed: 0, extra: 2_500 }]);
});

/** As the relay came to know them a day before. No event is needed to count them. */
async function insertResources(organizationId: string, type: string, many: number): Promise<void> {
  const insert = `
    WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?3)
    INSERT INTO resources (organization_id, type, resource_id, deleted, version, event_seq)
    SELECT ?1, ?2, 'resource-' || number, 0, '', 0 FROM numbers`;
  await env.DB.prepare(insert).bind(organizationId, type, many).run();
}
