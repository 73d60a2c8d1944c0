import { afterEach, beforeEach, expect, it } from "vitest";
import { applyEvent } from "../../../../src/cli/commands/reconcile/apply-event.ts";
import { RelayClient } from "../../../../src/cli/relay-client.ts";
import { realWorld } from "../../../../src/cli/world.ts";
import { readSignature } from "../../../../src/qonto/signature.ts";
import { type Answer, type Received, ScriptedServer } from "../scripted-server.ts";

const SECRET = "business-secret";
const event = { id: "reconciled_1", body: '{"id":"reconciled_1","data":{"amount":100.00}}' };

const waits: number[] = [];
let relay: ScriptedServer;
beforeEach(async () => {
  waits.length = 0;
  relay = await new ScriptedServer().start();
});
afterEach(() => relay.stop());

const notFound: Answer = { status: 404, body: { code: "not_found", detail: "None." } };
const accepted: Answer = { body: { status: "accepted", event_id: event.id } };

/** A relay that does not know the event, and answers the webhook so, one after the other; the last one for ever. */
function answering(...answers: [Answer, ...Answer[]]): void {
  relay.answer = ({ method }) => (method === "GET" ? notFound : (answers[posts().length - 1] ?? answers[0]));
}

const posts = () => relay.received.filter(({ method }) => method === "POST");

const put = () =>
  applyEvent(event, {
    relay: new RelayClient(relay.url, "token"),
    secret: SECRET,
    secretFrom: "--secret",
    world: { ...realWorld, wait: async (ms) => waits.push(ms) },
  });

it("sends the event to the webhook byte for byte, signed, and marked for a proxy in front of the relay", async () => {
  answering(accepted);
  expect(await put()).toBe("applied");
  const [{ path, headers, body }] = posts() as [Received];
  expect([path, body, headers["x-relay-reconciled"]]).toEqual(["/webhooks/qonto", event.body, "true"]);
  const signature = readSignature(new Headers({ "x-qonto-signature": String(headers["x-qonto-signature"]) }));
  if (typeof signature === "string") throw new Error(signature);
  expect(await signature.matches(Uint8Array.from(new TextEncoder().encode(body)), SECRET)).toBe(true);
  // The token is for the operator's API.
  expect(headers).not.toHaveProperty("authorization");
});

it("sends nothing when the relay has the event", async () => {
  relay.answer = () => ({ body: { id: event.id } });
  expect(await put()).toBe("already_recorded");
  expect(posts()).toEqual([]);
});

it("answers already_recorded when the relay calls it a duplicate", async () => {
  answering({ body: { status: "duplicate", event_id: event.id } });
  expect(await put()).toBe("already_recorded");
});

it("retries while the relay is unavailable", async () => {
  answering({ status: 503, body: { code: "not_stored" } }, { status: 503, body: {} }, accepted);
  expect(await put()).toBe("applied");
  expect(posts()).toHaveLength(3);
  expect(waits).toEqual([500, 1_000]);
});

it("answers refused for an event that is too large", async () => {
  answering({ status: 413, body: { code: "body_too_large" } });
  expect(await put()).toBe("refused");
});

it.each<[string, Answer, string, number]>([
  ["cannot take any", { status: 503, body: {} }, "does not accept the event: status 503", 6],
  ["does not know the secret", { status: 401, body: { code: "signature_mismatch" } }, "status 401", 1],
  ["is somewhere else", { status: 302, headers: { location: "/login" } }, "status 302", 1],
  ["is no relay", { body: "<html>welcome</html>" }, "is not the relay", 1],
])("throws when the relay %s", async (_title, answer, sentence, tries) => {
  answering(answer);
  await expect(put()).rejects.toThrow(sentence);
  expect(posts()).toHaveLength(tries);
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000].slice(0, tries - 1));
});
