import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";
const dying = "https://dying.example.com/hook";

interface Listed {
  readonly event_id: string;
  readonly destination_id: string;
  readonly status: string;
}

/** Follows the cursors to the end. */
async function all(relay: TestRelay, query: string): Promise<Listed[]> {
  const found: Listed[] = [];
  let cursor: string | null = null;
  do {
    const { body } = await relay.api("GET", `/api/deliveries?${query}${cursor === null ? "" : `&cursor=${cursor}`}`);
    found.push(...body.data);
    cursor = body.next_cursor;
  } while (cursor !== null);
  return found;
}

/** Five events for two destinations: one gets them, the other refuses them until they are dead. */
async function relayWithDeliveries() {
  const relay = new TestRelay();
  const { id } = await relay.addDestination(destination);
  relay.passSeconds(1);
  const { id: dyingId } = await relay.addDestination(dying, { retry_schedule_seconds: [] });
  relay.destinations.answer(dying, statuses(500));
  const ids: string[] = [];
  for (let count = 0; count < 5; count += 1) {
    const payload = makePayload("v1/cards");
    relay.passSeconds(1);
    await relay.send(payload);
    await relay.runQueues();
    ids.unshift(payload.id);
  }
  return { relay, id, dyingId, ids };
}

const idsOf = (deliveries: readonly Listed[]) => deliveries.map(({ event_id }) => event_id);

describe("deliveries", () => {
  it("are listed with their attempts, newest event first", async () => {
    const { relay, id, dyingId, ids } = await relayWithDeliveries();
    const found = await all(relay, "limit=3");
    expect(found.map(({ destination_id }) => destination_id)).toEqual(ids.flatMap(() => [dyingId, id]));
    expect(idsOf(found)).toEqual(ids.flatMap((eventId) => [eventId, eventId]));
    expect(found[0]).toEqual({
      event_id: ids[0],
      received_at: new Date(relay.now).toISOString(),
      destination_id: dyingId,
      status: "dead",
      next_attempt_at: null,
      attempts: [expect.objectContaining({ attempt: 1, status: 500, outcome: "rejected" })],
    });
  });

  it.each(["pending", "delivered", "dead"])(
    "that are %s are listed alone, and those of one destination",
    async (status) => {
      const { relay, id, dyingId, ids } = await relayWithDeliveries();
      relay.destinations.answer(destination, statuses(500));
      const pending = makePayload("v1/cards");
      relay.passSeconds(1);
      await relay.send(pending);
      await relay.runQueues();
      const dead = [pending.id, ...ids];
      const expected = { pending: [pending.id], delivered: ids, dead }[status];
      expect(idsOf(await all(relay, `status=${status}&limit=2`))).toEqual(expected);
      const owner = status === "dead" ? dyingId : id;
      expect(idsOf(await all(relay, `status=${status}&destination_id=${owner}&limit=2`))).toEqual(expected);
      expect(await all(relay, `status=${status}&destination_id=${owner === id ? dyingId : id}`)).toEqual([]);
    },
  );

  it("are paged without gaps or repetitions while new ones are added", async () => {
    const { relay, ids } = await relayWithDeliveries();
    const { body: first } = await relay.api("GET", "/api/deliveries?status=dead&limit=2");
    relay.passSeconds(1);
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    const { body: second } = await relay.api("GET", `/api/deliveries?status=dead&cursor=${first.next_cursor}`);
    expect([...idsOf(first.data), ...idsOf(second.data)]).toEqual(ids);
  });

  it("that are dead are found behind any number of delivered ones", async () => {
    const { relay, dyingId } = await relayWithDeliveries();
    await env.DB.prepare(
      `INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts)
       SELECT ?1, ?2 + value, 'other-' || value, 'delivered', '[]' FROM json_each(?3)`,
    )
      .bind(dyingId, relay.now + 1, JSON.stringify(Array.from({ length: 11_000 }, (_, index) => index)))
      .run();
    const { body } = await relay.api("GET", "/api/deliveries?status=dead");
    expect(body.data).toHaveLength(5);
    // A status without an index of its own is searched page by page.
    const { body: page } = await relay.api("GET", `/api/deliveries?status=pending&destination_id=${dyingId}`);
    expect(page).toEqual({ data: [], next_cursor: expect.any(String) });
    expect(await all(relay, `status=pending&destination_id=${dyingId}`)).toEqual([]);
  });

  it.each(["status=lost", "limit=0", "cursor=e30", "page=2"])("refuse %s", async (query) => {
    expect((await new TestRelay().api("GET", `/api/deliveries?${query}`)).status).toBe(400);
  });
});
