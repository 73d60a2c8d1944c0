import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const destinationUrl = "https://destination.example.com/hook";

/** Authentic bodies that are JSON with an id and a type, and otherwise whatever a sender could come up with. */
const bodies: [string, string][] = [
  [
    "is nested a hundred thousand levels deep",
    `{"id":"deep","type":"v1/x","organization_id":"o","data":{"id":"r","x":${"[".repeat(100_000)}${"]".repeat(100_000)}}}`,
  ],
  ["begins with a byte-order mark", '\uFEFF{"id":"bom","type":"v1/x","organization_id":"o","data":{"id":"r"}}'],
  [
    "names prototypes",
    '{"id":"proto","type":"v1/x","organization_id":"o","__proto__":{"a":1},"data":{"id":"r","constructor":{"prototype":{}},"__proto__":[]}}',
  ],
  [
    "has a type that objects inherit",
    '{"id":"inherit","type":"constructor","organization_id":"__proto__","data":{"id":"toString","event":"hasOwnProperty"}}',
  ],
  [
    "escapes NUL and half a surrogate pair",
    '{"id":"nul","type":"v1/x","organization_id":"o","data":{"id":"r\\u0000x","event":"\\ud800","note":"\\u0000\\ud83d"}}',
  ],
  [
    "has numbers beyond all doubles",
    '{"id":"numbers","type":"v1/x","organization_id":"o","data":{"id":"r","a":1e999,"b":-0,"c":0.10000000000000000000001,"d":123456789012345678901234567890}}',
  ],
  [
    "repeats its keys",
    '{"id":"first","id":"repeated","type":"v1/x","type":"v1/y","organization_id":"o","data":{"id":"r"}}',
  ],
  [
    "has ten thousand fields",
    `{"id":"wide","type":"v1/x","organization_id":"o","data":{"id":"r",${Array.from({ length: 10_000 }, (_, index) => `"f${index}":${index}`).join(",")}}}`,
  ],
  [
    "has quotes of SQL",
    `{"id":"'--;DROP","type":"v1/x';--","organization_id":"o'); DROP TABLE events;--","data":{"id":"' OR 1=1"}}`,
  ],
  ["has an empty organization and resource", '{"id":"empty","type":"v1/x","organization_id":"","data":{"id":""}}'],
  ["has data that is a list", '{"id":"list","type":"v1/x","organization_id":"o","data":[1,2]}'],
  [
    "has dates of all kinds",
    '{"id":"dates","type":"v1/cards","organization_id":"o","created_at":"99999-99-99","data":{"id":"r","updated_at":{"$date":1}}}',
  ],
];

describe("an authentic event that", () => {
  it.each(bodies)("%s is accepted, delivered byte for byte, and can be shown", async (_title, text) => {
    const relay = new TestRelay();
    await relay.addDestination(destinationUrl);
    const response = await relay.send(text);
    expect(response.status).toBe(200);
    const { event_id: id } = await response.json<{ event_id: string }>();
    await relay.runQueues();
    expect(
      relay.destinations
        .at(destinationUrl)
        .at(-1)
        ?.text.replace(/^\uFEFF/, ""),
    ).toBe(text.replace(/^\uFEFF/, ""));
    expect(relay.destinations.at(destinationUrl).at(-1)?.body.length).toBe(new TextEncoder().encode(text).length);

    const shown = await relay.api("GET", `/api/events/${encodeURIComponent(id)}`);
    expect(shown.status).toBe(200);
    expect(shown.body.state).toBe("settled");
    expect((await relay.api("GET", "/api/organizations")).status).toBe(200);
    expect((await relay.api("GET", "/api/organizations/o/resources")).status).toBe(200);
  });
});

describe("money", () => {
  it("is shown with the digits it came with", async () => {
    const relay = new TestRelay();
    await relay.send(
      '{"id":"money","type":"v1/transactions","organization_id":"rich","data":{"id":"t1","amount":100.00,"cents":12345678901234567890}}',
    );
    await relay.runQueues();
    for (const path of [
      "/api/events/money",
      "/api/organizations/rich/resources/t1",
      "/api/organizations/rich/resources",
    ]) {
      const response = await relay.fetch(path, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
      const text = await response.text();
      expect(text).toContain('"amount":100.00');
      expect(text).toContain('"cents":12345678901234567890');
    }
  });
});
