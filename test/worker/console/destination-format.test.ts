import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { ok } from "../support/destinations.ts";
import { emptyDatabase } from "../support/relay.ts";
import { HOOK, answeringDestination } from "./answering-destination.ts";
import { read, withoutTags } from "./reading.ts";
import { Visitor } from "./visitor.ts";

beforeEach(emptyDatabase);

const fields = { url: HOOK, description: "Accounting", scope: "all" };

async function scene(settings: object = {}) {
  const destination = await answeringDestination(ok, settings);
  const shown = async () => (await destination.relay.api("GET", `/api/destinations/${destination.id}`)).body;
  return { ...destination, shown };
}

describe("the form of a destination", () => {
  it("takes a format, and gives the new destination the rate that Slack takes", async () => {
    const { relay, visitor } = await scene();
    const html = await (await visitor.get("/console/destinations/new")).text();
    const id = /name="id" value="(dst_\w+)"/.exec(html)?.[1] ?? "";
    await visitor.press("/console/destinations/new", { ...fields, id, format: "slack", enabled: "yes" });
    const { body } = await relay.api("GET", `/api/destinations/${id}`);
    expect(body).toMatchObject({ format: "slack", template: null, max_per_second: 1 });
    expect(await read(visitor, `/console/destinations/${id}`)).toContain("Slack message");
  });

  it("takes a template, with line breaks as they were typed, and shows it", async () => {
    const { visitor, path, shown } = await scene();
    const template = '{\r\n  "text": "{{relay.summary}}"\r\n}';
    await visitor.press(`${path}/edit`, { ...fields, format: "template", template });
    expect(await shown()).toMatchObject({ format: "template", template: '{\n  "text": "{{relay.summary}}"\n}' });
    expect(await read(visitor, path)).toContain("{{relay.summary}}");
    const again = await visitor.press(`${path}/edit`, { ...fields, format: "template", template });
    expect(again.headers.get("location")).toContain("done=destination-unchanged");
    await visitor.press(`${path}/edit`, { ...fields, format: "teams", template });
    expect(await shown()).toMatchObject({ format: "teams", template: null, max_per_second: 4 });
  });

  it("says at the field where a template is wrong, and keeps what was typed", async () => {
    const { visitor, path, shown } = await scene();
    const typed = { ...fields, format: "template", template: '{"a": "{{type}"}' };
    const response = await visitor.press(`${path}/edit`, typed);
    expect(response.status).toBe(400);
    const text = withoutTags(await response.text());
    expect(text).toContain("The template cannot be used for v1/transactions: line 1, column 17: unclosed tag.");
    expect(text).toContain("{{type}");
    const empty = await visitor.press(`${path}/edit`, { ...fields, format: "template" });
    expect(await empty.text()).toContain("Give a template, of at most 16,384 characters.");
    expect(await shown()).toMatchObject({ format: "qonto" });
  });
});

describe("a preview in the console", () => {
  it("shows what the form would do, and saves nothing", async () => {
    const { relay, visitor, path, shown } = await scene();
    const card = makePayload("v1/cards");
    await relay.send(card);
    await relay.send(makePayload("v1/transfers"));
    const before = await shown();
    const typed = {
      url: HOOK,
      description: "Typed",
      scope: "some",
      types: "v1/cards",
      format: "slack",
      preview: "yes",
    };
    const response = await visitor.press(`${path}/edit`, typed);
    expect(response.status).toBe(200);
    const html = await response.text();
    expect(withoutTags(html)).toContain("Of the newest 2 events, 1 would be sent. Not sent by types: 1.");
    expect(html).toContain(`href="/console/events/${card.id}"`);
    expect(html).toContain("was created (•••• 7662");
    expect(html).toContain('value="Typed"');
    expect(await shown()).toEqual(before);
  });

  it("masks IBANs, escapes what an event holds, and says why a template fails", async () => {
    const { relay, visitor, path } = await scene();
    await relay.send(makePayload("v1/clients", { data: { name: "<b>FR7630006000011234567890189" } }));
    const plain = await (await visitor.press(`${path}/edit`, { ...fields, preview: "yes" })).text();
    expect(plain).toContain("&lt;b>FR76 •••• 0189".replace(">", "&gt;"));
    await relay.send(makePayload("v1/transactions", { data: { amount: null } }));
    const typed = { ...fields, scope: "some", types: "v1/transactions", format: "template", preview: "yes" };
    expect(await (await visitor.press(`${path}/edit`, { ...typed, template: "[{{data.amount}},1]" })).text()).toContain(
      "The template cannot be used for it: line 1, column 17: no JSON at ‘,1]’.",
    );
  });

  it("is not for a viewer who may look and not change", async () => {
    const { relay, path } = await scene();
    const { body } = await relay.api("POST", "/api/tokens", { name: "watcher", access: "read" });
    const watcher = await Visitor.loggedIn(relay, body.token);
    expect((await watcher.press(`${path}/edit`, { ...fields, preview: "yes" })).status).toBe(403);
  });
});
