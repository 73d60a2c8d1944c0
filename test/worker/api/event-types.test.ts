import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { Meter, interceptDatabase } from "../support/database.ts";
import { TestRelay } from "../support/relay.ts";

const paths = ["/api/event-types", "/openapi.json"];

it.each(paths)("%s needs no token, no configuration and no D1 call", async (path) => {
  const meter = new Meter();
  const DB = interceptDatabase(env.DB, meter.intercept);
  const relay = new TestRelay({ DB, ADMIN_TOKEN: "", QONTO_WEBHOOK_SECRETS: "" });
  const response = await relay.fetch(path, { headers: { authorization: "Bearer wrong" } });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(meter.calls).toBe(0);
});

it.each(paths)("%s is sent once to those who keep it", async (path) => {
  const relay = new TestRelay();
  const first = await relay.fetch(path);
  const again = await relay.fetch(path, { headers: { "if-none-match": first.headers.get("etag") ?? "" } });
  expect([again.status, await again.text()]).toEqual([304, ""]);
});

it("beneath it, and for other methods, the API asks for a token", async () => {
  const relay = new TestRelay();
  expect((await relay.fetch("/api/event-types/more")).status).toBe(401);
  expect((await relay.fetch("/api/event-types", { method: "POST", body: "{}" })).status).toBe(401);
});
