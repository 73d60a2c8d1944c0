import { describe, expect, it } from "vitest";
import { eventAddress } from "../../../../src/console/addresses.ts";
import type { RelayEvent } from "../../../../src/domain/event.ts";
import type { Format } from "../../../../src/domain/format.ts";
import { operationalEvent, operationalSamples } from "../../../../src/domain/operational-event.ts";
import { TemplateFault } from "../../../../src/outbound/format/fault.ts";
import { renderEvent } from "../../../../src/outbound/format/render.ts";
import { readEventText, unreadableEvent } from "../../../../src/qonto/read-event.ts";
import { sampleTypes, sourceOfType } from "../../../../src/qonto/sample-event.ts";
import { makePayload } from "../../../support/qonto.ts";

const RELAY = "https://relay.example.com";

const metadata = { contentType: "application/json", contentEncoding: null, receivedAt: 1_700_000_000_000 };

function eventOf(body: string | object, source: "business" | "onboarding" = "business"): RelayEvent {
  const event = readEventText(typeof body === "string" ? body : JSON.stringify(body), { ...metadata, source });
  if (event === null) throw new Error("No event");
  return event;
}

async function render(event: RelayEvent, format: Format, relayUrl: string | null = RELAY) {
  const rendered = await renderEvent(event, { format, template: null, relayUrl });
  if (rendered instanceof TemplateFault) throw rendered;
  return { ...rendered, text: new TextDecoder().decode(rendered.body) };
}

async function renderJson(event: RelayEvent, format: Format, relayUrl?: string | null) {
  const { text } = await render(event, format, relayUrl);
  return JSON.parse(text);
}

const samples = sampleTypes.map((type) => ({ type, event: eventOf(makePayload(type), sourceOfType(type)) }));
const lost = operationalEvent("relay.connection.lost", {
  transition: "con_1",
  organizationId: "org-1",
  at: 0,
  data: operationalSamples["relay.connection.lost"],
});
const everyEvent = [...samples, { type: lost.type, event: lost }];

const unreadable = unreadableEvent("u1", new Uint8Array([0xff, 0x00, 0x3c]), { ...metadata, source: "business" });

const transaction = (data: object) => eventOf({ id: "e1", type: "v1/transactions", organization_id: "org-1", data });

describe("the format qonto", () => {
  it("is the body, byte for byte, with its own content type and encoding", async () => {
    const event = { ...eventOf(' {"id":"e1","type":"v1/cards","n":1.00}\n'), contentEncoding: "identity" };
    expect(await render(event, "qonto")).toMatchObject({
      contentType: "application/json",
      contentEncoding: "identity",
      text: event.body,
    });
    expect((await render(unreadable, "qonto")).body).toEqual(new Uint8Array([0xff, 0x00, 0x3c]));
  });
});

describe("the format cloudevents", () => {
  it.each(everyEvent)("of $type has the attributes that the specification asks for", async ({ type, event }) => {
    const { text, contentType, contentEncoding } = await render(event, "cloudevents");
    const { data, ...attributes } = JSON.parse(text);
    expect(contentType).toBe("application/cloudevents+json; charset=utf-8");
    expect(contentEncoding).toBeNull();
    expect(attributes).toEqual({
      specversion: "1.0",
      id: event.id,
      source: `urn:qonto:${type.startsWith("relay.") ? "relay" : event.source}`,
      type,
      time: event.createdAt,
      ...(event.resourceId === null ? {} : { subject: event.resourceId }),
      ...(event.organizationId === null ? {} : { organizationid: event.organizationId }),
      datacontenttype: "application/json",
    });
    for (const name of Object.keys(attributes)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
    expect(data).toEqual(JSON.parse(event.body));
  });

  it("has the body in its own spelling", async () => {
    const body = '{ "id":"e1", "type":"v1/cards", "data":{"amount":50.10,"id":12345678901234567890} }';
    expect((await render(eventOf(body), "cloudevents")).text).toContain(`"data":${body}}`);
    const { text } = await render(eventOf(`\uFEFF${body}`), "cloudevents");
    expect(text).toContain(`"data":${body}}`);
  });

  it("leaves out what is not known, and what no attribute may hold", async () => {
    const odd = await renderJson(eventOf({ id: "e1", type: "t", organization_id: "a\u0007", data: {} }), "cloudevents");
    expect(Object.keys(odd)).toEqual(["specversion", "id", "source", "type", "datacontenttype", "data"]);
  });

  it("has a body that cannot be read as data_base64", async () => {
    expect(await renderJson(unreadable, "cloudevents")).toEqual({
      specversion: "1.0",
      id: "u1",
      source: "urn:qonto:business",
      type: "unreadable",
      datacontenttype: "application/octet-stream",
      data_base64: "/wA8",
    });
  });
});

describe("the format slack", () => {
  it.each(everyEvent)("of $type is a message within the limits, with a link", async ({ event }) => {
    const { text, blocks } = await renderJson(event, "slack");
    expect(text).toMatch(/^[A-Z].+\.$/);
    const [section, context] = blocks;
    expect(section).toEqual({ type: "section", text: { type: "mrkdwn", text, verbatim: true } });
    expect(context.elements).toHaveLength(1);
    expect(context.elements[0].text).toContain(`Type: ${event.type}`);
    expect(context.elements[0].text).toContain(`<${RELAY}${eventAddress(event.id)}|Open in the console>`);
  });

  it("says what happened, the amount, the counterparty and the organization", async () => {
    const data = { side: "credit", status: "completed", amount: "1200.50", currency: "EUR", label: "Acme GmbH" };
    const { text, blocks } = await renderJson(transaction(data), "slack");
    expect(text).toBe("Incoming payment of 1200.50 EUR from Acme GmbH was completed.");
    expect(blocks[1].elements[0].text).toContain("Organization: org-1");
  });

  it("holds no markup of others, and mentions nobody", async () => {
    const label = "<!channel> <@U1> <https://evil.example.com|bank> & @here @Everyone";
    const { text } = await render(transaction({ side: "credit", label }), "slack");
    expect(JSON.parse(text).text).toContain("&lt;!channel&gt; &lt;@U1&gt; &lt;https://evil.example.com|bank&gt; &amp;");
    expect(text).not.toMatch(/<[!@#]/);
    expect(text).not.toMatch(/@(here|channel|everyone)/i);
  });

  it("of an event of 200 KB is a short message", async () => {
    const huge = "<&>".repeat(66_000);
    const event = transaction({
      side: "debit",
      label: huge,
      amount: "5.00",
      currency: "EUR",
      status: huge,
      note: huge,
    });
    expect(event.body.length).toBeGreaterThan(200_000);
    const { blocks } = await renderJson(event, "slack");
    for (const text of [blocks[0].text.text, blocks[1].elements[0].text]) expect(text.length).toBeLessThan(3_000);
  });

  it.each(["slack", "teams"] as const)("and %s are bounded for the longest values of all", async (format) => {
    const long = "&".repeat(255);
    const event = eventOf({
      id: long,
      type: long,
      organization_id: long,
      data: { name: long, event: long, status: long },
    });
    const { text } = await render(event, format);
    expect(text.length).toBeLessThan(10_000);
    for (const part of text.split('"')) expect(part.length).toBeLessThan(3_000);
  });

  it("has no link where the relay's address is not known, and says that a test is one", async () => {
    const event = transaction({ side: "credit" });
    expect((await render(event, "slack", null)).text).not.toContain("console");
    const { text } = await render({ ...event, id: "test_1" }, "slack");
    expect(text).not.toContain("console");
    expect(JSON.parse(text).text).toBe("Test, nothing happened: Incoming payment was received.");
  });

  it("of an event that cannot be read says so", async () => {
    expect((await renderJson(unreadable, "slack")).text).toBe("An event that cannot be read was received.");
  });
});

describe("the format teams", () => {
  it.each(everyEvent)("of $type is an adaptive card of plain text, with a link", async ({ event }) => {
    const { text } = await render(event, "teams");
    const card = JSON.parse(text);
    expect(card).toMatchObject({
      type: "message",
      attachments: [
        {
          contentType: "application/vnd.microsoft.card.adaptive",
          content: {
            type: "AdaptiveCard",
            version: "1.4",
            actions: [{ type: "Action.OpenUrl", url: `${RELAY}${eventAddress(event.id)}` }],
          },
        },
      ],
    });
    const { body } = card.attachments[0].content;
    for (const block of body) {
      expect(block).toMatchObject({ type: "RichTextBlock", inlines: [{ type: "TextRun", text: expect.any(String) }] });
    }
    expect(text.length).toBeLessThan(28_000);
  });

  it("has no action where the relay's address is not known", async () => {
    expect((await render(lost, "teams", null)).text).not.toContain("actions");
  });
});
