import { describe, expect, it } from "vitest";
import { type QueueMessage, type QueuedEvent, byId, measure } from "../../../src/messages.ts";
import { sleep } from "../../../src/platform/timeout.ts";
import { sendTogether } from "../../../src/receive/send-events.ts";
import { Clock } from "../support/clock.ts";

/** The messages behind the answers of one isolate. */

interface Sent {
  readonly at: number;
  /** Ids of the events of each message. */
  readonly messages: readonly (readonly string[])[];
  readonly leases: readonly (number | null)[];
}

type Answer = (sent: Sent) => Promise<unknown>;

const soon: Answer = () => Promise.resolve();
const never: Answer = () => new Promise(() => undefined);
const refuses: Answer = () => Promise.reject(new Error("Queue sendBatch failed"));

/** A queue that answers its calls so, one after the other, and then well. */
function queueThat(...answers: readonly Answer[]) {
  const clock = new Clock();
  const startedAt = clock.now();
  const sent: Sent[] = [];
  const EVENTS = {
    sendBatch: (batch: readonly { body: QueueMessage }[]) => {
      const events = batch.map(({ body }) => (body.kind === "events" ? body.events : []));
      const messages = events.map((some) => some.map(({ id }) => id));
      const leases = events.flat().map(({ lease_until }) => lease_until);
      const one = { at: clock.now() - startedAt, messages, leases };
      sent.push(one);
      return (answers[sent.length - 1] ?? soon)(one);
    },
  } as unknown as Queue<QueueMessage>;
  const send = (event: QueuedEvent | string) =>
    sendTogether({ EVENTS }, measure(typeof event === "string" ? byId(event, null) : event), clock);
  return { clock, sent, send, pass: (ms: number) => clock.waitFor(sleep(ms, clock)) };
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => `e${index}`);

describe("an event", () => {
  it("that comes alone is sent at once, and the next one soon after it", async () => {
    const { sent, send, pass } = queueThat();
    void send("a");
    await pass(30);
    void send("b");
    await pass(30);
    expect(sent.map(({ at, messages }) => [at, messages])).toEqual([
      [0, [["a"]]],
      [30, [["b"]]],
    ]);
  });

  it("that comes within 25 ms of a send goes with the next, in as few messages as hold them", async () => {
    const { sent, send, pass } = queueThat();
    for (const id of ids(60)) void send(id);
    await pass(60);
    expect(sent.map(({ at, messages }) => [at, messages.map(({ length }) => length)])).toEqual([
      [0, [1]],
      [25, [25, 25, 9]],
    ]);
  });

  it("goes with the next but one when a batch is full", async () => {
    const { sent, send, pass } = queueThat();
    const large = (id: string): QueuedEvent => ({
      ...byId(id, null),
      inline: {
        source: "business",
        received_at: 0,
        content_type: null,
        content_encoding: null,
        body: "x".repeat(60_000),
      },
    });
    for (const id of ids(8)) void send(large(id));
    await pass(100);
    expect(sent.map(({ messages }) => messages.length)).toEqual([1, 4, 3]);
  });

  it("is sent by its own request when the queue hangs for the one before", async () => {
    const { sent, send, pass } = queueThat(never);
    void send("a");
    void send("b");
    void send("c");
    await pass(99);
    expect(sent).toHaveLength(1);
    await pass(30);
    expect(sent.map(({ at, messages }) => [at, messages])).toEqual([
      [0, [["a"]]],
      [100, [["b", "c"]]],
    ]);
  });

  it("is sent again when the queue has failed, each message by itself, and without its lease: perhaps it was taken", async () => {
    const { sent, send, clock } = queueThat(soon, refuses);
    const all = ids(30).map((id) => send(byId(id, 1_000)));
    await clock.waitFor(Promise.all(all));
    expect(sent.map(({ messages }) => messages.map(({ length }) => length))).toEqual([[1], [25, 4], [25], [4]]);
    expect(sent.map(({ leases }) => leases)).toEqual([
      [1_000],
      Array(29).fill(1_000),
      Array(25).fill(null),
      Array(4).fill(null),
    ]);
  });

  it("fails its sender when the queue fails again, and holds up none behind it", async () => {
    const { sent, send, clock, pass } = queueThat(refuses, refuses);
    const first = send("a").catch((error: unknown) => String(error));
    expect(await clock.waitFor(first)).toBe("Error: Queue sendBatch failed");
    void send("b");
    await pass(1);
    expect(sent.at(-1)?.messages).toEqual([["b"]]);
  });
});
