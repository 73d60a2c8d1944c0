import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { sleep } from "../../../src/platform/timeout.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
const LARGEST = 262_144;

const destination = (bytes: number) => {
  const text = JSON.stringify({ url: "https://destination.example.com/hook" });
  return text.padEnd(bytes, " ");
};

describe("the body of a call of the operator's API", () => {
  it("has at most 262,144 bytes", async () => {
    const relay = new TestRelay();
    expect((await relay.api("POST", "/api/destinations", destination(LARGEST))).status).toBe(201);
    expect(await relay.api("POST", "/api/destinations", destination(LARGEST + 1))).toMatchObject({
      status: 400,
      body: { code: "invalid_request", errors: [{ path: "", message: "must not exceed 262144 bytes" }] },
    });
  });

  it("is read no further than that, even by a call that takes none", async () => {
    const relay = new TestRelay();
    for (const path of ["/api/destinations", "/api/destinations/d/test", "/api/quarantine/q/release"]) {
      let pulled = 0;
      const body = new ReadableStream({
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(10_000));
          if (pulled === 100) controller.close();
        },
      });
      expect((await relay.fetch(path, { method: "POST", headers, body })).status, path).toBe(400);
      expect(pulled, path).toBeLessThan(40);
    }
  });

  it("is refused after five seconds if it is not complete", async () => {
    const relay = new TestRelay();
    const body = new ReadableStream({ pull: () => sleep(60_000, relay.clock) });
    const response = await relay.fetch("/api/destinations", { method: "POST", headers, body });
    expect([response.status, await response.json()]).toEqual([408, expect.objectContaining({ code: "body_timeout" })]);
  });

  it("is not read without a token", async () => {
    const relay = new TestRelay();
    let pulled = 0;
    const body = new ReadableStream({ pull: () => void (pulled += 1) }, { highWaterMark: 0 });
    expect((await relay.fetch("/api/destinations", { method: "POST", body })).status).toBe(401);
    expect(pulled).toBe(0);
  });
});

describe("the form of the login", () => {
  it("is refused after five seconds if it is not complete", async () => {
    const relay = new TestRelay();
    const form = { "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin" };
    const body = new ReadableStream({ pull: () => sleep(60_000, relay.clock) });
    const response = await relay.fetch("/console/login", { method: "POST", headers: form, body });
    expect(response.status).toBe(408);
    expect(await response.text()).toContain("did not arrive whole in time");
  });
});
