import { describe, expect, it, vi } from "vitest";
import { sleep } from "../../../src/platform/timeout.ts";
import { makeDurable } from "../../../src/receive/make-durable.ts";
import { Clock } from "../support/clock.ts";
import { never } from "../support/database.ts";

const clock = new Clock();

async function after<Value>(ms: number, value: Value): Promise<Value> {
  await sleep(ms, clock);
  return value;
}

/** What it came to, and after how many milliseconds, when D1 and the queue take that long. */
async function race(record: () => Promise<string>, send: (() => Promise<unknown>) | null) {
  const startedAt = clock.now();
  const sending = vi.fn<() => Promise<unknown>>(send ?? (() => never));
  const durable = makeDurable(
    { record, send: () => (send === null ? null : sending()) },
    { timers: clock, waitUntil: () => undefined },
  );
  const result = await clock.waitFor(durable);
  return { result, afterMs: clock.now() - startedAt, sends: sending.mock.calls.length };
}

const failing = () => Promise.reject(new Error("out of order"));

describe("an event is made durable", () => {
  it("by D1 alone as long as it answers within 250 ms", async () => {
    expect(
      await race(
        () => after(249, "new"),
        () => after(0, null),
      ),
    ).toEqual({
      result: { by: "database", outcome: "new", sent: false },
      afterMs: 249,
      sends: 0,
    });
  });

  it("by the queue as well from then on, and whichever is first answers", async () => {
    expect(
      await race(
        () => never,
        () => after(60, null),
      ),
    ).toEqual({ result: { by: "queue", sent: true }, afterMs: 310, sends: 1 });
    expect(
      await race(
        () => after(300, "new"),
        () => after(60, null),
      ),
    ).toMatchObject({
      result: { by: "database", outcome: "new", sent: true },
      afterMs: 300,
    });
  });

  it("by the queue at once when D1 fails", async () => {
    expect(await race(failing, () => after(60, null))).toMatchObject({ result: { by: "queue" }, afterMs: 60 });
  });

  it("by D1, late, when the queue fails or there is no message for it", async () => {
    expect(await race(() => after(600, "new"), failing)).toMatchObject({ result: { by: "database" }, afterMs: 600 });
    expect(await race(() => after(600, "new"), null)).toMatchObject({
      result: { by: "database", sent: false },
      afterMs: 600,
    });
  });

  it("not at all when neither is in time, which is told before Qonto hangs up", async () => {
    expect(
      await race(
        () => never,
        () => never,
      ),
    ).toMatchObject({ result: "not_stored", afterMs: 750 });
    expect(await race(failing, failing)).toMatchObject({ result: "not_stored", afterMs: 0 });
    expect(await race(() => after(800, "new"), null)).toMatchObject({ result: "not_stored", afterMs: 750 });
  });
});
