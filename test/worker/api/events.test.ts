import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const ids = (page: { data: { id: string }[] }) => page.data.map(({ id }) => id);

/** Five events, a second apart: e0 the oldest. */
async function relayWithEvents(): Promise<TestRelay> {
  const relay = new TestRelay();
  const types = ["v1/cards", "v1/transfers", "v1/cards", "v1/accounts", "v1/cards"] as const;
  for (const [index, type] of types.entries()) {
    const organization_id = index < 3 ? "org-1" : "org-2";
    await relay.send(makePayload(type, { id: `e${index}`, organization_id }));
    relay.passSeconds(1);
  }
  return relay;
}

const at = (relay: TestRelay, secondsAgo: number) =>
  encodeURIComponent(new Date(relay.now - secondsAgo * 1000).toISOString());

describe("the list of events", () => {
  it("lists an event that D1 recorded late behind those that were read before", async () => {
    const stall = Promise.withResolvers<void>();
    const recorded = Promise.withResolvers<void>();
    const DB = interceptDatabase(env.DB, async (_call, proceed) => {
      await stall.promise;
      const results = await proceed();
      recorded.resolve();
      return results;
    });
    const late = new TestRelay({ DB });
    await late.sendAndLeave(makePayload("v1/cards", { id: "older" }));
    const relay = new TestRelay();
    relay.now = late.now + 5_000;
    await relay.send(makePayload("v1/cards", { id: "younger" }));
    const { body: read } = await relay.api("GET", "/api/events");
    stall.resolve();
    await recorded.promise;
    const since = encodeURIComponent(read.data[0].received_at);
    expect(ids((await relay.api("GET", `/api/events?since=${since}`)).body).toSorted()).toEqual(["older", "younger"]);
  });

  it("is not misled by a clock ahead of D1's", async () => {
    const ahead = new TestRelay();
    ahead.now = (await env.DB.prepare("SELECT unixepoch() * 1000 AS now").first<number>("now")) ?? 0;
    const until = ahead.now + 60_000;
    ahead.now += 3_600_000;
    await ahead.send(makePayload("v1/cards", { id: "ahead" }));
    const { body } = await ahead.api("GET", "/api/events/ahead");
    expect(Date.parse(body.received_at)).toBeLessThan(until);
  });

  it("shows an event's fields", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards", {
      organization_id: "org-1",
      created_at: "2025-01-24T11:55:00+01:00",
      data: { id: "card-1" },
    });
    await relay.send(payload);
    const { body } = await relay.api("GET", "/api/events");
    expect(body).toEqual({
      data: [
        {
          id: payload.id,
          source: "business",
          type: "v1/cards",
          event: "created",
          organization_id: "org-1",
          resource_id: "card-1",
          created_at: "2025-01-24T10:55:00Z",
          received_at: new Date(relay.now).toISOString(),
          reconciled: false,
          state: "pending",
        },
      ],
      next_cursor: null,
    });
  });

  it("shows an onboarding event as one of no organization", async () => {
    const relay = new TestRelay();
    await relay.sendOnboarding(makePayload("registrations.completed", { resource_id: "reg-1" }));
    const { body } = await relay.api("GET", "/api/events");
    expect(body.data[0]).toMatchObject({
      source: "onboarding",
      type: "registrations.completed",
      organization_id: null,
      resource_id: "reg-1",
    });
  });

  it("is newest first, and filtered by type, organization and time", async () => {
    const relay = await relayWithEvents();
    const list = async (query: string) => ids((await relay.api("GET", `/api/events?${query}`)).body);
    expect(await list("")).toEqual(["e4", "e3", "e2", "e1", "e0"]);
    expect(await list("type=v1/cards")).toEqual(["e4", "e2", "e0"]);
    expect(await list("organization_id=org-1")).toEqual(["e2", "e1", "e0"]);
    expect(await list("type=v1/cards&organization_id=org-1")).toEqual(["e2", "e0"]);
    expect(await list(`since=${at(relay, 3)}`)).toEqual(["e4", "e3", "e2"]);
    expect(await list(`until=${at(relay, 3)}`)).toEqual(["e1", "e0"]);
    expect(await list(`since=${at(relay, 4)}&until=${at(relay, 2)}`)).toEqual(["e2", "e1"]);
    expect(await list("type=v1/nothing")).toEqual([]);
  });

  it("is filtered by an instant in every form, a literal plus included", async () => {
    const relay = await relayWithEvents();
    const list = async (query: string) => ids((await relay.api("GET", `/api/events?${query}`)).body);
    const third = relay.now - 3_000;
    const utc = new Date(third).toISOString().slice(0, 19);
    const paris = new Date(third + 3_600_000).toISOString().slice(0, 19);
    const minute = new Date(third + 60_000).toISOString().slice(0, 16);
    for (const since of [utc, `${utc}+00:00`, `${paris}+01:00`, `${paris}%2B01:00`, `${paris}+0100`, `${utc} UTC`]) {
      expect([since, ...(await list(`since=${since}`))]).toEqual([since, "e4", "e3", "e2"]);
      expect([since, ...(await list(`until=${since}`))]).toEqual([since, "e1", "e0"]);
    }
    for (const until of [minute, `${minute}Z`, `${minute}+00:00`, utc.slice(0, 10).replace(/^\d{4}/, "2100")]) {
      expect([until, ...(await list(`until=${until}`))]).toEqual([until, "e4", "e3", "e2", "e1", "e0"]);
    }
  });

  it("describes an instant as a date-time in the document", async () => {
    const { body } = await new TestRelay().api("GET", "/openapi.json");
    const schemas = body.paths["/api/events"].get.parameters.map(({ name, schema }: any) => [name, schema]);
    for (const name of ["since", "until"]) {
      expect(Object.fromEntries(schemas)[name]).toEqual({ type: "string", format: "date-time" });
    }
  });

  it("names the valid form when it refuses an instant", async () => {
    const { body } = await new TestRelay().api("GET", "/api/events?since=yesterday");
    expect(body.errors).toEqual([{ path: "since", message: "must be an ISO 8601 instant, as 2026-11-29T10:00:00Z" }]);
  });

  it("is paged without gaps or repetitions while events are added", async () => {
    const relay = await relayWithEvents();
    for (const filter of ["", "&type=v1/cards"]) {
      const expected = ids((await relay.api("GET", `/api/events?limit=100${filter}`)).body);
      const seen: string[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const { body }: { body: any } = await relay.api(
          "GET",
          `/api/events?limit=1${filter}${cursor && `&cursor=${cursor}`}`,
        );
        expect(body.data.length).toBeLessThanOrEqual(1);
        seen.push(...ids(body));
        cursor = body.next_cursor;
        await relay.send(makePayload("v1/cards"));
        relay.passSeconds(1);
      }
      expect(seen).toEqual(expected);
    }
  });

  it("examines ten thousand events for a page, and goes on from there with the next", async () => {
    const relay = await relayWithEvents();
    const insert = env.DB.prepare(
      `INSERT INTO events (id, source, type, received_at, queued_at, recipients, body)
       SELECT 'filler-' || value, 'business', 'v1/filler', ?1, ?1, '{}', '{}' FROM json_each(?2)`,
    );
    await insert.bind(relay.now + 1, JSON.stringify(Array.from({ length: 10_000 }, (_, index) => index))).run();
    const first = (await relay.api("GET", "/api/events?type=v1/transfers")).body;
    expect(first.data).toEqual([]);
    const second = (await relay.api("GET", `/api/events?type=v1/transfers&cursor=${first.next_cursor}`)).body;
    expect(ids(second)).toEqual(["e1"]);
    expect(second.next_cursor).toBeNull();
  });

  it.each([
    "since=yesterday",
    "until=2026-11-31",
    "since=17000000000",
    "since=2026-11-29T10:00%2B",
    "cursor=e4",
    "status=pending",
  ])("refuses %s", async (query) => {
    const answer = await new TestRelay().api("GET", `/api/events?${query}`);
    expect(answer).toMatchObject({
      status: 400,
      body: { code: "invalid_request", errors: [{ path: query.split("=")[0] }] },
    });
  });
});

describe("an event", () => {
  it("is shown with its payload and its deliveries", async () => {
    const relay = new TestRelay();
    const { id: destinationId } = await relay.addDestination("https://destination.example.com/hook");
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    await relay.runQueues();
    const { body } = await relay.api("GET", `/api/events/${payload.id}`);
    expect(body).toMatchObject({ id: payload.id, state: "settled", payload });
    expect(body.deliveries).toEqual([
      {
        destination_id: destinationId,
        status: "delivered",
        next_attempt_at: null,
        attempts: [
          {
            attempt: 1,
            at: new Date(relay.now).toISOString(),
            status: 200,
            outcome: "delivered",
            duration_ms: 0,
            response_excerpt: "thanks",
          },
        ],
      },
    ]);
  });

  it("with an unknown id is 404", async () => {
    expect(await new TestRelay().api("GET", "/api/events/unknown")).toMatchObject({
      status: 404,
      body: { code: "not_found" },
    });
  });
});
