import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { ok, statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";
const other = "https://other.example.com/hook";

async function send(relay: TestRelay, count: number, type: "v1/cards" | "v1/accounts" = "v1/cards"): Promise<string[]> {
  const ids: string[] = [];
  for (let made = 0; made < count; made += 1) {
    const payload = makePayload(type);
    relay.passSeconds(1);
    await relay.send(payload);
    ids.push(payload.id);
  }
  await relay.runQueues();
  return ids;
}

const receivedIds = (relay: TestRelay, url: string, from = 0) =>
  relay.destinations
    .at(url)
    .slice(from)
    .map(({ headers }) => headers.get("webhook-id"));

const iso = (at: number) => new Date(at).toISOString();

async function replay(relay: TestRelay, id: string, which: string, window: object = { since: iso(0) }) {
  return relay.api("POST", `/api/destinations/${id}/replay`, { which, ...window });
}

async function stateOf(relay: TestRelay, id: string): Promise<string> {
  return (await relay.api("GET", `/api/events/${id}`)).body.state;
}

/** A relay that loses a race: between its read and its write another request replays and delivers the same events. */
function overtakenBy(relay: TestRelay, replayFirst: () => Promise<unknown>): TestRelay {
  let isOvertaken = false;
  const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
    if (!isOvertaken && statements.some((sql) => sql.includes("SET status = 'pending'"))) {
      isOvertaken = true;
      await replayFirst();
      await relay.runQueues();
    }
    return proceed();
  });
  const overtaken = new TestRelay({ DB });
  overtaken.now = relay.now;
  return overtaken;
}

describe("an event's replay", () => {
  /** One destination that has the event, one whose delivery is dead. */
  async function halfDelivered() {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    const { id: otherId } = await relay.addDestination(other, { retry_schedule_seconds: [] });
    relay.destinations.answer(other, statuses(500));
    const [eventId = ""] = await send(relay, 1);
    relay.destinations.answer(other, ok);
    return { relay, id, otherId, eventId };
  }

  it("goes to all destinations that want it and do not have it", async () => {
    const { relay, eventId } = await halfDelivered();
    const answer = await relay.api("POST", `/api/events/${eventId}/replay`);
    expect(answer).toEqual({ status: 202, body: { count: 1 } });
    await relay.runQueues();
    expect(receivedIds(relay, destination)).toEqual([eventId]);
    expect(receivedIds(relay, other)).toEqual([eventId, eventId]);
  });

  it("is made once for two requests at once", async () => {
    const { relay, eventId } = await halfDelivered();
    const overtaken = overtakenBy(relay, () => relay.api("POST", `/api/events/${eventId}/replay`));
    expect(await overtaken.api("POST", `/api/events/${eventId}/replay`)).toEqual({ status: 202, body: { count: 0 } });
    await overtaken.runQueues();
    expect(receivedIds(relay, other)).toEqual([eventId, eventId]);
    expect(overtaken.destinations.received).toEqual([]);
  });

  it("goes to a named destination even if that has it, with the same id and the next attempt number", async () => {
    const { relay, id, eventId } = await halfDelivered();
    const answer = await relay.api("POST", `/api/events/${eventId}/replay`, { destination_id: id });
    expect(answer).toEqual({ status: 202, body: { count: 1 } });
    await relay.runQueues();
    expect(relay.destinations.at(destination).map(({ headers }) => headers.get("webhook-id"))).toEqual([
      eventId,
      eventId,
    ]);
    expect(relay.destinations.at(destination).map(({ headers }) => headers.get("x-relay-attempt"))).toEqual(["1", "2"]);
    expect(relay.destinations.at(other)).toHaveLength(1);
    expect(await stateOf(relay, eventId)).toBe("settled");
  });

  it("reaches a destination that was added later, if it wants the event or is named", async () => {
    const { relay, eventId } = await halfDelivered();
    const later = "https://later.example.com/";
    const { id: choosy } = await relay.addDestination(later, { types: ["v1/transfers"] });
    await relay.api("POST", `/api/events/${eventId}/replay`);
    await relay.runQueues();
    expect(relay.destinations.at(later)).toEqual([]);
    await relay.api("POST", `/api/events/${eventId}/replay`, { destination_id: choosy });
    await relay.runQueues();
    expect(receivedIds(relay, later)).toEqual([eventId]);
    const { body } = await relay.api("GET", `/api/events/${eventId}`);
    expect(body.deliveries).toHaveLength(3);
  });

  it.each([
    ["no body at all", undefined, {}],
    ["an empty body called JSON", "", { "content-type": "application/json" }],
    ["an empty object without a content type", "{}", {}],
  ])("takes %s", async (_title, body, headers) => {
    const { relay, eventId } = await halfDelivered();
    const init = { method: "POST", headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers } };
    const bytes = body === undefined ? undefined : new TextEncoder().encode(body);
    const response = await relay.fetch(`/api/events/${eventId}/replay`, { ...init, ...(bytes && { body: bytes }) });
    expect(response.status).toBe(202);
  });

  it("leaves a delivered delivery delivered when the new attempts fail", async () => {
    const { relay, id, eventId } = await halfDelivered();
    await relay.api("PATCH", `/api/destinations/${id}`, { retry_schedule_seconds: [] });
    relay.destinations.answer(destination, statuses(500));
    await relay.api("POST", `/api/events/${eventId}/replay`, { destination_id: id });
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(2);
    expect((await relay.api("GET", `/api/deliveries?destination_id=${id}`)).body.data[0].status).toBe("delivered");
    expect((await replay(relay, id, "failed")).body.count).toBe(0);
  });

  it("restarts the retry schedule of a dead delivery", async () => {
    const { relay, otherId, eventId } = await halfDelivered();
    await relay.api("PATCH", `/api/destinations/${otherId}`, { retry_schedule_seconds: [1] });
    relay.destinations.answer(other, statuses(500, 200));
    await relay.api("POST", `/api/events/${eventId}/replay`);
    await relay.runQueues();
    relay.passSeconds(1);
    await relay.runQueues();
    const { body } = await relay.api("GET", `/api/events/${eventId}`);
    const delivery = body.deliveries.find((one: { destination_id: string }) => one.destination_id === otherId);
    expect(delivery.status).toBe("delivered");
    expect(delivery.attempts.map(({ attempt }: { attempt: number }) => attempt)).toEqual([1, 2, 3]);
  });

  it("brings a delivery forward that waits on its retry schedule, and does not touch one that is being attempted", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    relay.destinations.answer(destination, statuses(500, 500, 200));
    const [eventId = ""] = await send(relay, 1);
    relay.passSeconds(5);
    await relay.runQueues();
    await relay.api("POST", `/api/events/${eventId}/replay`);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(3);

    await env.DB.prepare("UPDATE deliveries SET status = 'pending', next_attempt_at = ?1")
      .bind(relay.now + 60_000)
      .run();
    await relay.api("POST", `/api/events/${eventId}/replay`);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(3);
  });

  it("has nothing to do before the fan-out", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    for (const body of [{}, { destination_id: id }]) {
      expect((await relay.api("POST", `/api/events/${payload.id}/replay`, body)).body).toEqual({ count: 0 });
    }
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });

  it.each([
    ["an event that nobody knows", "e-unknown", {}, 404],
    ["a destination that nobody knows", "", { destination_id: "dst_unknown" }, 404],
    ["a field that nobody knows", "", { to: "x" }, 400],
  ])("of %s is refused", async (_title, unknownId, body, status) => {
    const { relay, eventId } = await halfDelivered();
    const answer = await relay.api("POST", `/api/events/${unknownId || eventId}/replay`, body);
    expect(answer.status).toBe(status);
  });
});

describe("a destination's replay", () => {
  it("of failed deliveries sends those and nothing else", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, { retry_schedule_seconds: [] });
    const before = await send(relay, 2);
    relay.destinations.answer(destination, statuses(500));
    const failed = await send(relay, 3);
    relay.destinations.answer(destination, ok);
    const from = relay.destinations.at(destination).length;
    expect(await replay(relay, id, "failed")).toMatchObject({ status: 202, body: { count: 3 } });
    await relay.runQueues();
    expect(receivedIds(relay, destination, from)).toEqual(failed);
    expect(before.some((one) => receivedIds(relay, destination, from).includes(one))).toBe(false);
    expect((await replay(relay, id, "failed")).body.count).toBe(0);
  });

  it("of failed deliveries sends each once for two requests at once", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, { retry_schedule_seconds: [] });
    relay.destinations.answer(destination, statuses(500));
    const failed = await send(relay, 3);
    relay.destinations.answer(destination, ok);
    const overtaken = overtakenBy(relay, () => replay(relay, id, "failed"));
    await replay(overtaken, id, "failed");
    await overtaken.runQueues();
    expect(receivedIds(relay, destination)).toEqual([...failed, ...failed]);
    expect(overtaken.destinations.received).toEqual([]);
  });

  it("of missing events sends a later destination all it wants, oldest first", async () => {
    const relay = new TestRelay();
    await relay.addDestination(other, { types: ["v1/cards"] });
    const cards = await send(relay, 3);
    const accounts = await send(relay, 1, "v1/accounts");
    expect(await stateOf(relay, accounts[0] ?? "")).toBe("unmatched");
    const { id } = await relay.addDestination(destination);
    const later = await send(relay, 1);
    expect(await replay(relay, id, "missing")).toMatchObject({ status: 202, body: { count: 4 } });
    await relay.runQueues();
    expect(receivedIds(relay, destination)).toEqual([...later, ...cards, ...accounts]);
    expect(await stateOf(relay, accounts[0] ?? "")).toBe("settled");
    expect(relay.destinations.at(other)).toHaveLength(4);
  });

  it("of missing events sends those that arrived while the destination was paused", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    const before = await send(relay, 1);
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: false });
    const missed = await send(relay, 2);
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: true });
    expect((await replay(relay, id, "missing")).body.count).toBe(2);
    await relay.runQueues();
    expect(receivedIds(relay, destination)).toEqual([...before, ...missed]);
  });

  it("of missing events sends only those that the destination wants", async () => {
    const relay = new TestRelay();
    await send(relay, 2);
    const accounts = await send(relay, 2, "v1/accounts");
    const { id } = await relay.addDestination(destination, { types: ["v1/acc*"] });
    expect((await replay(relay, id, "missing")).body.count).toBe(2);
    await relay.runQueues();
    expect(receivedIds(relay, destination)).toEqual(accounts);
  });

  it("of all events sends even those that the destination has, once", async () => {
    const relay = new TestRelay();
    const unowed = await send(relay, 1);
    const { id } = await relay.addDestination(destination, { retry_schedule_seconds: [] });
    const had = await send(relay, 2);
    relay.destinations.answer(destination, statuses(500));
    const failed = await send(relay, 1);
    relay.destinations.answer(destination, ok);
    const from = relay.destinations.at(destination).length;
    expect((await replay(relay, id, "all")).body.count).toBe(4);
    await relay.runQueues();
    expect(receivedIds(relay, destination, from)).toEqual([...unowed, ...had, ...failed]);
  });

  it("covers the time from since, inclusive, to until, exclusive", async () => {
    const relay = new TestRelay();
    const ids: string[] = [];
    const times: number[] = [];
    for (let count = 0; count < 4; count += 1) {
      ids.push(...(await send(relay, 1)));
      times.push(relay.now);
    }
    const { id } = await relay.addDestination(destination);
    const window = {
      since: iso(times[1] ?? 0),
      until: iso(times[3] ?? 0)
        .replace("Z", "+00:00")
        .replace("T", " "),
    };
    expect((await replay(relay, id, "missing", window)).body.count).toBe(2);
    await relay.runQueues();
    expect(receivedIds(relay, destination)).toEqual(ids.slice(1, 3));
  });

  it("that is too long for one request is continued by the cron, without gaps or repetitions", async () => {
    const relay = new TestRelay();
    const many = 7_300;
    await env.DB.prepare(
      `INSERT INTO events (id, source, type, received_at, queued_at, recipients, body)
       SELECT 'e' || value, 'business', 'v1/cards', ?2 + value / 10, ?2, '{}', '{}' FROM json_each(?1)`,
    )
      .bind(JSON.stringify(Array.from({ length: many }, (_, index) => index)), relay.now - 10_000)
      .run();
    const { id } = await relay.addDestination(destination);
    const { body } = await replay(relay, id, "missing");
    expect(body.count).toBe(many);
    const owing = async () =>
      env.DB.prepare("SELECT count(*) AS rows FROM deliveries WHERE status = 'pending'").first("rows");
    expect(await owing()).toBe(5_000);
    expect((await relay.api("GET", `/api/replays/${body.replay_id}`)).body.finished_at).toBeNull();
    await relay.runCron();
    expect(await owing()).toBe(many);
    expect((await relay.api("GET", `/api/replays/${body.replay_id}`)).body.finished_at).toBe(iso(relay.now));
    const { results } = await env.DB.prepare("SELECT DISTINCT recipients FROM events").all();
    expect(results).toEqual([{ recipients: JSON.stringify({ [id]: null }) }]);
  }, 60_000);

  it("does no page twice when two runs continue it at once", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    const ids = await send(relay, 3);
    // Between one run's read and write of a page, another run does that page, and it is delivered.
    let intervened = false;
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      if (!intervened && statements.some((sql) => sql.includes("UPDATE replays"))) {
        intervened = true;
        await relay.runCron();
        await relay.runQueues();
      }
      return proceed();
    });
    const overtaken = new TestRelay({ DB });
    overtaken.now = relay.now;
    await overtaken.api("POST", `/api/destinations/${id}/replay`, { which: "all", since: iso(0) });
    relay.passSeconds(10);
    await relay.runCron();
    await relay.runQueues();
    expect(intervened).toBe(true);
    expect(receivedIds(relay, destination)).toEqual([...ids, ...ids]);
  });

  it("drains a destination with an open circuit at once", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, { retry_schedule_seconds: [] });
    relay.destinations.answer(destination, statuses(500));
    await send(relay, 2);
    await env.DB.prepare("UPDATE destinations SET circuit_opened_at = ?1, next_drain_at = ?2")
      .bind(relay.now, relay.now + 60_000)
      .run();
    relay.destinations.answer(destination, ok);
    await replay(relay, id, "failed");
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(4);
  });

  it.each([
    ["no window", { which: "all" }, "since"],
    ["a window that ends before it begins", { which: "all", since: iso(5), until: iso(5) }, "until"],
    ["a time that is none", { which: "all", since: "yesterday" }, "since"],
    ["something else", { which: "some", since: iso(0) }, "which"],
    ["a field that nobody knows", { which: "all", since: iso(0), to: 1 }, "to"],
  ])("of %s is refused", async (_title, body, path) => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    const answer = await relay.api("POST", `/api/destinations/${id}/replay`, body);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", errors: [{ path }] } });
  });

  it("of an unknown destination is refused", async () => {
    expect((await replay(new TestRelay(), "dst_unknown", "all")).status).toBe(404);
    expect((await new TestRelay().api("GET", "/api/replays/rpl_unknown")).status).toBe(404);
  });
});
