import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { cataloguedTypes } from "../../../src/qonto/catalogue.ts";
import { subscriptionSecrets } from "../../../src/qonto/subscription-secret.ts";
import { interceptDatabase } from "../support/database.ts";
import { ENCRYPTION_KEY, emptyDatabase } from "../support/relay.ts";
import { operationalEvents } from "./scene.ts";
import { CALLBACK_URL, LIST, SubscriptionScene, intact, refusingChanges } from "./subscription-scene.ts";

beforeEach(emptyDatabase);

const CHECKED_EVERY_MS = 900_000;

describe("a connection without a subscription", () => {
  it("gets one for every type of the catalogue, whose webhooks are accepted", async () => {
    const scene = await SubscriptionScene.begin();
    expect(await scene.check()).toBe("created");
    const [secret] = await subscriptionSecrets([ENCRYPTION_KEY]);
    expect(scene.subscription).toMatchObject({ callback_url: CALLBACK_URL, types: cataloguedTypes.business, secret });
    expect(await scene.emit()).toEqual([200]);
    const { subscriptions, subscriptionsDueAt } = await scene.find();
    expect(subscriptions).toEqual([
      {
        id: scene.subscription.id,
        types: cataloguedTypes.business,
        status: "active",
        keyId: expect.any(String),
        callbackUrl: CALLBACK_URL,
        checkedAt: scene.relay.now,
      },
    ]);
    expect(subscriptionsDueAt).toBe(scene.relay.now + CHECKED_EVERY_MS);
    expect(await operationalEvents()).toEqual([]);
  });

  it("gets the types that its scopes allow", async () => {
    const scene = await SubscriptionScene.begin({ scopes: ["offline_access", "webhook", "card.read"] });
    await scene.check();
    expect(scene.subscription.types).toEqual(["v1/consent-revocations", "v1/cards"]);
  });

  it("gets those of QONTO_TYPES that the scopes allow, also one that the catalogue does not name", async () => {
    const variables = { QONTO_TYPES: "v1/cards,v1/transfers,v1/unheard-of" };
    const scene = await SubscriptionScene.begin({
      variables,
      scopes: ["offline_access", "webhook", "organization.read"],
    });
    await scene.check();
    expect(scene.subscription.types).toEqual(["v1/transfers", "v1/unheard-of"]);
    expect(await scene.check()).toBe("unchanged");
  });

  it("gets none when nothing is left of QONTO_TYPES, which is said", async () => {
    const scene = await SubscriptionScene.begin({
      variables: { QONTO_TYPES: "v1/cards" },
      scopes: ["offline_access", "webhook"],
    });
    await expect(scene.check()).rejects.toThrow("The granted scopes allow no event type of QONTO_TYPES");
    expect(scene.qonto.calls).toEqual([]);
    expect((await scene.find()).subscriptionsDueAt).toBe(scene.relay.now + CHECKED_EVERY_MS);
  });

  it("is shown as one without while Qonto refuses to make one, and is not told as restored then", async () => {
    const scene = await SubscriptionScene.begin();
    scene.onCall = refusingChanges(422);
    const missingSince = scene.relay.now;
    expect(await scene.attempt()).toBe("QontoRefusal");
    const missing = { id: null, types: cataloguedTypes.business, status: "missing", keyId: null, missingSince };
    expect((await scene.find()).subscriptions).toEqual([missing]);
    scene.relay.passSeconds(900);
    expect(await scene.attempt()).toBe("QontoRefusal");
    expect((await scene.find()).subscriptions).toEqual([missing]);
    scene.onCall = intact;
    expect(await scene.check()).toBe("created");
    expect(await operationalEvents()).toEqual([]);
  });
});

describe("a subscription that is as it should be", () => {
  it("is left alone, with one request and one write", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    expect(await scene.check()).toBe("unchanged");
    expect(scene.qonto.calls).toEqual([`GET ${LIST}?per_page=100&page=1`]);
  });

  it("is found on a later page", async () => {
    const scene = await SubscriptionScene.begin();
    for (let count = 0; count < 150; count += 1) {
      scene.subscribeForeign(`https://other.example.com/${count}`);
    }
    await scene.check();
    expect(await scene.check()).toBe("unchanged");
    expect(scene.subscriptions).toHaveLength(1);
    expect((await scene.find()).subscriptions.map(({ status }) => status)).toEqual([
      "active",
      ...Array<string>(150).fill("foreign"),
    ]);
  });

  it("is left alone when its types come in another order, or its description is another", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    const { id, types } = scene.subscription;
    scene.qonto.editSubscription(id, { types: types.toReversed(), description: "Edited by hand" });
    expect(await scene.check()).toBe("unchanged");
    expect(scene.changes).toEqual([]);
  });
});

const faults: Readonly<Record<string, (scene: SubscriptionScene) => void>> = {
  "is deleted": ({ qonto, subscription }) => qonto.loseSubscription(subscription.id),
  "is disabled": ({ qonto, subscription }) => qonto.editSubscription(subscription.id, { enabled: false }),
  "has lost types": ({ qonto, subscription }) => qonto.editSubscription(subscription.id, { types: ["v1/cards"] }),
  "points elsewhere": ({ qonto, subscription }) =>
    qonto.editSubscription(subscription.id, { callback_url: "https://other.example.com/" }),
};

describe("a subscription that no longer delivers", () => {
  it.each(Object.entries(faults))(
    "because it %s is restored, told once, and has reconciliation due",
    async (_, make) => {
      const scene = await SubscriptionScene.beginSubscribed();
      const later = scene.relay.now + 3_000_000;
      await env.DB.prepare("UPDATE connections SET reconciliation_due_at = ?1").bind(later).run();
      make(scene);
      expect(await scene.check()).toBe("restored");
      const { id, types } = scene.subscription;
      expect(types).toEqual(cataloguedTypes.business);
      expect(await scene.emit()).toEqual([200]);
      expect((await scene.find()).reconciliationDueAt).toBe(scene.relay.now);
      const told = {
        type: "relay.subscription.restored",
        organization_id: scene.qonto.bank.organizationId,
        data: { connection_id: scene.connectionId, subscription_id: id, types },
      };
      expect(await operationalEvents()).toMatchObject([told]);
      scene.relay.passSeconds(900);
      expect(await scene.check()).toBe("unchanged");
      expect(await operationalEvents()).toHaveLength(1);
    },
  );

  it("asks for a reconciliation of its own where one was due before, which may be read in part", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    await env.DB.prepare("UPDATE connections SET reconciliation_due_at = ?1")
      .bind(scene.relay.now - 60_000)
      .run();
    scene.qonto.loseSubscription(scene.subscription.id);
    expect(await scene.check()).toBe("restored");
    expect((await scene.find()).reconciliationDueAt).toBe(scene.relay.now);
  });

  it.each(Object.entries(faults))("because it %s is shown as missing while Qonto takes no change", async (_, make) => {
    const scene = await SubscriptionScene.beginSubscribed();
    make(scene);
    scene.onCall = refusingChanges(500);
    for (let count = 0; count < 3; count += 1) {
      expect(await scene.attempt()).toBe("QontoUnavailable");
      expect((await scene.find()).subscriptions).toContainEqual(expect.objectContaining({ status: "missing" }));
    }
    expect(await operationalEvents()).toEqual([]);
    scene.onCall = intact;
    expect(await scene.check()).toBe("restored");
    expect(scene.subscription.types).toEqual(cataloguedTypes.business);
    expect((await scene.find()).subscriptions).not.toContainEqual(expect.objectContaining({ status: "missing" }));
    expect(await operationalEvents()).toHaveLength(1);
  });

  it("is created elsewhere than the one that somebody has pointed elsewhere, which stays as it is", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    const { id } = scene.subscription;
    scene.qonto.editSubscription(id, { callback_url: "https://other.example.com/" });
    const edited = structuredClone(scene.qonto.subscriptions.get(id));
    await scene.check();
    await scene.check();
    expect(scene.qonto.subscriptions.get(id)).toEqual(edited);
    expect((await scene.find()).subscriptions).toContainEqual(expect.objectContaining({ id, status: "foreign" }));
  });
});

describe("types", () => {
  it("that the scopes no longer allow are taken out, which is no gap", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    const scopes = ["offline_access", "webhook", "organization.read"] as const;
    scene.qonto.reduceScopes(scene.qonto.bank.organizationId, scopes);
    await env.DB.prepare("UPDATE connections SET scopes = ?1").bind(JSON.stringify(scopes)).run();
    expect(await scene.check()).toBe("changed");
    expect(scene.subscription.types).not.toContain("v1/cards");
    expect(scene.subscription.types).toContain("v1/transactions");
    expect(await operationalEvents()).toEqual([]);
  });

  it("that are new are put in, which is no gap", async () => {
    const scene = await SubscriptionScene.beginSubscribed({ variables: { QONTO_TYPES: "v1/cards" } });
    scene.relay.env = { ...scene.relay.env, QONTO_TYPES: "v1/cards,v1/transfers" };
    const { id } = scene.subscription;
    expect(await scene.check()).toBe("changed");
    expect(scene.subscription).toMatchObject({ id, types: ["v1/cards", "v1/transfers"] });
    expect(await operationalEvents()).toEqual([]);
  });
});

describe("a foreign subscription", () => {
  it("is never touched: another relay's, or one that was made by hand at the relay's own address", async () => {
    const scene = await SubscriptionScene.begin();
    const ofOtherRelay = scene.subscribeForeign("https://other-relay.example.com/webhooks/qonto", {
      description: `Qonto relay ${scene.connectionId}, key 00000000`,
    });
    const ofOtherConnection = scene.subscribeForeign(CALLBACK_URL, {
      description: "Qonto relay con_other, key 00000000",
    });
    const byHand = scene.subscribeForeign(CALLBACK_URL, { enabled: false });
    const foreign = [ofOtherRelay, ofOtherConnection, byHand];
    const before = structuredClone(foreign);
    expect(await scene.check()).toBe("created");
    scene.qonto.loseSubscription(scene.subscriptions.at(-1)?.id ?? "");
    expect(await scene.check()).toBe("restored");
    expect(foreign.map(({ id }) => scene.qonto.subscriptions.get(id))).toEqual(before);
    expect((await scene.find()).subscriptions.map(({ status }) => status)).toEqual([
      "active",
      "foreign",
      "foreign",
      "foreign",
    ]);
  });
});

describe("two of the relay's own", () => {
  it("become the one that is noted", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    const { id, description } = scene.subscription;
    // It comes first in the list.
    const [first] = scene.qonto.subscriptions.entries();
    scene.qonto.subscriptions.clear();
    scene.subscribeForeign(CALLBACK_URL, { description });
    if (first !== undefined) scene.qonto.subscriptions.set(...first);
    expect(await scene.check()).toBe("changed");
    expect(scene.subscription.id).toBe(id);
    expect(await operationalEvents()).toEqual([]);
  });
});

describe("a run that dies", () => {
  it.each(["before", "after"])(
    "%s its note of a subscription leaves one that the next run recognises",
    async (when) => {
      const scene = await SubscriptionScene.begin();
      const intact = scene.relay.env.DB;
      const died = new Error("The process has died");
      scene.relay.env = {
        ...scene.relay.env,
        DB: interceptDatabase(intact, async ({ statements }, proceed) => {
          if (!statements.some((sql) => sql.includes("subscriptions = "))) return proceed();
          if (when === "after") await proceed();
          throw died;
        }),
      };
      await expect(scene.check()).rejects.toThrow(died);
      const { id } = scene.subscription;
      scene.relay.env = { ...scene.relay.env, DB: intact };
      scene.qonto.calls.length = 0;
      expect(await scene.check()).toBe(when === "before" ? "created" : "unchanged");
      expect(scene.changes).toEqual([]);
      expect((await scene.find()).subscriptions).toMatchObject([{ id, status: "active" }]);
    },
  );

  it.each(Object.entries(faults))(
    "after it has restored a subscription that %s leaves the gap to be told",
    async (_, make) => {
      const scene = await SubscriptionScene.beginSubscribed();
      make(scene);
      const restart = scene.dieAfter("P");
      expect(await scene.attempt()).toBe("Error");
      restart();
      expect(await operationalEvents()).toEqual([]);
      // The lease of the dead one.
      scene.relay.passSeconds(90);
      expect(await scene.check()).toBe("restored");
      expect(scene.changes.filter((call) => !call.startsWith("DELETE"))).toHaveLength(1);
      expect(await operationalEvents()).toHaveLength(1);
    },
  );

  it("between Qonto's answer and its arrival leaves one that the next run recognises", async () => {
    const scene = await SubscriptionScene.begin();
    scene.onCall = async (call, answer) => {
      const answered = await answer();
      if (call === `POST ${LIST}`) throw new TypeError("fetch failed");
      return answered;
    };
    expect(await scene.attempt()).toBe("QontoUnavailable");
    scene.onCall = intact;
    expect(await scene.check()).toBe("created");
    expect(scene.changes).toHaveLength(1);
    expect(scene.subscriptions).toHaveLength(1);
  });
});
