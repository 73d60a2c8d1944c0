import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { disconnect } from "../../../src/connection/disconnect.ts";
import { claimConnection } from "../../../src/store/connections.ts";
import { emptyDatabase } from "../support/relay.ts";
import { CALLBACK_URL, LIST, SubscriptionScene, intact, refusingChanges } from "./subscription-scene.ts";

beforeEach(emptyDatabase);

const end = (scene: SubscriptionScene) =>
  scene.relay.clock.waitFor(disconnect({ id: scene.connectionId }, scene.context));

const connections = async () =>
  (await env.DB.prepare("SELECT count(*) AS count FROM connections").first<{ count: number }>())?.count;

const setStatus = (status: string) => env.DB.prepare("UPDATE connections SET status = ?1").bind(status).run();

describe("disconnecting", () => {
  it("deletes every subscription of the relay's own, on each page, and no other, and then the tokens", async () => {
    const scene = await SubscriptionScene.begin();
    const foreign = [scene.subscribeForeign(CALLBACK_URL), scene.subscribeForeign("https://other.example.com/")];
    for (let count = 0; count < 150; count += 1) foreign.push(scene.subscribeForeign(`https://${count}.example.com/`));
    await scene.check();
    const { description } = scene.subscriptions.find(({ id }) => foreign.every((one) => one.id !== id)) ?? {};
    scene.subscribeForeign(CALLBACK_URL, { description: description ?? null, enabled: false });
    expect(await end(scene)).toBe("disconnected");
    expect([...scene.qonto.subscriptions.values()]).toEqual(foreign);
    expect(await connections()).toBe(0);
  });

  it("is done already when it is done twice", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    expect(await end(scene)).toBe("disconnected");
    scene.qonto.calls.length = 0;
    expect(await end(scene)).toBe("disconnected");
    expect(scene.qonto.calls).toEqual([]);
  });

  it.each(["expired", "revoked"])("asks nothing of Qonto when the connection is %s", async (status) => {
    const scene = await SubscriptionScene.beginSubscribed();
    await setStatus(status);
    expect(await end(scene)).toBe("disconnected");
    expect(scene.qonto.calls).toEqual([]);
    expect(await connections()).toBe(0);
  });

  it.each([401, 403])("removes the tokens though Qonto refuses them with %i", async (status) => {
    const scene = await SubscriptionScene.beginSubscribed();
    scene.onCall = async (call, answer) => (call.endsWith(LIST) ? Response.json({}, { status }) : answer());
    expect(await end(scene)).toBe("disconnected");
    expect(await connections()).toBe(0);
  });

  it("removes tokens that no key decrypts", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    scene.relay.env = { ...scene.relay.env, ENCRYPTION_KEYS: "another-key" };
    expect(await end(scene)).toBe("disconnected");
    expect(await connections()).toBe(0);
  });

  it("removes tokens of the other environment, which are shown to nobody", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    scene.relay.env = { ...scene.relay.env, QONTO_ENVIRONMENT: "sandbox", QONTO_STAGING_TOKEN: "staging" };
    scene.relay.passSeconds(7_200);
    scene.qonto.calls.length = 0;
    expect(await end(scene)).toBe("disconnected");
    expect(scene.qonto.calls).toEqual([]);
    expect(await connections()).toBe(0);
  });

  it("keeps the connection when the access token has ended and could not be refreshed", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    scene.relay.passSeconds(3_600);
    scene.onCall = async (call, answer) => (call.includes("/oauth2/") ? new Response("", { status: 502 }) : answer());
    expect(await end(scene)).toBe("unavailable");
    expect(await connections()).toBe(1);
    expect(scene.subscriptions).toHaveLength(1);
  });

  it("keeps the connection when the access token is refused while another isolate replaces it", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    await env.DB.prepare("UPDATE connections SET refresh_attempted_at = ?1").bind(scene.relay.now).run();
    scene.onCall = async (call, answer) => (call.endsWith(LIST) ? Response.json({}, { status: 401 }) : answer());
    expect(await end(scene)).toBe("unavailable");
    expect(await connections()).toBe(1);
    expect(scene.subscriptions).toHaveLength(1);
  });
});

describe("while Qonto cannot be asked", () => {
  const faults: Readonly<Record<string, (scene: SubscriptionScene) => void>> = {
    "answers 500": (scene) => void (scene.qonto.faults.status = 500),
    "answers 429": (scene) => void (scene.qonto.faults.status = 429),
    hangs: (scene) => scene.qonto.faults.paths.set(LIST, { answer: "hangs" }),
    "shows a list that is not whole": (scene) => scene.qonto.faults.paths.set(LIST, { totalCountBy: 1 }),
    "answers with HTML": (scene) => scene.qonto.faults.paths.set(LIST, { answer: "text" }),
    "deletes nothing": (scene) => void (scene.onCall = refusingChanges(500)),
  };

  it.each(Object.entries(faults))("because it %s, nothing is removed, and the next try can do it", async (_, make) => {
    const scene = await SubscriptionScene.beginSubscribed();
    await env.DB.prepare("UPDATE connections SET last_error = 'Something else.'").run();
    const { subscription } = scene;
    make(scene);
    expect(await end(scene)).toBe("unavailable");
    expect(scene.subscription).toEqual(subscription);
    expect(await scene.find()).toMatchObject({ status: "connected", lastError: "Something else." });
    delete scene.qonto.faults.status;
    scene.qonto.faults.paths.clear();
    scene.onCall = intact;
    expect(await end(scene)).toBe("disconnected");
    expect(scene.subscriptions).toEqual([]);
  });
});

describe("a run of the cron", () => {
  it("that has the connection is waited for", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    const { now } = scene.relay;
    await claimConnection(scene.context.env.DB, scene.connectionId, { now, leaseUntil: now + 5_000 });
    expect(await end(scene)).toBe("disconnected");
    expect(scene.relay.now).toBeGreaterThanOrEqual(now + 5_000);
  });

  it("that keeps it is told as busy, and nothing is removed", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    const { now } = scene.relay;
    await claimConnection(scene.context.env.DB, scene.connectionId, { now, leaseUntil: now + 90_000 });
    expect(await end(scene)).toBe("busy");
    expect(scene.changes).toEqual([]);
    expect(await connections()).toBe(1);
  });

  it("cannot restore the subscription while it is being deleted", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    await env.DB.prepare("UPDATE connections SET subscriptions_due_at = 0").run();
    const runs: string[] = [];
    scene.onCall = async (call, answer) => {
      const answered = await answer();
      if (call.startsWith("DELETE")) runs.push(await scene.attempt());
      return answered;
    };
    expect(await end(scene)).toBe("disconnected");
    expect(runs).toEqual(["Error"]);
    expect(scene.changes.map((call) => call.split(" ")[0])).toEqual(["DELETE"]);
  });
});

describe("a process that dies", () => {
  it("between the subscriptions and the tokens leaves what the next try finishes", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    const restart = scene.dieAfter("DELETE");
    await expect(end(scene)).rejects.toThrow("The process has died");
    restart();
    expect(scene.subscriptions).toEqual([]);
    expect(await end(scene)).toBe("busy");
    scene.relay.passSeconds(60);
    expect(await end(scene)).toBe("disconnected");
    expect(await connections()).toBe(0);
  });
});

it("a lease that has ended meanwhile keeps the tokens: another run has them", async () => {
  const scene = await SubscriptionScene.beginSubscribed();
  scene.onCall = async (call, answer) => {
    if (call.startsWith("DELETE")) await env.DB.prepare("UPDATE connections SET lease_until = lease_until + 1").run();
    return answer();
  };
  expect(await end(scene)).toBe("busy");
  expect(await connections()).toBe(1);
});
