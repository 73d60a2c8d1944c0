import { beforeEach, expect, it } from "vitest";
import { Meter, interceptDatabase } from "../support/database.ts";
import { emptyDatabase } from "../support/relay.ts";
import { type OnCall, connected, filled, reconcile } from "./reconciling.ts";

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
  expect(calls).toEqual([...begin, "qonto", "d1", "d1", "d1", ...finish]);
  expect(meter.rowsWritten).toBe(1 + (10 * 3 + 1) + 1);
});

it("a page on which nothing differs takes two D1 calls and one row", async () => {
  const { relay, id } = await filled(({ qonto }) => void qonto.bank.make("v1/products"), ONE_TYPE);
  const meter = new Meter();
  relay.env = { ...relay.env, DB: interceptDatabase(relay.env.DB, meter.intercept) };
  const { calls, onCall } = recorded();
  await reconcile(relay, id, { onCall });
  expect(calls).toEqual(["qonto", "d1", "qonto", "d1", "d1", "d1"]);
  expect(meter.rowsWritten).toBe(3);
});

it("what was missed takes two rows for each event, as a webhook does, and one message for each 25", async () => {
  const { relay, id } = await filled(undefined, ONE_TYPE);
  for (let made = 0; made < 30; made += 1) relay.qonto.bank.make("v1/products");
  relay.passSeconds(60);
  const meter = new Meter();
  relay.env = { ...relay.env, DB: interceptDatabase(relay.env.DB, meter.intercept) };
  const { calls, onCall } = recorded();
  await reconcile(relay, id, { onCall });
  expect(calls).toEqual(["qonto", "d1", "qonto", "d1", "d1", "d1", "queue", "d1", "queue"]);
  // The event that tells the recovery has two rows too.
  expect(meter.rowsWritten).toBe(1 + (30 * 2 + 1) + (1 + 2));
  expect(relay.events.sent).toHaveLength(2 + 1);
});
