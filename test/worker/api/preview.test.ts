import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";

async function scene(settings: object = {}) {
  const relay = new TestRelay();
  const { id } = await relay.addDestination(url, settings);
  const preview = (input: object = {}) => relay.api("POST", `/api/destinations/${id}/preview`, input);
  return { relay, id, preview };
}

describe("a preview", () => {
  it("says which of the newest events would be sent, why not, and shows the newest that would", async () => {
    const { relay, preview } = await scene({ types: ["v1/cards"], organizations: ["org-1"] });
    const other = makePayload("v1/cards", { organization_id: "org-2" });
    const card = makePayload("v1/cards", { organization_id: "org-1" });
    const transfer = makePayload("v1/transfers", { organization_id: "org-1" });
    for (const payload of [other, card, transfer]) await relay.send(payload);
    const { status, body } = await preview({ format: "slack" });
    expect(status).toBe(200);
    expect(body).toEqual({
      matched: 1,
      filtered: 2,
      events: [
        {
          event_id: transfer.id,
          type: "v1/transfers",
          received_at: expect.any(String),
          would_send: false,
          reason: "types",
        },
        { event_id: card.id, type: "v1/cards", received_at: expect.any(String), would_send: true, reason: null },
        {
          event_id: other.id,
          type: "v1/cards",
          received_at: expect.any(String),
          would_send: false,
          reason: "organizations",
        },
      ],
      rendered: {
        event_id: card.id,
        type: "v1/cards",
        sample: false,
        content_type: "application/json; charset=utf-8",
        body: expect.stringContaining("was created"),
        fault: null,
      },
    });
    expect(JSON.parse(body.rendered.body).blocks[1].elements[0].text).toContain("https://relay.test/console/events/");
  });

  it("shows what the destination itself is sent when nothing is asked, and a sample when there is no event", async () => {
    const { relay, preview } = await scene();
    const { body } = await preview();
    expect(body).toMatchObject({
      matched: 0,
      filtered: 0,
      events: [],
      rendered: { sample: true, type: "v1/transactions" },
    });
    const payload = makePayload("v1/clients");
    await relay.send(payload);
    expect((await preview()).body.rendered).toMatchObject({ sample: false, body: JSON.stringify(payload) });
  });

  it("changes nothing, sends nothing and records nothing; a paused destination is judged alike", async () => {
    const { relay, id, preview } = await scene({ enabled: false });
    await relay.send(makePayload("v1/clients"));
    const state = async () => [
      await env.DB.prepare("SELECT * FROM destinations")
        .all()
        .then(({ results }) => results),
    ];
    const before = await state();
    expect((await preview({ format: "teams" })).body.matched).toBe(1);
    expect(await state()).toEqual(before);
    expect(relay.destinations.received).toEqual([]);
    const { body } = await relay.api("GET", `/api/audit?subject=${id}`);
    expect(body.data.map(({ action }: any) => action)).toEqual(["destination.created"]);
  });

  it("renders the event that is named, and says where a template fails", async () => {
    const { relay, preview } = await scene({ types: ["v1/transactions"] });
    const lacking = makePayload("v1/transactions", { data: { amount: null } });
    await relay.send(lacking);
    await relay.send(makePayload("v1/transactions"));
    const input = { format: "template", template: "[{{data.amount}},{{data.amount}}]" };
    expect((await preview(input)).body.rendered).toMatchObject({ body: "[50.01,50.01]", fault: null });
    expect((await preview({ ...input, event_id: lacking.id })).body.rendered).toMatchObject({
      event_id: lacking.id,
      body: null,
      content_type: null,
      fault: "line 1, column 17: no JSON at ‘,]’",
    });
  });

  it("refuses what saving would refuse, an unknown event and an unknown destination", async () => {
    const { relay, preview } = await scene();
    expect((await preview({ format: "template" })).body.errors).toEqual([
      { path: "template", message: "is needed by the format template" },
    ]);
    expect((await preview({ template: "{" })).body.errors[0].path).toBe("template");
    expect((await preview({ event_id: "none" })).body).toMatchObject({ status: 404, code: "not_found" });
    expect((await preview({ url })).body.errors).toEqual([{ path: "url", message: "is not a known field" }]);
    expect((await relay.api("POST", "/api/destinations/dst_none/preview", {})).status).toBe(404);
  });

  it("shows bytes that are no text as base64", async () => {
    const { relay, preview } = await scene();
    const request = await relay.signed("\u0000 no JSON");
    await relay.webhook(request);
    const { body } = await relay.api("GET", "/api/quarantine");
    await relay.api("POST", `/api/quarantine/${body.data[0].id}/release`);
    const { rendered } = (await preview()).body;
    expect(rendered).toMatchObject({ body: "\u0000 no JSON", type: "unreadable" });
  });

  it("looks at the newest hundred, with two calls of D1, and loads no more than memory allows", async () => {
    const { relay, preview } = await scene();
    await env.DB.prepare(
      `WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 120)
       INSERT INTO events (id, source, type, received_at, queued_at, body)
       SELECT 'e' || n, 'business', 'v1/cards', n, n, json_object('id', 'e' || n, 'type', 'v1/cards', 'pad', printf('%.*c', 1000000, 'x')) FROM number`,
    ).run();
    const meter = new Meter();
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, meter.intercept) };
    const { body } = await preview({ format: "slack" });
    expect(body).toMatchObject({ matched: 100, rendered: { event_id: "e120" } });
    expect(meter.calls).toBe(2);
  });
});
