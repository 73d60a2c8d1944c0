import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cataloguedTypes } from "../../../src/qonto/catalogue.ts";
import { emptyDatabase } from "../support/relay.ts";
import { operationalEvents } from "./scene.ts";
import { CALLBACK_URL, LIST, SubscriptionScene, intact, refusingChanges } from "./subscription-scene.ts";

beforeEach(emptyDatabase);
afterEach(() => vi.restoreAllMocks());

const DAY_SECONDS = 86_400;
const types = cataloguedTypes.business;
const REFUSED = ["v1/recurring-transfers", "v1/terminal-payments"];

const without = (refused: readonly string[]) => types.filter((type) => !refused.includes(type)).toSorted();

/** What the scene's relay has at Qonto, and what it shows as refused. */
async function stateOf(scene: SubscriptionScene) {
  const { body } = await scene.relay.api("GET", "/api/connections");
  const [{ refused_types, last_error }] = Object(body).data;
  return { types: scene.subscription.types.toSorted(), refused: refused_types.toSorted(), last_error };
}

const refuse = ({ qonto }: SubscriptionScene, refused: readonly string[], status = 422) => {
  qonto.faults.refusedTypes = { status, types: refused };
};

/** No type of these was ever taken from the one subscription. */
function watch(scene: SubscriptionScene, kept: readonly string[]): void {
  scene.onCall = async (_call, answer) => {
    const answered = await answer();
    expect(scene.subscriptions.length).toBeLessThanOrEqual(1);
    if (kept.length > 0) expect(scene.subscription.types).toEqual(expect.arrayContaining([...kept]));
    return answered;
  };
}

describe("types that Qonto refuses", () => {
  it.each([400, 403, 422])(
    "with %i are left out of the first subscription, which gets all others, and are shown",
    async (status) => {
      const scene = await SubscriptionScene.begin();
      refuse(scene, REFUSED, status);
      watch(scene, []);
      expect(await scene.check()).toBe("created");
      expect(await stateOf(scene)).toEqual({ types: without(REFUSED), refused: REFUSED, last_error: null });
      expect(scene.changes.filter((call) => call === `POST ${LIST}`).length).toBeGreaterThan(1);
      expect(await scene.emit()).toEqual([200]);
      expect(await operationalEvents()).toEqual([]);
    },
  );

  it.each(types)("are found where it is %s alone, within 12 changes", async (type) => {
    const scene = await SubscriptionScene.begin();
    refuse(scene, [type]);
    expect(await scene.check()).toBe("created");
    expect(await stateOf(scene)).toMatchObject({ types: without([type]), refused: [type] });
    expect(scene.changes.length).toBeLessThanOrEqual(12);
  });

  it("are found where Qonto takes a single one", async () => {
    const scene = await SubscriptionScene.begin();
    refuse(scene, without(["v1/transfers"]));
    expect(await scene.check()).toBe("created");
    expect(await stateOf(scene)).toMatchObject({ types: ["v1/transfers"], refused: without(["v1/transfers"]) });
  });

  it("are not tried again by the checks of a day, which cost one request each", async () => {
    const scene = await SubscriptionScene.begin();
    refuse(scene, REFUSED);
    await scene.check();
    scene.qonto.calls.length = 0;
    for (let count = 0; count < 3; count += 1) {
      scene.relay.passSeconds(900);
      expect(await scene.check()).toBe("unchanged");
    }
    expect(scene.qonto.calls).toEqual(Array(3).fill(`GET ${LIST}?per_page=100&page=1`));
    expect(await stateOf(scene)).toMatchObject({ refused: REFUSED });
  });

  it("are tried again after a day, and subscribed to once Qonto takes them, which is no gap", async () => {
    const scene = await SubscriptionScene.begin();
    refuse(scene, REFUSED);
    await scene.check();
    scene.relay.passSeconds(DAY_SECONDS);
    watch(scene, without(REFUSED));
    expect(await scene.check()).toBe("unchanged");
    expect(await stateOf(scene)).toMatchObject({ types: without(REFUSED), refused: REFUSED });
    scene.relay.passSeconds(DAY_SECONDS - 900);
    delete scene.qonto.faults.refusedTypes;
    expect(await scene.check()).toBe("unchanged");
    scene.relay.passSeconds(900);
    expect(await scene.check()).toBe("changed");
    expect(await stateOf(scene)).toMatchObject({ types: types.toSorted(), refused: [] });
    expect(await operationalEvents()).toEqual([]);
  });

  it("are tried again when QONTO_TYPES changes, and are no longer shown once it does not name them", async () => {
    const scene = await SubscriptionScene.begin({ variables: { QONTO_TYPES: "v1/cards,v1/unheard-of" } });
    refuse(scene, ["v1/unheard-of"]);
    await scene.check();
    expect(await stateOf(scene)).toMatchObject({ types: ["v1/cards"], refused: ["v1/unheard-of"] });
    scene.relay.env = { ...scene.relay.env, QONTO_TYPES: "v1/cards,v1/transfers,v1/unheard-of" };
    watch(scene, ["v1/cards"]);
    expect(await scene.check()).toBe("changed");
    expect(await stateOf(scene)).toMatchObject({ types: ["v1/cards", "v1/transfers"], refused: ["v1/unheard-of"] });
    scene.relay.env = { ...scene.relay.env, QONTO_TYPES: "v1/cards,v1/transfers" };
    expect(await scene.check()).toBe("unchanged");
    expect(await stateOf(scene)).toMatchObject({ types: ["v1/cards", "v1/transfers"], refused: [] });
  });

  it("stay known when the subscription is lost, which is restored with one request", async () => {
    const scene = await SubscriptionScene.begin();
    refuse(scene, REFUSED);
    await scene.check();
    scene.qonto.loseSubscription(scene.subscription.id);
    scene.onCall = refusingChanges(500);
    expect(await scene.attempt()).toBe("QontoUnavailable");
    scene.onCall = intact;
    scene.qonto.calls.length = 0;
    expect(await scene.check()).toBe("restored");
    expect(scene.changes).toEqual([`POST ${LIST}`]);
    expect(await stateOf(scene)).toMatchObject({ types: without(REFUSED), refused: REFUSED });
    expect(await operationalEvents()).toHaveLength(1);
  });

  it("leave /health as it is, and are in the log", async () => {
    const scene = await SubscriptionScene.begin();
    const lines: object[] = [];
    vi.spyOn(console, "log").mockImplementation((line) => void lines.push(line));
    refuse(scene, REFUSED);
    await scene.relay.runCron();
    expect(lines).toContainEqual(
      expect.objectContaining({ message: "types.refused", refused_types: expect.anything() }),
    );
    for (let quarter = 0; quarter < 6; quarter += 1) {
      scene.relay.passSeconds(900);
      await scene.relay.runCron();
    }
    const health = await (await scene.relay.fetch("/health")).json<{ checks: { connections: object } }>();
    expect(health.checks.connections).toMatchObject({ status: "ok" });
    expect(await stateOf(scene)).toMatchObject({ refused: REFUSED, last_error: null });
  });
});

describe("a subscription that there is", () => {
  it("loses none of its types while the search makes it grow", async () => {
    const variables = { QONTO_TYPES: "v1/cards,v1/transfers" };
    const scene = await SubscriptionScene.beginSubscribed({ variables });
    const { id } = scene.subscription;
    scene.relay.env = { ...scene.relay.env, QONTO_TYPES: "" };
    refuse(scene, REFUSED);
    watch(scene, ["v1/cards", "v1/transfers"]);
    expect(await scene.check()).toBe("changed");
    expect(scene.subscription.id).toBe(id);
    expect(await stateOf(scene)).toMatchObject({ types: without(REFUSED), refused: REFUSED });
  });

  it("stays as it is when Qonto does not take what it has either, and the refusal is told", async () => {
    const scene = await SubscriptionScene.beginSubscribed({ variables: { QONTO_TYPES: "v1/cards" } });
    const before = structuredClone(scene.subscription);
    scene.relay.env = { ...scene.relay.env, QONTO_TYPES: "" };
    refuse(scene, ["v1/cards"]);
    await scene.relay.runCron();
    expect(scene.changes).toHaveLength(2);
    expect(scene.subscription).toEqual(before);
    expect(await stateOf(scene)).toMatchObject({ refused: [], last_error: expect.stringContaining("refuses (422)") });
  });

  it("stays as it is when Qonto refuses its only type", async () => {
    const scene = await SubscriptionScene.beginSubscribed({ variables: { QONTO_TYPES: "v1/cards" } });
    const before = structuredClone(scene.subscription);
    scene.relay.env = { ...scene.relay.env, QONTO_TYPES: "v1/unheard-of" };
    refuse(scene, ["v1/unheard-of"]);
    expect(await scene.attempt()).toBe("QontoRefusal");
    expect(scene.changes).toHaveLength(1);
    expect(scene.subscription).toEqual(before);
  });
});

describe("a refusal that is not about types", () => {
  it.each([400, 422])(
    "as every single one is refused with %i, is thrown, and nothing is remembered",
    async (status) => {
      const scene = await SubscriptionScene.begin();
      scene.onCall = refusingChanges(status);
      await expect(scene.check()).rejects.toThrow(`Qonto refuses (${status}): Not now`);
      scene.onCall = intact;
      expect(await scene.check()).toBe("created");
      expect(await stateOf(scene)).toMatchObject({ types: types.toSorted(), refused: [] });
    },
  );

  it("and takes more requests than a run has, is thrown too, and not repeated within the quarter of an hour", async () => {
    const many = Array.from({ length: 50 }, (_, index) => `v1/made-up-${index}`);
    const scene = await SubscriptionScene.begin({ variables: { QONTO_TYPES: many.join(",") } });
    refuse(scene, many);
    expect(await scene.attempt()).toBe("QontoRefusal");
    expect((await scene.find()).subscriptionsDueAt).toBe(scene.relay.now + 900_000);
  });

  it.each([401, 404, 500])("as an answer of %i, has no type searched for", async (status) => {
    const scene = await SubscriptionScene.begin();
    let changes = 0;
    scene.onCall = async (call, answer) => {
      if (call !== `POST ${LIST}`) return answer();
      changes += 1;
      return Response.json({ code: "fault", detail: "Not now" }, { status });
    };
    expect(await scene.attempt()).not.toBe("created");
    // A 401 has the tokens refreshed, and the call repeated once.
    expect(changes).toBe(status === 401 ? 2 : 1);
  });
});

describe("a search that stops in the middle", () => {
  it("for want of requests is gone on with, and what it has found is not tried again", async () => {
    const scene = await SubscriptionScene.begin();
    const many = without(["v1/transactions", "v1/transfers"]);
    refuse(scene, many);
    watch(scene, []);
    const outcomes: string[] = [];
    while (outcomes.length < 10 && !outcomes.includes("changed")) outcomes.push(await scene.attempt({ requests: 12 }));
    expect(outcomes).toEqual(["unfinished", "unfinished", "unfinished", "changed"]);
    expect(await stateOf(scene)).toMatchObject({ types: ["v1/transactions", "v1/transfers"], refused: many });
  });

  it("since Qonto is not available is gone on with", async () => {
    const scene = await SubscriptionScene.begin();
    refuse(scene, REFUSED);
    scene.onCall = async (call, answer) => (call.startsWith("PUT") ? Response.json({}, { status: 500 }) : answer());
    expect(await scene.attempt()).toBe("QontoUnavailable");
    expect(scene.subscriptions).toHaveLength(1);
    scene.onCall = intact;
    expect(await scene.check()).toBe("created");
    expect(await stateOf(scene)).toEqual({ types: without(REFUSED), refused: REFUSED, last_error: null });
  });

  it.each([...Array(13).keys()].map((index) => index + 1))(
    "as the process dies after change %i leaves one subscription at most, and the next check ends it",
    async (calls) => {
      const scene = await SubscriptionScene.begin();
      refuse(scene, REFUSED);
      const restart = scene.dieAfter("P", calls);
      expect(await scene.attempt()).toBe("Error");
      restart();
      expect(scene.subscriptions.length).toBeLessThanOrEqual(1);
      scene.relay.passSeconds(90);
      expect(await scene.check()).toBe("created");
      expect(await stateOf(scene)).toMatchObject({ types: without(REFUSED), refused: REFUSED });
      expect(await operationalEvents()).toEqual([]);
    },
  );

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "as the process dies after change %i of a restoration leaves the gap to be told, once",
    async (calls) => {
      const scene = await SubscriptionScene.beginSubscribed();
      scene.qonto.editSubscription(scene.subscription.id, { types: ["v1/cards"] });
      refuse(scene, REFUSED);
      const restart = scene.dieAfter("P", calls);
      expect(await scene.attempt()).toBe("Error");
      restart();
      expect(scene.subscription.callback_url).toBe(CALLBACK_URL);
      scene.relay.passSeconds(90);
      expect(await scene.check()).toBe("restored");
      expect(await stateOf(scene)).toMatchObject({ types: without(REFUSED), refused: REFUSED });
      expect(await operationalEvents()).toHaveLength(1);
      expect(await scene.check()).toBe("unchanged");
    },
  );
});
