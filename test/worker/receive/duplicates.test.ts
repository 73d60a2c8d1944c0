import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Meter, interceptDatabase } from "../support/database.ts";
import { type Payload, makePayload } from "../../support/qonto.ts";
import { messageOf } from "../../../src/messages.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);
afterEach(() => void vi.restoreAllMocks());

const destination = "https://destination.example.com/hook";

const countsOf = ({ id }: Payload) =>
  env.DB.prepare("SELECT duplicates, conflicts FROM events WHERE id = ?1").bind(id).first();

const statusOf = async (response: Response) => (await response.json<{ status: string }>()).status;

describe("a duplicate", () => {
  it("is counted, each time, in the one statement that tells it, for two rows", async () => {
    const meter = new Meter();
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, meter.intercept) });
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    expect(await countsOf(payload)).toEqual({ duplicates: 0, conflicts: 0 });
    meter.calls = 0;
    meter.written.length = 0;
    await relay.send(payload);
    expect(meter.calls).toBe(1);
    // The row of the event, and that by which the ledger finds it.
    expect(meter.written).toEqual([{ statement: "INSERT INTO events", rows: 2 }]);
    relay.passSeconds(86_400);
    await relay.send(payload);
    expect(await countsOf(payload)).toEqual({ duplicates: 2, conflicts: 0 });
  });

  it("with another body is told in the log and counted; the first body stays, and is delivered once", async () => {
    const log = vi.spyOn(console, "log");
    const relay = new TestRelay();
    await relay.addDestination(destination);
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    expect(await statusOf(await relay.send({ ...payload, note: "changed" }))).toBe("duplicate");
    expect(log).toHaveBeenLastCalledWith(
      expect.objectContaining({ unit: "receive", outcome: "duplicate", event_id: payload.id, conflict: true }),
    );
    await relay.send(payload);
    expect(log.mock.lastCall?.[0]).not.toHaveProperty("conflict");
    expect(await countsOf(payload)).toEqual({ duplicates: 2, conflicts: 1 });
    await relay.runQueues();
    expect(relay.destinations.at(destination).map(({ text }) => text)).toEqual([JSON.stringify(payload)]);
    expect((await relay.api("GET", `/api/events/${payload.id}`)).body.payload).toEqual(payload);
  });

  it("with another body, which the queue took because D1 was late, is not delivered and changes no state", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    const first = makePayload("v1/cards", { organization_id: "org-1", data: { id: "card-1", nickname: "first" } });
    await relay.send(first);
    const updated_at = "2099-01-01T00:00:00Z";
    const other = { ...first, organization_id: "org-2", data: { id: "card-1", nickname: "second", updated_at } };
    const inline = { source: "business", received_at: relay.now, content_type: null, content_encoding: null } as const;
    const message = (until: number | null) =>
      messageOf([{ id: first.id, lease_until: until, inline: { ...inline, body: JSON.stringify(other) } }]);
    // Before the event is finished, and after it.
    for (let time = 0; time < 2; time += 1) {
      await relay.env.EVENTS.send(message(relay.now + 1));
      await relay.runQueues();
      expect(relay.destinations.at(destination).map(({ text }) => text)).toEqual([JSON.stringify(first)]);
      const shown = await relay.api("GET", "/api/organizations/org-1/resources/card-1");
      expect(shown.body.data).toMatchObject({ nickname: "first" });
      expect((await relay.api("GET", "/api/organizations/org-2")).status).toBe(404);
    }
  });

  it("with another body, of an event whose message was lost, brings about the first body", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    relay.events.waiting = [];
    relay.passSeconds(31);
    await relay.send({ ...payload, note: "changed" });
    await relay.runQueues();
    expect(relay.destinations.at(destination).map(({ text }) => text)).toEqual([JSON.stringify(payload)]);
  });
});

describe("a statement that is repeated because D1 lost its answer", () => {
  const losing = (answer: number) => {
    let calls = 0;
    return interceptDatabase(env.DB, async (_call, proceed) => {
      calls += 1;
      const results = await proceed();
      if (calls === answer) throw new Error("D1_ERROR: Network connection lost.");
      return results;
    });
  };

  it("is no duplicate of itself, and counts none", async () => {
    const payload = makePayload("v1/cards");
    expect(await statusOf(await new TestRelay({ DB: losing(1) }).send(payload))).toBe("accepted");
    expect(await countsOf(payload)).toEqual({ duplicates: 0, conflicts: 0 });
  });

  it("still sends the message that was lost", async () => {
    const relay = new TestRelay({ DB: losing(2) });
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    relay.passSeconds(31);
    await relay.send(payload);
    expect(relay.events.sent).toHaveLength(2);
    expect(await countsOf(payload)).toEqual({ duplicates: 1, conflicts: 0 });
  });

  it("finds a lost message, and counts the duplicate, although D1 did nothing at its first try", async () => {
    let calls = 0;
    const DB = interceptDatabase(env.DB, (_call, proceed) => {
      calls += 1;
      return calls === 2 ? Promise.reject(new Error("D1_ERROR: Network connection lost.")) : proceed();
    });
    const relay = new TestRelay({ DB });
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    relay.passSeconds(31);
    expect(await statusOf(await relay.send(payload))).toBe("duplicate");
    expect(relay.events.sent).toHaveLength(2);
    expect(await countsOf(payload)).toEqual({ duplicates: 1, conflicts: 0 });
  });

  it("is a duplicate of an event that was recorded before it", async () => {
    const relay = new TestRelay({ DB: losing(2) });
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    relay.passSeconds(1);
    expect(await statusOf(await relay.send(payload))).toBe("duplicate");
    expect(relay.events.sent).toHaveLength(1);
  });
});
