import { assert, asyncProperty, string } from "fast-check";
import { describe, expect, it } from "vitest";
import type { RelayEvent } from "../../../../src/domain/event.ts";
import { TemplateFault } from "../../../../src/outbound/format/fault.ts";
import { renderEvent } from "../../../../src/outbound/format/render.ts";
import { readEventText, unreadableEvent } from "../../../../src/qonto/read-event.ts";
import { sampleTypes, sourceOfType } from "../../../../src/qonto/sample-event.ts";
import { makePayload } from "../../../support/qonto.ts";

const metadata = { source: "business", contentType: null, contentEncoding: null, receivedAt: 0 } as const;

function eventOf(body: string | object): RelayEvent {
  const event = readEventText(typeof body === "string" ? body : JSON.stringify(body), metadata);
  if (event === null) throw new Error("No event");
  return event;
}

/** What a template makes of an event; or why it is refused. */
async function render(template: string, event: RelayEvent, relayUrl: string | null = null): Promise<string> {
  const rendered = await renderEvent(event, { format: "template", template, relayUrl });
  return rendered instanceof TemplateFault ? `refused: ${rendered.message}` : new TextDecoder().decode(rendered.body);
}

const withData = (data: object) => eventOf({ id: "e1", type: "v1/transactions", data });

describe("a template", () => {
  it("inserts texts, numbers and whole values of the event", async () => {
    const event = eventOf('{"id":"e1","type":"t","data":{"amount":50.10,"id":12345678901234567890,"tags":["a","b"]}}');
    const template = '{"text": "{{type}}: {{data.amount}}", "amount": {{data.amount}}, "all": {{{data}}}}';
    expect(await render(template, event)).toBe(
      '{"text": "t: 50.10", "amount": 50.10, "all": {"amount":50.10,"id":12345678901234567890,"tags":["a","b"]}}',
    );
  });

  it("has the relay's sentence and link at hand", async () => {
    const event = withData({ side: "credit", label: "Ann", status: "completed" });
    expect(await render('["{{relay.summary}}", {{{relay.url}}}]', event, "https://r.example.com")).toBe(
      '["Incoming payment from Ann was completed.", "https://r.example.com/console/events/e1"]',
    );
    expect(await render("[{{{relay.url}}}]", event)).toBe("[null]");
  });

  it("writes texts so that JSON stays JSON, and escapes no HTML", async () => {
    await assert(
      asyncProperty(string({ unit: "binary" }), async (label) => {
        const json = await render('{"a": "<{{data.label}}>", "b": {{{data.label}}}}', withData({ label }));
        const { a, b } = JSON.parse(json);
        expect([a, b]).toEqual([`<${label}>`, label]);
      }),
    );
    expect(await render('["{{data.label}}"]', withData({ label: `<b>&'"/\`=` }))).toBe(`["<b>&'\\"/\`="]`);
  });

  it("has nothing, or null, where the event lacks a field", async () => {
    const template = '{"a": "{{data.none.deep}}", "b": {{{data.none.deep}}}, "c": "{{data.nothing}}"}';
    expect(await render(template, withData({ nothing: null }))).toBe('{"a": "", "b": null, "c": ""}');
  });

  it("has sections for lists, objects and flags, and inverted ones", async () => {
    const event = withData({
      items: [{ t: "a" }, { t: "b" }],
      none: [],
      flag: false,
      zero: 0,
      label: "L",
      one: { t: 1 },
    });
    const line = async (template: string) => JSON.parse(await render(`"${template}"`, event));
    expect(await line("{{#data.items}}{{t}}{{data.label}};{{/data.items}}")).toBe("aL;bL;");
    expect(await line("{{#data.one}}{{t}}{{/data.one}}{{^data.one}}no{{/data.one}}")).toBe("1");
    expect(await line("{{#data.none}}x{{/data.none}}{{^data.none}}empty{{/data.none}}")).toBe("empty");
    expect(await line("{{#data.flag}}x{{/data.flag}}{{^data.flag}}off{{/data.flag}}")).toBe("off");
    expect(await line("{{#data.zero}}zero is {{.}}{{/data.zero}}")).toBe("zero is 0");
    expect(await line("{{! a remark }}{{data.items.1.t}}")).toBe("b");
  });

  it("finds only what the event has: no method, no prototype, no code", async () => {
    const names = [
      "constructor",
      "__proto__",
      "toString",
      "data.label.length",
      "constructor.constructor",
      "data.label.at",
    ];
    for (const name of names) {
      expect(await render(`[{{{${name}}}}, "{{${name}}}"]`, withData({ label: "x" }))).toBe('[null, ""]');
    }
    const hostile = eventOf('{"id":"e1","type":"t","data":{"__proto__":{"a":1},"x":"{{id}}"}}');
    expect(await render('["{{data.x}}", {{{data.a}}}]', hostile)).toBe('["{{id}}", null]');
  });

  it.each(sampleTypes)("of null-safe tags gives JSON of %s", async (type) => {
    const body = JSON.stringify(makePayload(type));
    const event = readEventText(body, { ...metadata, source: sourceOfType(type) });
    if (event === null) throw new Error("No event");
    const json = await render('{"id": "{{id}}", "amount": {{{data.amount}}}, "text": "{{relay.summary}}"}', event);
    expect(JSON.parse(json).id).toBe(event.id);
  });

  it("of an event that cannot be read has its id and type", async () => {
    const event = unreadableEvent("u1", new Uint8Array([0xff]), metadata);
    expect(await render('["{{id}}", "{{type}}", {{{data}}}]', event)).toBe('["u1", "unreadable", null]');
  });
});

describe("a template is refused", () => {
  const refused = (clause: string) => `refused: ${clause}`;

  it.each([
    ['{"a": {{data.none}}, "b": 1}', 'line 1, column 20: no JSON at ‘, "b": 1}’'],
    ['{\n  "a": 1,\n  "b": {{type}}\n}', "line 3, column 8: no JSON at ‘v1/transactions\n}’"],
    ['{"a": 1', "line 1, column 8: no JSON at its end"],
    ["", "line 1, column 1: no JSON at its end"],
    ['{"a": "{{type}"}', "line 1, column 17: unclosed tag"],
    ['{"a": 1}\n{{#type}}', 'line 2, column 10: unclosed section "type"'],
    ['{"a": 1}{{/type}}', 'line 1, column 9: unopened section "type"'],
    ['{"a": "{{> other}}"}', "line 1, column 8: partials are not known"],
    ["{{#a}}{{^b}}{{>c}}{{/b}}{{/a}}", "line 1, column 13: partials are not known"],
    ["{{=<% %>=}}[]", "line 1, column 1: the marks of tags cannot be changed"],
  ])("%j, with the place", async (template, clause) => {
    expect(await render(template, withData({}))).toBe(refused(clause));
  });

  it("when it loops without measure", async () => {
    const items = Array.from({ length: 1_000 }, () => ({ a: "x" }));
    const loops = "{{#data.items}}{{#data.items}}{{a}}{{/data.items}}{{/data.items}}";
    expect(await render(`"${loops}"`, withData({ items }))).toBe(refused("it inserts more than 100000 values"));
    const large = withData({ items, label: "x".repeat(10_000) });
    expect(await render('"{{#data.items}}{{data.label}}{{/data.items}}"', large)).toBe(
      refused("it gives more than 1000000 characters"),
    );
  });
});
