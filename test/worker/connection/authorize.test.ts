import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { beginAuthorization, finishAuthorization, wantedScopes } from "../../../src/connection/authorize.ts";
import { listConnections } from "../../../src/store/connections.ts";
import { qontoApplication } from "../support/connected-relay.ts";
import { failing, hanging } from "../support/database.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { contextOf, endConsents, intercept, liveThroughMinutes, rowOf, tokenRequests, works } from "./scene.ts";

beforeEach(emptyDatabase);

const OWNER = "what the browser keeps";
const RELAY_URL = "https://relay.test";
const REDIRECT_URI = `${RELAY_URL}/console/qonto/callback`;

function relayToConnect(): TestRelay {
  return new TestRelay(qontoApplication);
}

function begin(relay: TestRelay): Promise<{ readonly url: string }> {
  return relay.clock.waitFor(beginAuthorization(contextOf(relay), { redirectUri: REDIRECT_URI, owner: OWNER }));
}

/** What the operator does at Qonto: where its redirect leads. */
async function decide(
  relay: TestRelay,
  url: string,
  decision: "accept" | "deny" = "accept",
  organizationId?: string,
): Promise<URL> {
  return new URL(await relay.qonto.decide(url, decision, organizationId));
}

function finish(relay: TestRelay, callback: URL, owner: string | null = OWNER) {
  return relay.clock.waitFor(finishAuthorization(contextOf(relay), { callback, owner }));
}

/** An operator has consented, and is on the way back. */
async function relayWithCallback() {
  const relay = relayToConnect();
  return { relay, callback: await decide(relay, (await begin(relay)).url) };
}

async function connections() {
  return listConnections(contextOf(relayToConnect()).env.DB);
}

/** Nothing was connected, and nothing was sent to Qonto. */
async function expectNothing(relay: TestRelay): Promise<void> {
  expect(tokenRequests(relay)).toBe(0);
  expect(await connections()).toEqual([]);
}

describe("an organization is connected", () => {
  it("with working tokens, and all work on it due", async () => {
    const { relay, callback } = await relayWithCallback();
    const finished = await finish(relay, callback);
    const { name, organizationId } = relay.qonto.bank;
    const [connection] = await connections();
    if (connection === undefined) throw new Error("Nothing was connected");
    expect(finished).toEqual({ state: "connected", connectionId: connection.id, organizationName: name });
    expect(connection).toMatchObject({
      organizationId,
      organizationName: name,
      environment: "production",
      status: "connected",
      relayUrl: RELAY_URL,
      connectedAt: relay.now,
      historyUntil: relay.now + 1_000,
      subscriptionsDueAt: relay.now,
      reconciliationDueAt: relay.now,
      reconciledUntil: null,
      leaseUntil: 0,
    });
    expect(connection.accessToken).toMatch(/^v1\./);
    expect(connection.refreshToken).toMatch(/^v1\./);
    expect(connection.scopes).toEqual(wantedScopes(null));
    expect(await works(relay, connection)).toBe(true);
    await liveThroughMinutes(relay, 120);
    expect(await works(relay, connection)).toBe(true);
  });

  it("beside others", async () => {
    const relay = relayToConnect();
    const banks = [relay.qonto.bank, relay.qonto.addBank(), relay.qonto.addBank()];
    for (const { organizationId } of banks) {
      await finish(relay, await decide(relay, (await begin(relay)).url, "accept", organizationId));
    }
    const connected = (await connections()).map(({ organizationId }) => organizationId);
    expect(connected.toSorted()).toEqual(banks.map(({ organizationId }) => organizationId).toSorted());
  });

  it("again after it was lost, under the same id, with what was known of it", async () => {
    const { relay, callback } = await relayWithCallback();
    await finish(relay, callback);
    const [first] = await connections();
    if (first === undefined) throw new Error("Nothing was connected");
    await env.DB.prepare(
      "UPDATE connections SET reconciled_until = 5, refresh_failures = 3, step_failures = 3, paused_until = 9e15",
    ).run();
    endConsents(relay, first);
    relay.passSeconds(3_600);
    await env.DB.prepare("UPDATE connections SET status = 'expired', ended_at = 1, last_error = 'Lost.'").run();
    await finish(relay, await decide(relay, (await begin(relay)).url));
    const again = await connections();
    expect(again).toMatchObject([
      {
        id: first.id,
        status: "connected",
        endedAt: null,
        lastError: null,
        connectedAt: relay.now,
        historyUntil: first.historyUntil,
        reconciledUntil: 5,
        refreshFailures: 0,
        stepFailures: 0,
        pausedUntil: 0,
      },
    ]);
    expect(await works(relay, first)).toBe(true);
  });

  it("by an operator of the sandbox", async () => {
    const relay = new TestRelay({
      ...qontoApplication,
      QONTO_ENVIRONMENT: "sandbox",
      QONTO_STAGING_TOKEN: "staging-token",
    });
    const { url } = await begin(relay);
    expect(new URL(url).origin).toBe("https://oauth-sandbox.staging.qonto.co");
    const seen: (string | null)[] = [];
    const { world, ...context } = contextOf(relay);
    const fetch = (address: string, init: RequestInit) => {
      seen.push(new Headers(init.headers).get("x-qonto-staging-token"));
      return world.fetch(address, init);
    };
    const callback = await decide(relay, url);
    await finishAuthorization({ ...context, world: { ...world, fetch } }, { callback, owner: OWNER });
    expect(seen).toEqual(["staging-token", "staging-token"]);
    expect(await connections()).toMatchObject([{ environment: "sandbox" }]);
  });

  it("once by two redirects of two requests at the same moment", async () => {
    const relay = relayToConnect();
    const callbacks = [await decide(relay, (await begin(relay)).url), await decide(relay, (await begin(relay)).url)];
    const finished = await Promise.all(callbacks.map((callback) => finish(relay, callback)));
    expect(finished.map(({ state }) => state)).toEqual(["connected", "connected"]);
    const [connection, ...others] = await connections();
    if (connection === undefined) throw new Error("Nothing was connected");
    expect(others).toEqual([]);
    expect(await works(relay, connection)).toBe(true);
  });
});

describe("what the relay asks for", () => {
  it("is everything, by PKCE and an exact address", async () => {
    const { url } = await begin(relayToConnect());
    const { origin, pathname, searchParams } = new URL(url);
    expect(origin + pathname).toBe("https://oauth.qonto.com/oauth2/auth");
    expect(Object.fromEntries(searchParams)).toEqual({
      response_type: "code",
      client_id: qontoApplication.QONTO_CLIENT_ID,
      redirect_uri: REDIRECT_URI,
      scope: wantedScopes(null).join(" "),
      state: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: "S256",
    });
  });

  it("is what subscriptions to the wanted types take, and their lists", () => {
    const always = ["offline_access", "organization.read", "webhook"];
    expect(wantedScopes(["v1/transactions"])).toEqual(always);
    expect(wantedScopes(["v1/memberships", "v1/cards"]).toSorted()).toEqual(
      [...always, "card.read", "membership.read"].toSorted(),
    );
    expect(wantedScopes(["v1/of-tomorrow"])).toEqual(always);
    expect(wantedScopes(null)).toEqual(
      expect.arrayContaining(["client.read", "terminal.read", "sepa_direct_debit.read"]),
    );
  });

  it("differs each time, and D1 has none of it in clear", async () => {
    const relay = relayToConnect();
    const states = [await begin(relay), await begin(relay)].map(({ url }) => new URL(url).searchParams.get("state"));
    expect(new Set(states).size).toBe(2);
    const { results } = await env.DB.prepare("SELECT * FROM authorizations").all();
    expect(results).toHaveLength(2);
    const kept = JSON.stringify(results);
    for (const text of [...states, OWNER]) expect(kept).not.toContain(text);
  });
});

describe("a callback is refused", () => {
  it("when nobody has begun it", async () => {
    const { relay, callback } = await relayWithCallback();
    callback.searchParams.set("state", "somebody-made-this-up-somebody-made-this-up");
    expect(await finish(relay, callback)).toEqual({ state: "refused", why: "unknown" });
    callback.searchParams.delete("state");
    expect(await finish(relay, callback)).toEqual({ state: "refused", why: "unknown" });
    await expectNothing(relay);
  });

  it.each(["another browser", "", null])(
    "when another browser has begun it, which can still finish it: %j",
    async (other) => {
      const { relay, callback } = await relayWithCallback();
      expect(await finish(relay, callback, other)).toEqual({ state: "refused", why: "not_owner" });
      await expectNothing(relay);
      expect((await finish(relay, callback)).state).toBe("connected");
    },
  );

  it("when it is repeated", async () => {
    const { relay, callback } = await relayWithCallback();
    await finish(relay, callback);
    const before = await connections();
    expect(await finish(relay, callback)).toEqual({ state: "refused", why: "used" });
    expect(tokenRequests(relay)).toBe(1);
    expect(await connections()).toEqual(before);
  });

  it("when it comes twice at once: one of the two", async () => {
    const { relay, callback } = await relayWithCallback();
    const finished = await Promise.all([finish(relay, callback), finish(relay, callback)]);
    expect(finished.filter(({ state }) => state === "connected")).toHaveLength(1);
    expect(finished).toContainEqual({ state: "refused", why: "used" });
    expect(tokenRequests(relay)).toBe(1);
  });

  it("when it comes late", async () => {
    const { relay, callback } = await relayWithCallback();
    relay.passSeconds(600);
    expect(await finish(relay, callback)).toEqual({ state: "refused", why: "expired" });
    await expectNothing(relay);
  });

  it("when the operator has denied it, and then for good", async () => {
    const relay = relayToConnect();
    const { url } = await begin(relay);
    expect(await finish(relay, await decide(relay, url, "deny"))).toEqual({ state: "refused", why: "denied" });
    expect(await finish(relay, await decide(relay, url))).toEqual({ state: "refused", why: "used" });
    await expectNothing(relay);
  });

  it.each([
    ["access_denied", "denied"],
    ["temporarily_unavailable", "unavailable"],
    ["invalid_scope", "failed"],
    ["constructor", "failed"],
  ])("when Qonto reports %s", async (error, why) => {
    const { relay, callback } = await relayWithCallback();
    callback.searchParams.set("error", error);
    expect(await finish(relay, callback)).toEqual({ state: "refused", why });
    await expectNothing(relay);
  });

  it.each([
    ["error", "invalid_scope", "invalid_scope"],
    ["error", "<b>ory_ac_1234</b>", "no error code of OAuth"],
    ["code", "of-somebody-else", "invalid_grant"],
  ])("with its cause in the log, and nothing else of the callback: %s=%s", async (name, value, cause) => {
    const { relay, callback } = await relayWithCallback();
    callback.searchParams.set(name, value);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    await finish(relay, callback);
    const lines = log.mock.calls.map(([line]) => line as unknown);
    log.mockRestore();
    expect(lines).toContainEqual(
      expect.objectContaining({ message: "authorization.refused", reason: "failed", cause }),
    );
    expect(JSON.stringify(lines)).not.toMatch(/of-somebody-else|ory_ac/);
  });

  it("when it has no code", async () => {
    const { relay, callback } = await relayWithCallback();
    callback.searchParams.delete("code");
    expect(await finish(relay, callback)).toEqual({ state: "refused", why: "failed" });
    await expectNothing(relay);
  });

  it("when its code is of another authorization: the verifier does not fit", async () => {
    const relay = relayToConnect();
    const [one, other] = [await decide(relay, (await begin(relay)).url), await decide(relay, (await begin(relay)).url)];
    one.searchParams.set("code", other.searchParams.get("code") ?? "");
    expect(await finish(relay, one)).toEqual({ state: "refused", why: "failed" });
    expect(await connections()).toEqual([]);
  });

  it("when no key decrypts its verifier any more", async () => {
    const { relay, callback } = await relayWithCallback();
    relay.env = { ...relay.env, ENCRYPTION_KEYS: "another-key" };
    expect(await finish(relay, callback)).toEqual({ state: "refused", why: "failed" });
    await expectNothing(relay);
  });

  it("when Qonto grants no refresh token", async () => {
    const relay = relayToConnect();
    const url = new URL((await begin(relay)).url);
    url.searchParams.set("scope", "organization.read webhook");
    expect(await finish(relay, await decide(relay, url.href))).toEqual({ state: "refused", why: "no_refresh_token" });
    expect(await connections()).toEqual([]);
  });

  it.each([
    ["/oauth2/token", { status: 503 }, "unavailable"],
    ["/oauth2/token", { answer: "hangs" }, "unavailable"],
    ["/oauth2/token", { answer: "text" }, "unavailable"],
    ["/oauth2/token", { status: 401 }, "failed"],
    ["/v2/organization", { status: 503 }, "unavailable"],
    ["/v2/organization", { answer: "hangs" }, "unavailable"],
    ["/v2/organization", { status: 403 }, "failed"],
    ["/v2/organization", { answer: "text" }, "unavailable"],
  ] as const)("when %s fails (%j): %s", async (path, fault, why) => {
    const { relay, callback } = await relayWithCallback();
    relay.qonto.faults.paths.set(path, fault);
    expect(await finish(relay, callback)).toEqual({ state: "refused", why });
    expect(await connections()).toEqual([]);
  });
});

it("nothing is connected by an answer that does not end, and it is not read on", async () => {
  const { relay, callback } = await relayWithCallback();
  const read: { bytes: number; isEnded: boolean } = { bytes: 0, isEnded: false };
  const fetch = async () =>
    new Response(
      new ReadableStream<Uint8Array>({
        pull: (controller) => {
          controller.enqueue(new Uint8Array(10_000).fill(32));
          read.bytes += 10_000;
          if (read.bytes >= 5_000_000) controller.close();
        },
        cancel: () => void (read.isEnded = true),
      }),
      { headers: { "content-type": "application/json" } },
    );
  Object.assign(relay.qonto, { fetch });
  expect(await finish(relay, callback)).toEqual({ state: "refused", why: "unavailable" });
  expect(read.isEnded).toBe(true);
  expect(read.bytes).toBeLessThan(500_000);
  expect(await connections()).toEqual([]);
});

it("an authorization that is a day old is deleted, and no younger one", async () => {
  const relay = relayToConnect();
  await begin(relay);
  relay.passSeconds(3_600);
  await begin(relay);
  relay.passSeconds(86_400 - 1_800);
  await relay.runCron();
  const { results } = await env.DB.prepare("SELECT created_at FROM authorizations").all();
  expect(results).toEqual([{ created_at: relay.now - 86_400_000 + 1_800_000 }]);
});

it("a connection is written in the end though D1 stalls for a while or is overloaded", async () => {
  const { relay, callback } = await relayWithCallback();
  const stalledUntil = relay.now + 12_000;
  intercept(relay, (call, proceed) => {
    if (!call.statements[0]?.includes("INSERT INTO connections")) return proceed();
    if (relay.now < stalledUntil - 5_000) return failing(call, proceed);
    return relay.now < stalledUntil ? hanging(call, proceed) : proceed();
  });
  expect((await finish(relay, callback)).state).toBe("connected");
  const [connection] = await connections();
  if (connection === undefined) throw new Error("Nothing was connected");
  expect(await works(relay, await rowOf(connection))).toBe(true);
});

it("a write of a connection that D1 makes late does not replace newer tokens", async () => {
  const { relay, callback } = await relayWithCallback();
  let late: (() => Promise<D1Result[]>) | undefined;
  intercept(relay, (call, proceed) => {
    if (late !== undefined || !call.statements[0]?.includes("INSERT INTO connections")) return proceed();
    late = proceed;
    return hanging(call, proceed);
  });
  await finish(relay, callback);
  const before = await connections();
  await late?.();
  expect(before).toHaveLength(1);
  expect(await connections()).toEqual(before);
});
