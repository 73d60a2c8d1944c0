import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { CountingRateLimit } from "../support/rate-limit.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const LIMIT = 3;

function throttledRelay() {
  const relay = new TestRelay();
  const limiter = new CountingRateLimit(LIMIT, () => relay.now);
  relay.env = { ...relay.env, WRONG_TOKENS: limiter };
  const ask = async (token: string | null, address = "203.0.113.7") => {
    const headers = {
      ...(address === "" ? {} : { "cf-connecting-ip": address }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    return relay.fetch("/api/events", { headers });
  };
  const guess = async (times: number, address?: string) => {
    const statuses: number[] = [];
    for (let time = 0; time < times; time += 1) statuses.push((await ask(`guess ${time}`, address)).status);
    return statuses;
  };
  return { relay, limiter, ask, guess };
}

describe("an address that guesses tokens", () => {
  it("is refused unchecked after too many wrong ones", async () => {
    const { ask, guess } = throttledRelay();
    expect(await guess(LIMIT)).toEqual(Array(LIMIT).fill(401));
    const refused = await ask("one more");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(await refused.json()).toMatchObject({ status: 429, code: "too_many_requests" });
  });

  it("does not get in by a right guess then, but a minute later", async () => {
    const { relay, ask, guess } = throttledRelay();
    await guess(LIMIT);
    expect((await ask(ADMIN_TOKEN)).status).toBe(429);
    relay.passSeconds(60);
    expect((await ask(ADMIN_TOKEN)).status).toBe(200);
  });

  it("does not lock out another address, nor a token that was right before from the same one", async () => {
    const { relay, ask, guess } = throttledRelay();
    expect((await ask(ADMIN_TOKEN)).status).toBe(200);
    const { body } = await relay.api("POST", "/api/tokens", { name: "ci", access: "full" });
    expect((await ask(body.token)).status).toBe(200);
    await guess(LIMIT);
    expect((await ask("another")).status).toBe(429);
    expect((await ask(ADMIN_TOKEN)).status).toBe(200);
    expect((await ask(body.token)).status).toBe(200);
    expect((await ask("another", "203.0.113.8")).status).toBe(401);
  });

  it("does not get in with a revoked token that was right before", async () => {
    const { relay, ask, guess } = throttledRelay();
    const { body } = await relay.api("POST", "/api/tokens", { name: "ci", access: "full" });
    expect((await ask(body.token)).status).toBe(200);
    await guess(LIMIT);
    await relay.api("DELETE", `/api/tokens/${body.id}`);
    expect((await ask(body.token)).status).toBe(401);
    expect((await ask(body.token)).status).toBe(429);
  });

  it.each([
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", 429],
    ["2001:db8:1:2::1", "2001:db8:1:3::1", 401],
    ["::ffff:203.0.113.7", "203.0.113.7", 429],
    ["", "no address", 429],
  ])("is identified by its network: after guesses from %s, %s gets %i", async (from, other, status) => {
    const { ask, guess } = throttledRelay();
    await guess(LIMIT, from);
    expect((await ask("another", other)).status).toBe(status);
  });
});

describe("the token of a destination", () => {
  it("is throttled as others are, and is no wrong one where it is refused with 403", async () => {
    const { relay, limiter, ask, guess } = throttledRelay();
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    const input = { name: "books", access: "destination", destination_id: id };
    const { token } = (await relay.api("POST", "/api/tokens", input)).body;
    await guess(LIMIT);
    expect((await ask(token)).status).toBe(429);
    relay.passSeconds(60);
    expect((await ask(token)).status).toBe(403);
    const calls = limiter.keys.length;
    expect((await ask(token)).status).toBe(403);
    expect(limiter.keys).toHaveLength(calls);
  });
});

describe("nobody is counted", () => {
  it("for a missing token, for a right one, or for a webhook", async () => {
    const { relay, limiter, ask } = throttledRelay();
    await ask(ADMIN_TOKEN);
    limiter.keys.length = 0;
    for (let time = 0; time < 5; time += 1) {
      expect((await ask(null)).status).toBe(401);
      expect((await ask(ADMIN_TOKEN)).status).toBe(200);
      expect((await relay.send(makePayload("v1/cards"))).status).toBe(200);
      await relay.webhook({ method: "POST", body: "forged" });
    }
    expect(limiter.keys).toEqual([]);
  });

  it("and nobody locked out while the limiter fails", async () => {
    const { relay, ask } = throttledRelay();
    relay.env = { ...relay.env, WRONG_TOKENS: { limit: () => Promise.reject(new Error("down")) } };
    expect((await ask(ADMIN_TOKEN)).status).toBe(200);
    expect((await ask("guess")).status).toBe(401);
  });
});

it("the admin token lets in while D1 is down", async () => {
  const relay = new TestRelay({ DB: interceptDatabase(env.DB, () => Promise.reject(new Error("D1 is down"))) });
  expect((await relay.api("GET", "/api/no-such-thing")).status).toBe(404);
});
