import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MOST_WAITING, MOST_WAITING_BYTES } from "../../../src/store/quarantine.ts";
import { Meter, hanging, interceptDatabase } from "../support/database.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);
afterEach(() => void vi.restoreAllMocks());

/** Puts so many copies into quarantine, as settled or not. */
async function fill(count: number, { sizeBytes = 1, settledAt = null as number | null, prefix = "copy" } = {}) {
  await env.DB.prepare(
    `INSERT INTO quarantine (id, event_id, reason, source, received_at, size_bytes, body, settled_at)
     SELECT ?1 || value, ?1 || value, 'timestamp_too_old', 'business', 1, ?3, x'00', ?4 FROM json_each(?2)`,
  )
    .bind(prefix, JSON.stringify(Array.from({ length: count }, (_, index) => index)), sizeBytes, settledAt)
    .run();
}

const stored = async (relay: TestRelay, body: string) => {
  const response = await relay.send(body);
  return { status: response.status, ...Object(await response.json()) };
};

const quarantined = { status: "quarantined", reason: "unreadable" };
const notStored = { status: 503, code: "not_stored" };

describe("the quarantine", () => {
  it("takes the last that it has room for, and not one more", async () => {
    const relay = new TestRelay();
    await fill(MOST_WAITING - 1);
    expect(await stored(relay, "the last")).toMatchObject(quarantined);
    expect(await stored(relay, "one more")).toMatchObject(notStored);
    expect(relay.events.sent).toEqual([]);
  });

  it("takes as many bytes as it has room for, and not one more", async () => {
    const relay = new TestRelay();
    await fill(1, { sizeBytes: MOST_WAITING_BYTES - 10 });
    expect(await stored(relay, "11 bytes, x")).toMatchObject(notStored);
    expect(await stored(relay, "10 bytes x")).toMatchObject(quarantined);
  });

  it("says of what it has kept before that it is kept, full or not", async () => {
    const relay = new TestRelay();
    await stored(relay, "kept before");
    await fill(MOST_WAITING - 1);
    expect(await stored(relay, "kept before")).toMatchObject(quarantined);
  });

  it("has room again for whatever is released or thrown away", async () => {
    const relay = new TestRelay();
    await fill(MOST_WAITING);
    await relay.api("POST", "/api/quarantine/copy0/release");
    expect(await stored(relay, "first")).toMatchObject(quarantined);
    expect(await stored(relay, "second")).toMatchObject(notStored);
    await relay.api("DELETE", "/api/quarantine/copy1");
    expect(await stored(relay, "second")).toMatchObject(quarantined);
  });

  it("does not count what is settled, nor read it to count the rest", async () => {
    const relay = new TestRelay();
    await fill(MOST_WAITING, { settledAt: 2 });
    await fill(100, { prefix: "waits" });
    let read = 0;
    const DB = interceptDatabase(env.DB, async (_call, proceed) => {
      const results = await proceed();
      for (const { meta } of results) read += meta.rows_read;
      return results;
    });
    expect(await stored(new TestRelay({ DB }), "no json")).toMatchObject(quarantined);
    expect(read).toBeLessThan(200);
    expect((await relay.api("GET", "/api/quarantine?limit=100")).body.data).toHaveLength(100);
  });

  it("writes four rows for what it keeps", async () => {
    const meter = new Meter();
    await stored(new TestRelay({ DB: interceptDatabase(env.DB, meter.intercept) }), "no json");
    expect([meter.calls, meter.rowsWritten]).toEqual([1, 4]);
  });
});

describe("a full quarantine", () => {
  it("does not change the refusal of a stale event, and the log says that it was not kept", async () => {
    const log = vi.spyOn(console, "error");
    const relay = new TestRelay();
    await fill(MOST_WAITING);
    const payload = makePayload("v1/cards");
    const timestamp = Math.floor(relay.now / 1000) - 4_000;
    const response = await relay.webhook(await businessRequest(payload, { secret: BUSINESS_SECRET, timestamp }));
    expect(await response.json()).toMatchObject({ status: 401, code: "timestamp_too_old" });
    const said = expect.stringContaining("QuarantineFull");
    const message = "stale_event.dropped";
    expect(log).toHaveBeenCalledWith({ unit: "receive", message, event_id: payload.id, error: said });
  });

  it("leaves with the queue what the queue has acknowledged, until there is room", async () => {
    const deaf = new TestRelay({ DB: interceptDatabase(env.DB, hanging) });
    expect(await (await deaf.sendAndLeave("taken by the queue")).json()).toEqual(quarantined);
    await fill(MOST_WAITING);

    const relay = new TestRelay();
    for (const { body } of deaf.events.sent) await relay.env.EVENTS.send(body);
    await relay.runQueues();
    expect(relay.events.waiting).toEqual([expect.objectContaining({ dueAt: relay.now + 600_000 })]);
    await relay.api("DELETE", "/api/quarantine/copy0");
    relay.passSeconds(600);
    await relay.runQueues();
    expect(relay.events.waiting).toEqual([]);
    expect((await relay.api("GET", "/api/quarantine?limit=1")).body.data).toEqual([
      expect.objectContaining({ reason: "unreadable", size_bytes: 18 }),
    ]);
  });
});
