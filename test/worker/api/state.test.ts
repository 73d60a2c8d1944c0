import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { insertConnection } from "../support/connections.ts";
import { permutations } from "../support/permutations.ts";
import { type Payload, makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

async function relayAfter(payloads: readonly Payload[]): Promise<TestRelay> {
  const relay = new TestRelay();
  for (const payload of payloads) await relay.send(payload);
  await relay.runQueues();
  return relay;
}

const client = (event: string, updated_at: string, changes: object = {}) =>
  makePayload("v1/clients", { organization_id: "org-1", data: { id: "client-1", event, updated_at, ...changes } });

describe("the latest state", () => {
  it("is the same in whatever order and however often events arrive, in one batch or in many", async () => {
    const events = [
      client("created", "2025-01-01T00:00:00Z", { name: "first" }),
      client("updated", "2025-01-02T01:00:00+02:00", { name: "second" }),
      client("updated", "2025-01-02T00:00:00Z", { name: "third" }),
      client("deleted", "2025-01-02T00:00:00.000Z", { name: "fourth" }),
    ];
    const answers = new Set<string>();
    for (const order of permutations(events)) {
      await emptyDatabase();
      const relay = new TestRelay();
      for (const [index, payload] of [...order, ...order.slice(0, 2)].entries()) {
        await relay.send(payload);
        if (index % 2 === 0) await relay.runQueues();
      }
      await relay.runQueues();
      const { body } = await relay.api("GET", "/api/organizations/org-1/resources/client-1?type=v1/clients");
      answers.add(JSON.stringify(body));
    }
    expect([...answers]).toHaveLength(1);
    expect(JSON.parse([...answers][0] ?? "")).toMatchObject({
      deleted: true,
      event: "deleted",
      version_at: "2025-01-02T00:00:00.000Z",
      data: { name: "fourth" },
    });
  });

  it("keeps all digits of numeric ids in rows, filters and paths", async () => {
    const number = (digits: string) => JSON.rawJSON(digits);
    const organization_id = number("9007199254740993");
    const ofCard = (digits: string) =>
      makePayload("v1/cards", { id: `event-${digits}`, organization_id, data: { id: number(digits) } });
    const relay = await relayAfter([
      ofCard("9007199254740993"),
      ofCard("9007199254740995"),
      ofCard("10"),
      ofCard("10.0"),
      makePayload("v1/cards", { organization_id: number("9007199254740995"), data: { id: number("10") } }),
    ]);
    const { body } = await relay.api("GET", "/api/organizations/9007199254740993/resources?type=v1/cards");
    const rows = body.data.map(({ resource_id, event_id }: any) => [resource_id, event_id]);
    expect(Object.fromEntries(rows)).toEqual({
      "10": "event-10",
      "10.0": "event-10.0",
      "9007199254740993": "event-9007199254740993",
      "9007199254740995": "event-9007199254740995",
    });
    const path = "/api/organizations/9007199254740993/resources/9007199254740995?type=v1/cards";
    expect((await relay.api("GET", path)).body.event_id).toBe("event-9007199254740995");
    const listed = await relay.api("GET", "/api/events?organization_id=9007199254740995");
    expect(listed.body.data).toEqual([
      expect.objectContaining({ organization_id: "9007199254740995", resource_id: "10" }),
    ]);

    await relay.sendOnboarding(makePayload("registrations.pending", { resource_id: number("9007199254740993") }));
    await relay.sendOnboarding(makePayload("registrations.completed", { resource_id: number("9007199254740995") }));
    await relay.runQueues();
    expect((await relay.api("GET", "/api/registrations/9007199254740993")).body.stage).toBe("pending");
    expect((await relay.api("GET", "/api/registrations/9007199254740995")).body.stage).toBe("completed");
  });

  it("shows one row for a type without a resource id, found under its organization's id", async () => {
    const connection = (event: string, created_at: string) =>
      makePayload("v1/payment-links-connections", { organization_id: "org-1", created_at, data: { event } });
    const relay = await relayAfter([
      connection("connection_enabled", "2025-01-01T00:00:00Z"),
      connection("connection_revoked", "2025-01-02T00:00:00Z"),
    ]);
    const { body } = await relay.api("GET", "/api/organizations/org-1/resources?type=v1/payment-links-connections");
    expect(body.data).toEqual([
      expect.objectContaining({ resource_id: null, event: "connection_revoked", deleted: false }),
    ]);
    const one = await relay.api("GET", "/api/organizations/org-1/resources/org-1?type=v1/payment-links-connections");
    expect(one.body).toEqual(body.data[0]);
  });

  it("counts resources by type and shows the organization's profile", async () => {
    const relay = await relayAfter([
      makePayload("v1/organizations", {
        organization_id: "org-1",
        data: { id: "org-1", legal_name: "Elektro Tesla GmbH" },
      }),
      makePayload("v1/cards", { organization_id: "org-1", data: { id: "card-1" } }),
      makePayload("v1/cards", { organization_id: "org-1", data: { id: "card-2" } }),
      makePayload("v1/cards", { organization_id: "org-1", data: { id: "card-2" } }),
      makePayload("v1/cards", { organization_id: "org-2", data: { id: "card-3" } }),
    ]);
    const lastEventAt = new Date(relay.now).toISOString();
    expect((await relay.api("GET", "/api/organizations/org-1")).body).toEqual({
      organization_id: "org-1",
      profile: expect.objectContaining({ legal_name: "Elektro Tesla GmbH", status: "suspended" }),
      counts: { "v1/cards": 2, "v1/organizations": 1 },
      last_event_at: lastEventAt,
      complete_until: null,
    });
    await insertConnection(relay.now, { organization_id: "org-1", reconciled_until: null });
    expect((await relay.api("GET", "/api/organizations/org-1")).body.complete_until).toBeNull();
    await env.DB.prepare("UPDATE connections SET reconciled_until = ?1").bind(relay.now).run();
    expect((await relay.api("GET", "/api/organizations/org-1")).body.complete_until).toBe(lastEventAt);
    expect((await relay.api("GET", "/api/organizations/org-2")).body.complete_until).toBeNull();
    // The profile is the organization's whatever id its data has.
    await relay.send(
      makePayload("v1/organizations", { organization_id: "org-3", data: { id: "x", legal_name: "Third" } }),
    );
    await relay.runQueues();
    expect((await relay.api("GET", "/api/organizations/org-3")).body.profile).toMatchObject({ legal_name: "Third" });
    expect((await relay.api("GET", "/api/organizations/org-2")).body).toMatchObject({
      profile: null,
      counts: { "v1/cards": 1 },
    });
    expect((await relay.api("GET", "/api/organizations")).body).toEqual({
      data: [
        { organization_id: "org-1", name: "Elektro Tesla GmbH", last_event_at: lastEventAt },
        { organization_id: "org-2", name: null, last_event_at: lastEventAt },
        { organization_id: "org-3", name: "Third", last_event_at: lastEventAt },
      ],
      next_cursor: null,
    });
  });

  it("is paged by organization, by type and by resource", async () => {
    const relay = await relayAfter(
      ["a", "b", "c"].flatMap((organization_id) =>
        (["v1/accounts", "v1/cards", "v1/payment-links-connections"] as const).flatMap((type) =>
          ["1", "2", "3"].map((id) => makePayload(type, { organization_id, data: { id } })),
        ),
      ),
    );
    const walk = async (path: string) => {
      const seen: any[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const { body }: { body: any } = await relay.api("GET", `${path}${cursor && `&cursor=${cursor}`}`);
        expect(body.data.length).toBeLessThanOrEqual(2);
        seen.push(...body.data);
        cursor = body.next_cursor;
      }
      return seen;
    };
    expect((await walk("/api/organizations?limit=2")).map((row) => row.organization_id)).toEqual(["a", "b", "c"]);
    expect((await walk("/api/organizations/b/resources?limit=2")).map((row) => [row.type, row.resource_id])).toEqual([
      ...["1", "2", "3"].map((id) => ["v1/accounts", id]),
      ...["1", "2", "3"].map((id) => ["v1/cards", id]),
      ["v1/payment-links-connections", null],
    ]);
    expect((await walk("/api/organizations/b/resources?limit=2&type=v1/cards")).map((row) => row.resource_id)).toEqual([
      "1",
      "2",
      "3",
    ]);
    expect(await walk("/api/organizations/b/resources?limit=2&type=v1/payment-links-connections")).toHaveLength(1);
  });

  it("can be filtered by ids, with their type", async () => {
    const ofCards = (organization_id: string, id: string) => makePayload("v1/cards", { organization_id, data: { id } });
    const relay = await relayAfter([ofCards("a", "1"), ofCards("a", "2"), ofCards("a", "3"), ofCards("b", "4")]);
    const idsOf = async (query: string) => {
      const { status, body } = await relay.api("GET", `/api/organizations/a/resources?${query}`);
      return status === 200 ? body.data.map(({ resource_id }: { resource_id: string }) => resource_id) : status;
    };
    expect(await idsOf("type=v1/cards&resource_id=3&resource_id=1&resource_id=4&resource_id=unknown")).toEqual([
      "1",
      "3",
    ]);
    expect(await idsOf("type=v1/cards&resource_id=2")).toEqual(["2"]);
    expect(await idsOf("type=v1/accounts&resource_id=2")).toEqual([]);
    expect(await idsOf("resource_id=2")).toBe(400);
    expect(await idsOf(`type=v1/cards${"&resource_id=1".repeat(101)}`)).toBe(400);
  });

  it("finds the newest resource of an id without its type", async () => {
    const relay = await relayAfter([
      makePayload("v1/accounts", {
        organization_id: "org-1",
        data: { id: "shared", updated_at: "2025-01-01T00:00:00Z" },
      }),
      makePayload("v1/cards", { organization_id: "org-1", data: { id: "shared", updated_at: "2025-01-02T00:00:00Z" } }),
    ]);
    expect((await relay.api("GET", "/api/organizations/org-1/resources/shared")).body.type).toBe("v1/cards");
    expect((await relay.api("GET", "/api/organizations/org-1/resources/shared?type=v1/accounts")).body.type).toBe(
      "v1/accounts",
    );
  });

  it.each([
    "/api/organizations/unknown",
    "/api/organizations/org-1/resources/unknown",
    "/api/organizations/org-1/resources/card-1?type=v1/accounts",
    "/api/registrations/unknown",
    "/api/quarantine/unknown",
  ])("answers 404 at %s", async (path) => {
    const relay = await relayAfter([makePayload("v1/cards", { organization_id: "org-1", data: { id: "card-1" } })]);
    expect(await relay.api("GET", path)).toMatchObject({ status: 404, body: { code: "not_found" } });
  });
});

describe("a registration", () => {
  it("shows its present stage and all stages before, each once, in whatever order they arrived", async () => {
    const relay = new TestRelay();
    const stages = ["completed", "pending", "contract_signed", "user_started"] as const;
    const times = { pending: 1, user_started: 2, contract_signed: 2, completed: 3 };
    for (const stage of [...stages, ...stages]) {
      await relay.sendOnboarding(
        makePayload(`registrations.${stage}`, {
          id: stage,
          resource_id: "reg-1",
          created_at: `2022-08-29T13:00:0${times[stage]}Z`,
        }),
      );
      await relay.runQueues();
    }
    await relay.sendOnboarding(makePayload("registrations.pending", { resource_id: "reg-2" }));
    await relay.sendOnboarding(makePayload("organizations.deleted", { resource_id: "reg-3-an-organization" }));
    await relay.runQueues();
    expect((await relay.api("GET", "/api/registrations/reg-3-an-organization")).status).toBe(404);

    const { body } = await relay.api("GET", "/api/registrations/reg-1");
    expect(body).toEqual({
      registration_id: "reg-1",
      stage: "completed",
      stage_at: "2022-08-29T13:00:03Z",
      stages: [
        { stage: "pending", at: "2022-08-29T13:00:01Z", event_id: "pending" },
        { stage: "user_started", at: "2022-08-29T13:00:02Z", event_id: "user_started" },
        { stage: "contract_signed", at: "2022-08-29T13:00:02Z", event_id: "contract_signed" },
        { stage: "completed", at: "2022-08-29T13:00:03Z", event_id: "completed" },
      ],
    });
    const list = await relay.api("GET", "/api/registrations?limit=1");
    expect(list.body.data).toEqual([body]);
    const next = await relay.api("GET", `/api/registrations?limit=1&cursor=${list.body.next_cursor}`);
    expect(next.body.data).toMatchObject([{ registration_id: "reg-2", stage: "pending" }]);
    const last = await relay.api("GET", `/api/registrations?limit=1&cursor=${next.body.next_cursor}`);
    expect(last.body).toEqual({ data: [], next_cursor: null });
  });
});
