import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { disconnect } from "../../../src/connection/disconnect.ts";
import { cataloguedTypes } from "../../../src/qonto/catalogue.ts";
import { emptyDatabase } from "../support/relay.ts";
import { operationalEvents } from "./scene.ts";
import { CALLBACK_URL, LIST, SubscriptionScene, intact, refusingChanges } from "./subscription-scene.ts";

beforeEach(emptyDatabase);

const OLD_URL = "https://relay.workers.test/webhooks/qonto";

/** The organization is connected again while the relay is at that origin. */
const reconnectAt = (origin: string) => env.DB.prepare("UPDATE connections SET relay_url = ?1").bind(origin).run();

/** Subscribed while the relay was at its old address, and connected again at its new one. */
async function beginMoved(): Promise<{ scene: SubscriptionScene; id: string }> {
  const scene = await SubscriptionScene.begin();
  await reconnectAt(new URL(OLD_URL).origin);
  await scene.check();
  const [old] = scene.qonto.subscriptions.values();
  if (old?.callback_url !== OLD_URL) throw new Error("There is no subscription at the old address");
  await reconnectAt(new URL(CALLBACK_URL).origin);
  scene.relay.passSeconds(900);
  scene.qonto.calls.length = 0;
  return { scene, id: old.id };
}

const listed = ({ qonto }: SubscriptionScene) => [...qonto.subscriptions.values()];

describe("a relay that is connected again under another address", () => {
  it("moves its subscription there with one PUT, which is no gap, and has no other", async () => {
    const { scene, id } = await beginMoved();
    expect(await scene.check()).toBe("changed");
    expect(scene.changes).toEqual([`PUT ${LIST}/${id}`]);
    expect(listed(scene)).toMatchObject([{ id, callback_url: CALLBACK_URL, types: cataloguedTypes.business }]);
    expect(await scene.emit()).toEqual([200]);
    expect((await scene.find()).subscriptions).toMatchObject([{ id, status: "active", callbackUrl: CALLBACK_URL }]);
    expect(await operationalEvents()).toEqual([]);
    expect(await scene.check()).toBe("unchanged");
  });

  it("moves it and gives it other types with the same PUT", async () => {
    const { scene, id } = await beginMoved();
    scene.relay.env = { ...scene.relay.env, QONTO_TYPES: "v1/cards" };
    expect(await scene.check()).toBe("changed");
    expect(scene.changes).toHaveLength(1);
    expect(listed(scene)).toMatchObject([{ id, callback_url: CALLBACK_URL, types: ["v1/cards"] }]);
  });

  it("makes a new one for a new key, and then deletes the one at the old address", async () => {
    const { scene, id } = await beginMoved();
    const { ENCRYPTION_KEYS } = scene.relay.env;
    scene.relay.env = { ...scene.relay.env, ENCRYPTION_KEYS: `new-key-of-32-characters-or-more,${ENCRYPTION_KEYS}` };
    expect(await scene.check()).toBe("changed");
    expect(scene.changes).toEqual([`POST ${LIST}`, `DELETE ${LIST}/${id}`]);
    expect(listed(scene)).toHaveLength(1);
    expect(scene.subscription.id).not.toBe(id);
  });

  it("leaves it at the old address, as its own, while Qonto refuses the new one", async () => {
    const { scene, id } = await beginMoved();
    scene.onCall = refusingChanges(422);
    expect(await scene.attempt()).toBe("QontoRefusal");
    expect(listed(scene)).toMatchObject([{ id, callback_url: OLD_URL }]);
    expect((await scene.find()).subscriptions).toMatchObject([{ id, status: "active", callbackUrl: OLD_URL }]);
    scene.onCall = intact;
    expect(await scene.check()).toBe("changed");
    expect(listed(scene)).toMatchObject([{ id, callback_url: CALLBACK_URL }]);
    expect(await operationalEvents()).toEqual([]);
  });

  it("restores one that was disabled at the old address, and deletes that", async () => {
    const { scene, id } = await beginMoved();
    scene.qonto.editSubscription(id, { enabled: false });
    scene.onCall = refusingChanges(500);
    expect(await scene.attempt()).toBe("QontoUnavailable");
    scene.onCall = intact;
    expect(await scene.check()).toBe("restored");
    expect(listed(scene)).toHaveLength(1);
    expect(scene.subscription.id).not.toBe(id);
    expect(await operationalEvents()).toHaveLength(1);
  });

  it("leaves one alone that somebody has pointed to a third address", async () => {
    const { scene, id } = await beginMoved();
    scene.qonto.editSubscription(id, { callback_url: "https://other.example.com/" });
    const before = structuredClone(scene.qonto.subscriptions.get(id));
    expect(await scene.check()).toBe("restored");
    expect(scene.changes).toEqual([`POST ${LIST}`]);
    expect(scene.qonto.subscriptions.get(id)).toEqual(before);
    expect((await scene.find()).subscriptions).toContainEqual(expect.objectContaining({ id, status: "foreign" }));
  });

  it("leaves one alone that it has not noted, at the old address", async () => {
    const { scene, id } = await beginMoved();
    const { description = null } = scene.qonto.subscriptions.get(id) ?? {};
    const other = structuredClone(scene.subscribeForeign(OLD_URL, { description }));
    expect(await scene.check()).toBe("changed");
    expect(scene.qonto.subscriptions.get(other.id)).toEqual(other);
  });

  it("takes a note without an address for one of where it is", async () => {
    const scene = await SubscriptionScene.beginSubscribed();
    await env.DB.prepare("UPDATE connections SET subscriptions = json_remove(subscriptions, '$[0].callbackUrl')").run();
    expect(await scene.check()).toBe("unchanged");
    expect((await scene.find()).subscriptions).toMatchObject([{ callbackUrl: CALLBACK_URL }]);
  });

  it.each(["GET", "PUT"])("moves it, and has one all the time, when the process dies after the %s", async (at) => {
    const { scene, id } = await beginMoved();
    const restart = scene.dieAfter(at);
    expect(await scene.attempt()).toBe("Error");
    restart();
    expect(listed(scene)).toHaveLength(1);
    // The lease of the dead one.
    scene.relay.passSeconds(90);
    expect(await scene.check()).toBe(at === "GET" ? "changed" : "unchanged");
    expect(listed(scene)).toMatchObject([{ id, callback_url: CALLBACK_URL }]);
    expect((await scene.find()).subscriptions).toMatchObject([{ id, status: "active", callbackUrl: CALLBACK_URL }]);
    expect(await operationalEvents()).toEqual([]);
  });

  it("deletes it with the connection, before a check has moved it", async () => {
    const { scene } = await beginMoved();
    const foreign = [scene.subscribeForeign(OLD_URL), scene.subscribeForeign(CALLBACK_URL)];
    expect(await scene.relay.clock.waitFor(disconnect({ id: scene.connectionId }, scene.context))).toBe("disconnected");
    expect(listed(scene)).toEqual(foreign);
  });
});
