import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { beforeEach, expect, it } from "vitest";
import { cataloguedTypes } from "../../../src/qonto/catalogue.ts";
import { subscriptionSecrets } from "../../../src/qonto/subscription-secret.ts";
import type { Subscription } from "../../support/qonto-server/subscriptions-api.ts";
import { emptyDatabase } from "../support/relay.ts";
import { CALLBACK_URL, LIST, SubscriptionScene } from "./subscription-scene.ts";

beforeEach(emptyDatabase);

/** Where the relay is connected for a while. */
const OTHER_URL = "https://relay.workers.test/webhooks/qonto";

/** What somebody else has at Qonto, however like the relay's own it looks. */
const foreign = fc.record({
  callback_url: fc.constantFrom(
    CALLBACK_URL,
    `${CALLBACK_URL}/`,
    OTHER_URL,
    "https://other.example.com/webhooks/qonto",
  ),
  description: fc.constantFrom(null, "", "Qonto relay", "Qonto relay con_other, key 00000000", "By hand"),
  enabled: fc.boolean(),
  types: fc.subarray([...cataloguedTypes.business], { minLength: 1 }),
});

/** What happens to one of the relay's own, from the relay's side or Qonto's. */
const mishap = fc.oneof(
  fc.record({ kind: fc.constantFrom("lose", "disable", "double", "point elsewhere", "new key") }),
  fc.record({ kind: fc.constantFrom("connect elsewhere", "connect here") }),
  fc.record({ kind: fc.constant("edit types"), types: fc.subarray([...cataloguedTypes.business], { minLength: 1 }) }),
);

type Mishap = { readonly kind: string; readonly types?: string[] };

/** How each of the next calls is answered. */
const answer = fc.constantFrom(
  "well",
  "well",
  "well",
  "401",
  "403",
  "404",
  "500",
  "429",
  "html",
  "{}",
  "empty",
  "half",
  "cut",
  "lost",
);

const meta = { current_page: 1, next_page: null, prev_page: null, total_pages: 1, total_count: 0, per_page: 100 };

async function answerAs(fault: string, proceed: () => Promise<Response>): Promise<Response> {
  if (/^\d+$/.test(fault))
    return Response.json({ code: "fault", detail: "missing required oauth scope" }, { status: Number(fault) });
  switch (fault) {
    case "html":
      return new Response("<html>", { status: 200 });
    case "{}":
      return Response.json({});
    case "empty":
      return Response.json({ subscriptions: [], meta });
    case "half": {
      const text = await (await proceed()).text();
      return new Response(text.slice(0, text.length / 2));
    }
    case "cut":
      throw new TypeError("fetch failed");
    case "lost":
      await proceed();
      throw new TypeError("fetch failed");
    default:
      return proceed();
  }
}

/** The organization is connected again where the relay is then. What there is has been noted before. */
async function connectAgain(scene: SubscriptionScene, callbackUrl: string): Promise<void> {
  await scene.check();
  await env.DB.prepare("UPDATE connections SET relay_url = ?1").bind(new URL(callbackUrl).origin).run();
}

async function happen({ kind, types = [] }: Mishap, scene: SubscriptionScene, ownIds: Set<string>): Promise<void> {
  if (kind === "connect elsewhere") await connectAgain(scene, OTHER_URL);
  if (kind === "connect here") await connectAgain(scene, CALLBACK_URL);
  const [own] = [...scene.qonto.subscriptions.values()].filter(({ id }) => ownIds.has(id));
  if (kind === "new key") {
    scene.relay.env = {
      ...scene.relay.env,
      ENCRYPTION_KEYS: `a-key-that-gives-secrets-${Math.floor(scene.relay.now)},${scene.relay.env.ENCRYPTION_KEYS}`,
    };
  }
  if (own === undefined) return;
  if (kind === "lose") scene.qonto.loseSubscription(own.id);
  if (kind === "disable") scene.qonto.editSubscription(own.id, { enabled: false });
  if (kind === "double") ownIds.add(scene.subscribeForeign(CALLBACK_URL, { description: own.description }).id);
  if (kind === "edit types") scene.qonto.editSubscription(own.id, { types });
  if (kind === "point elsewhere") {
    scene.qonto.editSubscription(own.id, { callback_url: "https://other.example.com/" });
    ownIds.delete(own.id);
  }
}

it("whatever Qonto lists and answers, what is not the relay's own is never touched, and three checks later its own is as it should be", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(foreign, { maxLength: 4 }),
      fc.array(fc.record({ mishap, answers: fc.array(answer, { minLength: 1, maxLength: 5 }) }), { maxLength: 5 }),
      async (foreigners, rounds) => {
        await emptyDatabase();
        const scene = await SubscriptionScene.begin();
        for (const { callback_url, ...one } of foreigners) scene.subscribeForeign(callback_url, one);
        await scene.check();
        const others = [...scene.qonto.subscriptions.values()].slice(0, foreigners.length);
        const ownIds = new Set([...scene.qonto.subscriptions.keys()].slice(foreigners.length));
        const touched: string[] = [];
        const untouched = new Map<string, Subscription>(others.map((one) => [one.id, structuredClone(one)]));

        const answering = (faults: string[]) => async (call: string, proceed: () => Promise<Response>) => {
          const id = call.split(`${LIST}/`)[1];
          if (!call.startsWith("GET") && id !== undefined && !ownIds.has(id)) touched.push(call);
          const known = new Set(scene.qonto.subscriptions.keys());
          try {
            return await answerAs(call.includes(LIST) ? (faults.shift() ?? "well") : "well", proceed);
          } finally {
            for (const made of scene.qonto.subscriptions.keys()) if (!known.has(made)) ownIds.add(made);
          }
        };

        for (const { mishap: next, answers } of rounds) {
          scene.relay.passSeconds(900);
          scene.onCall = answering([]);
          await happen(next, scene, ownIds);
          for (const one of scene.qonto.subscriptions.values())
            if (!ownIds.has(one.id)) untouched.set(one.id, structuredClone(one));
          scene.onCall = answering([...answers]);
          await scene.attempt();
        }

        scene.onCall = answering([]);
        await connectAgain(scene, CALLBACK_URL);
        // A type that Qonto refused by itself is tried again then.
        scene.relay.passSeconds(86_400);
        for (let count = 0; count < 3; count += 1) {
          scene.relay.passSeconds(900);
          await scene.check();
        }
        expect(touched).toEqual([]);
        for (const [id, one] of untouched) expect(scene.qonto.subscriptions.get(id)).toEqual(one);
        const own = [...scene.qonto.subscriptions.values()].filter(({ id }) => ownIds.has(id));
        const [secret] = await subscriptionSecrets(scene.context.config.subscriptionKeys);
        const desired = { callback_url: CALLBACK_URL, types: cataloguedTypes.business, secret, enabled: true };
        expect(own).toMatchObject([desired]);
        expect(await scene.emit()).toContain(200);
        expect(await scene.check()).toBe("unchanged");
      },
    ),
    { numRuns: 60 },
  );
});
