import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { subscriptionSecrets } from "../../../src/qonto/subscription-secret.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { ENCRYPTION_KEY, emptyDatabase } from "../support/relay.ts";
import { operationalEvents } from "./scene.ts";
import { LIST, SubscriptionScene, intact, refusingChanges } from "./subscription-scene.ts";

beforeEach(emptyDatabase);
afterEach(() => vi.restoreAllMocks());

const QUARTER_HOUR_MS = 900_000;

const NEW_KEY = "new-encryption-key-of-32-characters-or-more";

const json = (body: unknown, status = 200) => Response.json(body, { status });
const meta = { current_page: 1, next_page: null, prev_page: null, total_pages: 1, per_page: 100 };

describe("a list that is not answered, or not as documented, changes nothing", () => {
  const answers: Readonly<Record<string, [() => Response | Promise<Response>, string]>> = {
    "401": [() => json({ code: "unauthorized", detail: "Invalid" }, 401), "QontoRefusal"],
    "403": [() => json({ code: "forbidden", detail: "missing required oauth scope" }, 403), "QontoRefusal"],
    "404": [() => json({ code: "not_found", detail: "Nothing is here" }, 404), "QontoRefusal"],
    "429": [() => json({ code: "too_many_requests", detail: "Slow down" }, 429), "QontoUnavailable"],
    "500": [() => json({ errors: [] }, 500), "QontoUnavailable"],
    "a page of HTML": [() => new Response("<html>", { status: 502 }), "QontoUnavailable"],
    "200 without a body": [() => new Response(null), "QontoUnavailable"],
    "204": [() => new Response(null, { status: 204 }), "QontoUnavailable"],
    "{}": [() => json({}), "QontoRefusal"],
    "an empty list": [() => json([]), "QontoRefusal"],
    "an empty list without its count": [() => json({ subscriptions: [] }), "UnreliableList"],
    "an empty list of one": [() => json({ subscriptions: [], meta: { ...meta, total_count: 1 } }), "UnreliableList"],
    "an empty list though Qonto has the one": [
      () => json({ subscriptions: [], meta: { ...meta, total_count: 0 } }),
      "UnreliableList",
    ],
    "a list cut off": [() => new Response('{"subscriptions": [{"id": "018f'), "QontoUnavailable"],
    "an item without types": [
      () => json({ subscriptions: [{ id: "1", callback_url: "x" }], meta: { ...meta, total_count: 1 } }),
      "QontoRefusal",
    ],
    nothing: [() => Promise.reject(new TypeError("fetch failed")), "QontoUnavailable"],
  };

  it.each(Object.entries(answers))("%s", async (title, [answer, error]) => {
    const scene = await SubscriptionScene.beginSubscribed();
    const before = await scene.find();
    const { subscription } = scene;
    scene.onCall = async (call, proceed) => (call === `GET ${LIST}` ? answer() : proceed());
    expect(await scene.attempt()).toBe(error);
    expect(scene.changes).toEqual([]);
    expect(scene.subscription).toEqual(subscription);
    const { subscriptions, subscriptionsDueAt } = await scene.find();
    expect(subscriptions).toEqual(before.subscriptions);
    const isPutOff = error === "QontoRefusal" && title !== "401";
    expect(subscriptionsDueAt).toBe(isPutOff ? scene.relay.now + QUARTER_HOUR_MS : before.subscriptionsDueAt);
  });

  it("but a list that says no count is believed", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    scene.onCall = async (call, proceed) => {
      const answer = await proceed();
      if (call !== `GET ${LIST}`) return answer;
      return json({ subscriptions: Object(await answer.json())["subscriptions"] });
    };
    expect(await scene.attempt()).toBe("unchanged");
    expect(scene.changes).toEqual([]);
  });

  it("while Qonto hangs, with the end of the wait", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    scene.qonto.faults.paths.set(LIST, { answer: "hangs" });
    const startedAt = scene.relay.now;
    expect(await scene.attempt()).toBe("QontoUnavailable");
    expect(scene.relay.now - startedAt).toBeLessThan(25_000);
    expect(scene.changes).toEqual([]);
  });
});

it("a list that shifts while it is read is read again in the next run", async () => {
  const scene = await SubscriptionScene.begin();
  for (let count = 0; count < 150; count += 1) scene.subscribeForeign(`https://other.example.com/${count}`);
  await scene.check();
  scene.relay.passSeconds(900);
  const [first] = scene.qonto.subscriptions.keys();
  scene.qonto.calls.length = 0;
  // The relay's own is the last of the second page, and its place moves.
  scene.qonto.afterPage(LIST, 1, () => scene.qonto.loseSubscription(first ?? ""));
  expect(await scene.attempt()).toBe("UnreliableList");
  expect(scene.changes).toEqual([]);
  expect((await scene.find()).subscriptionsDueAt).toBeLessThanOrEqual(scene.relay.now);
  expect(await scene.check()).toBe("unchanged");
});

describe("a new first key", () => {
  const answerTo = async (scene: SubscriptionScene, secret: string) => {
    const timestamp = Math.floor(scene.relay.now / 1000);
    return (await scene.relay.webhook(await businessRequest(makePayload("v1/cards"), { secret, timestamp }))).status;
  };

  it("gives a new subscription, and the old one is deleted after: the webhooks of both are accepted all the time", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    const old = scene.subscription;
    const [oldSecret = "", newSecret = ""] = await subscriptionSecrets([ENCRYPTION_KEY, NEW_KEY]);
    scene.relay.env = { ...scene.relay.env, ENCRYPTION_KEYS: `${NEW_KEY},${ENCRYPTION_KEY}` };
    scene.onCall = async (call, answer) => {
      if (!call.startsWith("GET")) expect(await scene.emit()).toEqual(scene.subscriptions.map(() => 200));
      const answered = await answer();
      expect(scene.subscriptions.length).toBeGreaterThan(0);
      expect(await scene.emit()).toEqual(scene.subscriptions.map(() => 200));
      return answered;
    };
    expect(await scene.check()).toBe("changed");
    expect(scene.changes.map((call) => call.split(" ")[0])).toEqual(["POST", "DELETE"]);
    expect(scene.subscription.id).not.toBe(old.id);
    expect([old.secret, scene.subscription.secret]).toEqual([oldSecret, newSecret]);
    expect([await answerTo(scene, oldSecret), await answerTo(scene, newSecret)]).toEqual([200, 200]);
    expect(await scene.check()).toBe("unchanged");
    scene.relay.env = { ...scene.relay.env, ENCRYPTION_KEYS: NEW_KEY };
    expect([await answerTo(scene, oldSecret), await answerTo(scene, newSecret)]).toEqual([401, 200]);
  });

  it.each(["POST", "DELETE"])(
    "is no gap, and leaves one subscription, when the process dies after the %s",
    async (at) => {
      const scene = await SubscriptionScene.beginSubscribed();
      scene.relay.env = { ...scene.relay.env, ENCRYPTION_KEYS: `${NEW_KEY},${ENCRYPTION_KEY}` };
      const restart = scene.dieAfter(at);
      expect(await scene.attempt()).toBe("Error");
      restart();
      // The lease of the dead one.
      scene.relay.passSeconds(90);
      expect(await scene.check()).toBe(at === "POST" ? "changed" : "unchanged");
      const [secret] = await subscriptionSecrets([NEW_KEY]);
      expect(scene.subscription.secret).toBe(secret);
      expect(await operationalEvents()).toEqual([]);
    },
  );
});

describe("a check that stops in the middle", () => {
  it("for want of requests is gone on with by the next", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    scene.relay.env = { ...scene.relay.env, ENCRYPTION_KEYS: `${NEW_KEY},${ENCRYPTION_KEY}` };
    const { subscriptionsDueAt } = await scene.find();
    expect(await scene.check({ requests: 2 })).toBe("unfinished");
    expect(scene.subscriptions).toHaveLength(2);
    expect((await scene.find()).subscriptionsDueAt).toBe(subscriptionsDueAt);
    expect(await scene.check({ requests: 2 })).toBe("changed");
    expect(scene.subscriptions).toHaveLength(1);
  });

  it("for want of time begins nothing", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    expect(await scene.check({ until: scene.relay.now })).toBe("unfinished");
    expect(scene.qonto.calls).toEqual([]);
  });

  it("behind the restoration tells it once", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    scene.qonto.editSubscription(scene.subscription.id, { enabled: false });
    scene.onCall = async (call, answer) => (call.startsWith("DELETE") ? json({}, 500) : answer());
    expect(await scene.attempt()).toBe("QontoUnavailable");
    scene.onCall = intact;
    expect(await scene.check()).toBe("changed");
    expect(await operationalEvents()).toHaveLength(1);
    expect(scene.subscription.enabled).toBe(true);
  });
});

describe("while a check is made", () => {
  it("an operator's request for another stays", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    const asked = scene.relay.now + 1;
    scene.onCall = async (_call, answer) => {
      await env.DB.prepare("UPDATE connections SET subscriptions_due_at = ?1").bind(asked).run();
      return answer();
    };
    await scene.check();
    expect((await scene.find()).subscriptionsDueAt).toBe(asked);
  });

  it("the lease may end: then nothing is noted or told", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    scene.qonto.loseSubscription(scene.subscription.id);
    let before: unknown;
    scene.onCall = async (call, answer) => {
      if (!call.startsWith("POST")) return answer();
      before = (await scene.find()).subscriptions;
      await env.DB.prepare("UPDATE connections SET lease_until = lease_until + 1").run();
      return answer();
    };
    expect(await scene.check()).toBe("restored");
    expect((await scene.find()).subscriptions).toEqual(before);
    expect(before).toMatchObject([{ status: "missing" }]);
    expect(await operationalEvents()).toEqual([]);
  });
});

it("without a key that is long enough for a secret no subscription is made, which is said", async () => {
  const short = { ENCRYPTION_KEYS: "k".repeat(31), ADMIN_TOKEN: "" };
  const scene = await SubscriptionScene.begin({ variables: short });
  await expect(scene.check()).rejects.toThrow("ENCRYPTION_KEYS holds no key that is long enough");
  expect(scene.qonto.calls).toEqual([]);
});

describe("health", () => {
  const checkOf = async ({ relay }: SubscriptionScene) => {
    const { checks } = await (await relay.fetch("/health")).json<{ checks: { connections: object } }>();
    return checks.connections;
  };

  it.each([401, 403, 503])(
    "is degraded when Qonto has answered the list with %i for more than an hour, until the next check that succeeds",
    async (status) => {
      const scene = await SubscriptionScene.begin();
      const { relay, qonto } = scene;
      await relay.runCron();
      qonto.faults.paths.set(LIST, { status });
      for (let quarter = 0; quarter < 3; quarter += 1) {
        relay.passSeconds(900);
        await relay.runCron();
      }
      expect(await checkOf(scene)).toMatchObject({ status: "ok" });
      relay.passSeconds(960);
      await relay.runCron();
      const detail = expect.stringMatching(
        /^The last check of the subscriptions of \S+ that succeeded was 36\d\d s ago: the console's page Qonto says why\.$/,
      );
      expect(await checkOf(scene)).toMatchObject({ status: "degraded", detail, value: 1 });
      expect((await scene.find()).subscriptions).toMatchObject([{ status: "active" }]);
      qonto.faults.paths.clear();
      relay.passSeconds(900);
      await relay.runCron();
      expect(await checkOf(scene)).toMatchObject({ status: "ok" });
    },
  );
});

it("neither the secret nor a token is in any line of the log", async () => {
  const scene = await SubscriptionScene.beginSubscribed();
  const lines: string[] = [];
  for (const method of ["log", "error"] as const) {
    vi.spyOn(console, method).mockImplementation((line) => void lines.push(JSON.stringify(line)));
  }
  scene.qonto.loseSubscription(scene.subscription.id);
  scene.onCall = refusingChanges(500);
  await scene.attempt();
  scene.onCall = intact;
  await scene.check();
  expect(lines.join("\n")).toContain("subscription.restored");
  expect(scene.authorizations.size).toBe(1);
  for (const authorization of scene.authorizations) {
    for (const secret of [scene.subscription.secret, authorization.slice("Bearer ".length)]) {
      expect(secret.length).toBeGreaterThan(10);
      expect(lines.join("\n")).not.toContain(secret);
    }
  }
});
