import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { beforeEach, describe, expect, it } from "vitest";
import { usualRate } from "../../../src/domain/format.ts";
import { makePayload } from "../../support/qonto.ts";
import { ok, statuses } from "../support/destinations.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";

const credit = (data: object = {}) =>
  makePayload("v1/transactions", { data: { side: "credit", label: "Acme", clean_counterparty_name: "Acme", ...data } });

/** Creates a destination, or answers the errors of its refusal. */
async function create(relay: TestRelay, settings: object) {
  const { status, body } = await relay.api("POST", "/api/destinations", { url, ...settings });
  return status === 201 ? body : body.errors;
}

async function change(relay: TestRelay, id: string, settings: object) {
  const { status, body } = await relay.api("PATCH", `/api/destinations/${id}`, settings);
  return status === 200 ? body : body.errors;
}

const templateErrors = (message: unknown) => [{ path: "template", message }];

describe("the format of a destination", () => {
  it("is refused with a template that changes the marks of tags, or that other types do not fit", async () => {
    const relay = new TestRelay();
    expect(await create(relay, { format: "template", template: "{{=x=}}" })).toEqual(
      templateErrors("cannot be used for v1/transactions: the marks of tags cannot be changed"),
    );
    const template = '{"amount": {{data.amount}}}';
    const made = await create(relay, { format: "template", template, types: ["v1/transactions"] });
    expect(made).toMatchObject({ template });
    expect(await change(relay, made.id, { types: ["v1/cards"] })).toEqual(
      templateErrors(expect.stringContaining("v1/cards")),
    );
    expect(await change(relay, made.id, { types: ["v1/cards"], format: "qonto" })).toMatchObject({ template: null });
  });

  it("is chosen at creation, shown, changed, and recorded in the audit trail", async () => {
    const relay = new TestRelay();
    const template = '{"text": "{{relay.summary}}"}';
    const made = await create(relay, { format: "template", template });
    expect(made).toMatchObject({ format: "template", template });
    expect((await relay.api("GET", `/api/destinations/${made.id}`)).body).toMatchObject({
      format: "template",
      template,
    });
    relay.passSeconds(1);
    expect(await change(relay, made.id, { format: "cloudevents" })).toMatchObject({
      format: "cloudevents",
      template: null,
    });
    relay.passSeconds(1);
    expect(await change(relay, made.id, { description: "x" })).toMatchObject({ format: "cloudevents", template: null });
    const { body } = await relay.api("GET", "/api/audit");
    expect(body.data[1]).toMatchObject({
      before: { format: "template", template },
      after: { format: "cloudevents", template: null },
    });
  });

  it.each(["slack", "teams"] as const)("%s brings the rate that it takes, unless one is given", async (format) => {
    const relay = new TestRelay();
    const rate = usualRate(format);
    expect(await create(relay, { format })).toMatchObject({ max_per_second: rate });
    expect(await create(relay, { format, max_per_second: 0.5 })).toMatchObject({ max_per_second: 0.5 });
    expect(await create(relay, { format, max_per_second: null })).toMatchObject({ max_per_second: null });
    const { id } = await create(relay, {});
    expect(await change(relay, id, { format })).toMatchObject({ format, max_per_second: rate });
    expect(await change(relay, id, { max_per_second: null, format })).toMatchObject({ max_per_second: null });
    expect(await change(relay, id, { format })).toMatchObject({ max_per_second: null });
  });

  it("and its template must fit together", async () => {
    const relay = new TestRelay();
    const needed = templateErrors("is needed by the format template");
    const alone = templateErrors("is for the format template alone");
    expect(await create(relay, { format: "template" })).toEqual(needed);
    expect(await create(relay, { template: "{}" })).toEqual(alone);
    expect(await create(relay, { format: "slack", template: "{}" })).toEqual(alone);
    const { id } = await create(relay, { format: "template", template: "{}" });
    expect(await change(relay, id, { template: null })).toEqual(needed);
    expect(await change(relay, id, { template: "[]" })).toMatchObject({ format: "template", template: "[]" });
    expect(await change(relay, id, { format: "qonto", template: "[]" })).toEqual(alone);
    expect(await change(relay, id, { format: "template" })).toMatchObject({ format: "template", template: "[]" });
    expect(await create(relay, { format: "xml" })).toEqual([{ path: "format", message: expect.any(String) }]);
    expect(await create(relay, { format: "template", template: "x".repeat(16_385) })).toEqual(
      templateErrors(expect.any(String)),
    );
  });

  it("is refused with the place when the template gives no JSON for a type that the destination gets", async () => {
    const relay = new TestRelay();
    const template = '{"amount":\n  {{data.amount}}}';
    expect(await create(relay, { format: "template", template, types: ["v1/transactions"] })).toMatchObject({
      template,
    });
    expect(await create(relay, { format: "template", template })).toEqual(
      templateErrors(expect.stringMatching(/^cannot be used for v1\/accounts: line 2, column 18: no JSON at ‘}’$/)),
    );
    expect(await create(relay, { format: "template", template: '{"a": "{{type}"}' })).toEqual(
      templateErrors(expect.stringContaining("line 1, column 17: unclosed tag")),
    );
    expect((await relay.api("GET", "/api/destinations")).body.data).toHaveLength(1);
  });
});

describe("a delivery in a format", () => {
  it("is signed over what is sent, and the event stays as it was received", async () => {
    const relay = new TestRelay();
    const { secret } = await create(relay, { format: "cloudevents" });
    const payload = credit();
    await relay.send(payload);
    await relay.runQueues();
    const [{ text, headers } = { text: "", headers: new Headers() }] = relay.destinations.at(url);
    const sentAt = new Date(Number(headers.get("webhook-timestamp")) * 1000);
    expect(headers.get("webhook-signature")).toBe(new Webhook(secret).sign(payload.id, sentAt, text));
    expect(JSON.parse(text)).toMatchObject({ specversion: "1.0", id: payload.id, data: payload });
    expect(headers.get("webhook-id")).toBe(payload.id);
    expect(headers.get("content-type")).toBe("application/cloudevents+json; charset=utf-8");
    expect(await env.DB.prepare("SELECT body FROM events").first("body")).toBe(JSON.stringify(payload));
  });

  it("links to the console of the relay at which the operator last changed the destination", async () => {
    const relay = new TestRelay();
    await create(relay, { format: "slack" });
    const payload = credit();
    await relay.send(payload);
    await relay.liveThrough(5);
    expect(relay.destinations.at(url)[0]?.text).toContain(`<https://relay.test/console/events/${payload.id}|`);
    await env.DB.prepare("UPDATE destinations SET relay_url = NULL").run();
    await relay.send(credit());
    await relay.liveThrough(5);
    expect(relay.destinations.at(url)[1]?.text).not.toContain("console");
  });

  it("has the format of now on each retry and replay", async () => {
    const relay = new TestRelay();
    const { id } = await create(relay, { format: "cloudevents", retry_schedule_seconds: [10, 10] });
    relay.destinations.answer(url, statuses(500, 200));
    const payload = credit();
    await relay.send(payload);
    await relay.runQueues();
    await change(relay, id, { format: "template", template: '["{{id}}"]' });
    await relay.liveThrough(30);
    await change(relay, id, { format: "qonto" });
    await relay.api("POST", `/api/events/${payload.id}/replay`, { destination_id: id });
    await relay.liveThrough(5);
    const [first, retried, replayed, ...more] = relay.destinations.at(url).map(({ text }) => text);
    expect(JSON.parse(first ?? "")).toMatchObject({ specversion: "1.0" });
    expect([retried, replayed, more]).toEqual([`["${payload.id}"]`, JSON.stringify(payload), []]);
  });

  it("is what a test sends too, and says that it is a test", async () => {
    const relay = new TestRelay();
    const { id } = await create(relay, { format: "slack", types: ["v1/transactions"] });
    expect((await relay.api("POST", `/api/destinations/${id}/test`)).body).toMatchObject({ outcome: "delivered" });
    expect(JSON.parse(relay.destinations.at(url)[0]?.text ?? "").text).toBe(
      "Test, nothing happened: Outgoing payment of 50.01 EUR to ACME Corp was completed.",
    );
  });

  it("that waits for Slack's Retry-After is made again after it", async () => {
    const relay = new TestRelay();
    await create(relay, { format: "slack" });
    let asked = 0;
    relay.destinations.answer(url, (...request) => {
      asked += 1;
      return asked === 1
        ? new Response("rate_limited", { status: 429, headers: { "retry-after": "30" } })
        : ok(...request);
    });
    await relay.send(credit());
    await relay.liveThrough(20);
    expect(asked).toBe(1);
    await relay.liveThrough(30);
    expect(asked).toBe(2);
  });
});

describe("an event of which a template makes no JSON", () => {
  const template = '{"amount": {{data.amount}}}';

  async function failingDestination() {
    const relay = new TestRelay();
    const settings = { types: ["v1/transactions"], retry_schedule_seconds: [10, 1_000] };
    const { id } = await create(relay, { format: "template", template, ...settings });
    const { amount: _amount, ...data } = Object(credit()["data"]);
    const payload = { ...credit(), data };
    await relay.send(payload);
    await relay.liveThrough(5);
    const delivery = async () => (await relay.api("GET", `/api/events/${payload.id}`)).body.deliveries[0];
    return { relay, id, payload, delivery };
  }

  it("is not sent; the attempt says where, and the delivery is dead after the last one", async () => {
    const { relay, delivery } = await failingDestination();
    expect(await delivery()).toMatchObject({
      status: "pending",
      attempts: [
        {
          outcome: "refused",
          status: null,
          response_excerpt: "The template cannot be used for this event: line 1, column 27: no JSON at ‘}’.",
        },
      ],
    });
    await relay.liveThrough(1_200);
    expect(await delivery()).toMatchObject({ status: "dead", attempts: [{}, {}, {}] });
    expect(relay.destinations.at(url)).toEqual([]);
  });

  it("goes out at once when the template is mended", async () => {
    const { relay, id, delivery } = await failingDestination();
    await relay.liveThrough(10);
    await change(relay, id, { template: '{"amount": {{{data.amount}}}}' });
    await relay.runQueues();
    expect(await delivery()).toMatchObject({ status: "delivered" });
    expect(relay.destinations.at(url).map(({ text }) => text)).toEqual(['{"amount": null}']);
  });

  it("does not hold up the others", async () => {
    const { relay } = await failingDestination();
    await relay.send(credit({ amount: 7 }));
    await relay.liveThrough(2);
    expect(relay.destinations.at(url).map(({ text }) => text)).toEqual(['{"amount": 7}']);
  });
});

it("the rounds of a section count as values, also of an empty one", async () => {
  const relay = new TestRelay();
  const items = "{{#data.items}}";
  const template = `[${items.repeat(3)}${"{{/data.items}}".repeat(3)}]`;
  await relay.addDestination(url, { format: "template", template });
  await relay.send(credit({ items: Array.from({ length: 10_000 }, () => 1) }));
  await relay.runQueues();
  expect(relay.destinations.at(url)).toEqual([]);
  const { body } = await relay.api("GET", "/api/deliveries");
  const event = (await relay.api("GET", `/api/events/${body.data[0].event_id}`)).body;
  expect(event.deliveries[0].attempts[0].response_excerpt).toContain("inserts more than");
});
