import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { beforeEach, describe, expect, it } from "vitest";
import { failing, hanging, interceptDatabase } from "../support/database.ts";
import { permutations } from "../support/permutations.ts";
import { type Payload, businessRequest, makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { type Answer, ok, statuses } from "../support/destinations.ts";
import {
  deafQueue,
  live,
  other,
  receivedIds,
  relayWithDestination,
  send,
  stalledQueue,
  destination,
  textOf,
  whileBroken,
  wordOf,
} from "./scene.ts";

/**
 * Faults of other webhook gateways that senders, destinations, operators and strangers get to see, each as a fact about this one.
 * 1 to 7 are in delivery.test.ts, 15 in ../../node/architecture/faults-of-others.test.ts, 17 in
 * ../../node/document/documents.test.ts.
 */

beforeEach(emptyDatabase);

describe("8: an event that nobody wants is visible and counted, and can still be had", () => {
  it("as unmatched, until a destination that comes later asks for it", async () => {
    const { relay } = await relayWithDestination({ types: ["v1/transfers"] });
    const [id = ""] = await send(relay, 1);
    await relay.runQueues();
    expect((await relay.api("GET", "/api/events")).body.data).toMatchObject([{ id, state: "unmatched" }]);
    const ledger = (await relay.api("GET", "/api/ledger")).body;
    expect(ledger).toMatchObject({ received: 1, unmatched: 1, pending: 0, settled: 0, balanced: true });
    const later = await relay.addDestination(other);
    const window = { since: "2026-01-01T00:00:00Z", which: "missing" };
    await relay.api("POST", `/api/destinations/${later.id}/replay`, window);
    await relay.runQueues();
    expect([receivedIds(relay), receivedIds(relay, other)]).toEqual([[], [id]]);
    expect((await relay.api("GET", `/api/events/${id}`)).body.state).toBe("settled");
  });
});

describe("9: nothing is told to a stranger, and no fault of ours is called the sender's", () => {
  it("a forged event is refused alike, and without asking D1, whether its id is known or not", async () => {
    const { relay } = await relayWithDestination();
    const known = makePayload("v1/cards");
    await relay.send(known);
    let asked = 0;
    const DB = interceptDatabase(env.DB, (_call, proceed) => {
      asked += 1;
      return proceed();
    });
    const forge = async (payload: Payload, timestamp: number) => {
      const response = await relay.webhook(await businessRequest(payload, { secret: "guess", timestamp }));
      return [response.status, Object.fromEntries(response.headers), await response.text()];
    };
    const now = Math.floor(relay.now / 1000);
    await whileBroken(relay, { DB }, async () => {
      for (const timestamp of [now, now - 4_000, now + 4_000]) {
        const answer = await forge(known, timestamp);
        expect(answer).toEqual(await forge(makePayload("v1/cards"), timestamp));
        expect(answer[0]).toBe(401);
      }
    });
    expect(asked).toBe(0);
  });

  const databases = { fails: failing, hangs: hanging };
  const queues = { fails: deafQueue, hangs: stalledQueue };
  const bodies: [string, () => Payload | string][] = [
    ["an event", () => makePayload("v1/cards")],
    ["what cannot be read", () => "no json"],
    ["what no message can carry", () => textOf(200_000)],
  ];

  it.each(bodies)("%s that neither D1 nor the queue takes is answered 503, for Qonto to retry", async (_t, body) => {
    for (const [database, intercept] of Object.entries(databases)) {
      for (const [queue, EVENTS] of Object.entries(queues)) {
        const relay = new TestRelay({ DB: interceptDatabase(env.DB, intercept), EVENTS });
        const response = await relay.sendAndLeave(body());
        expect([response.status, await wordOf(response)], `D1 ${database}, the queue ${queue}`).toEqual([
          503,
          "not_stored",
        ]);
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
      }
    }
  });
});

describe("10: a body over the limit is 413, never a signature that does not match", () => {
  it.each(["declared", "streamed"])("%s, though it is signed well", async (title) => {
    const relay = new TestRelay({ MAX_BODY_BYTES: "2000" });
    const answerTo = async (bytes: number) => {
      const { headers, body } = await relay.signed(textOf(bytes));
      return title === "declared"
        ? relay.webhook({ method: "POST", headers: { ...headers, "content-length": String(bytes) }, body })
        : relay.webhook({ method: "POST", headers, body: new Blob([body.slice(0, 99), body.slice(99)]).stream() });
    };
    expect((await answerTo(2_000)).status).toBe(200);
    const refused = await answerTo(2_001);
    expect([refused.status, await wordOf(refused)]).toEqual([413, "body_too_large"]);
    expect((await relay.api("GET", "/api/ledger")).body).toMatchObject({ received: 1 });
  });
});

describe("11: a replay is for those that have not got the event", () => {
  const always = { since: "2026-01-01T00:00:00Z" };

  /** Three events that the first destination has and are dead for the other; a third destination comes later. */
  async function halfDelivered() {
    const { relay, id } = await relayWithDestination();
    const { id: failedId } = await relay.addDestination(other, { retry_schedule_seconds: [] });
    relay.destinations.answer(other, statuses(500, 500, 500, 200));
    const ids = await send(relay, 3);
    await relay.runQueues();
    await live(relay, 1);
    const { id: lateId } = await relay.addDestination(late);
    return { relay, id, failedId, lateId, ids };
  }
  const late = "https://late.example.com/hook";

  it("of an event: it goes to the destinations that miss it, and to no other", async () => {
    const { relay, ids } = await halfDelivered();
    const [first = ""] = ids;
    for (const count of [2, 0]) {
      expect((await relay.api("POST", `/api/events/${first}/replay`)).body).toEqual({ count });
      await relay.runQueues();
    }
    expect(receivedIds(relay)).toEqual(ids);
    expect(receivedIds(relay, other).slice(3)).toEqual([first]);
    expect(receivedIds(relay, late)).toEqual([first]);
  });

  it("of a destination's past: it gets what failed or what it missed, once, and nobody else gets anything", async () => {
    const { relay, id, failedId, lateId, ids } = await halfDelivered();
    for (const [destinationId, which, ...counts] of [
      [id, "failed", 0, 0],
      [id, "missing", 0, 0],
      [failedId, "missing", 0, 0],
      [failedId, "failed", 3, 0],
      [lateId, "missing", 3, 0],
    ] as const) {
      for (const count of counts) {
        const { body } = await relay.api("POST", `/api/destinations/${destinationId}/replay`, { ...always, which });
        expect(body, which).toMatchObject({ count });
        await relay.runQueues();
      }
    }
    expect(receivedIds(relay)).toEqual(ids);
    expect(receivedIds(relay, other).slice(3).toSorted()).toEqual(ids.toSorted());
    expect(receivedIds(relay, late).toSorted()).toEqual(ids.toSorted());
  });
});

describe("12: events of the same instant end in the last status of the resource's life, in any order", () => {
  const instant = "2026-02-01T10:00:00Z";

  it.each<["v1/sepa-direct-debit-collections" | "v1/transfers" | "v1/cards", string[]]>([
    ["v1/sepa-direct-debit-collections", ["on_hold", "completed", "refunded"]],
    ["v1/transfers", ["created", "processing", "settled"]],
    ["v1/cards", ["created", "activated", "expired"]],
  ])("%s", async (type, lifecycle) => {
    // By their ids alone the first would win.
    const payloads = lifecycle.map((event, index) =>
      makePayload(type, {
        id: `${9 - index}`,
        organization_id: "o",
        created_at: instant,
        data: { id: "r", event, status: event, updated_at: instant },
      }),
    );
    for (const order of permutations(payloads)) {
      await emptyDatabase();
      const relay = new TestRelay();
      for (const payload of order) {
        await relay.send(payload);
        await relay.runQueues();
      }
      const { body } = await relay.api("GET", "/api/organizations/o/resources/r");
      expect(body).toMatchObject({ event: lifecycle.at(-1), data: { status: lifecycle.at(-1) } });
    }
  });

  it("registrations", async () => {
    const stages = ["registrations.pending", "registrations.submitted", "registrations.completed"] as const;
    const payloads = stages.map((type, index) =>
      makePayload(type, { id: `${9 - index}`, resource_id: "r", created_at: instant }),
    );
    for (const order of permutations(payloads)) {
      await emptyDatabase();
      const relay = new TestRelay();
      for (const payload of order) await relay.sendOnboarding(payload);
      await relay.runQueues();
      expect((await relay.api("GET", "/api/registrations/r")).body.stage).toBe("completed");
    }
  });
});

describe("13: health does not say ok while something has died silently", () => {
  /** As an isolate sees it that nobody has asked before. */
  const statusOf = async (relay: TestRelay) => {
    relay.env = { ...relay.env };
    return (await relay.fetch("/health")).status;
  };

  async function wellRelay(answer: Answer = ok): Promise<TestRelay> {
    const { relay } = await relayWithDestination({}, answer);
    await live(relay, 60);
    expect(await statusOf(relay)).toBe(200);
    return relay;
  }

  it("the cron", async () => {
    const relay = await wellRelay();
    relay.passSeconds(240);
    expect(await statusOf(relay)).toBe(503);
    await relay.runCron();
    expect(await statusOf(relay)).toBe(200);
  });

  it.each([
    ["the consumer that makes first attempts", ok],
    ["the consumer that makes later attempts", statuses(500, 200)],
  ])("%s", async (_title, answer) => {
    const relay = await wellRelay(answer);
    await send(relay, 1);
    if (answer !== ok) await relay.runEventsBatch();
    for (let minute = 0; minute < 5; minute += 1) {
      relay.passSeconds(60);
      await relay.runCron();
    }
    expect(await statusOf(relay)).toBe(503);
    await live(relay, 60);
    expect(await statusOf(relay)).toBe(200);
  });
});

describe("14: what is old is really deleted, a page of events at a time", () => {
  const LARGEST_PAGE = 200;

  it("events with what belongs to them, and quarantine", async () => {
    const { relay } = await relayWithDestination();
    const old = JSON.stringify(Array.from({ length: 450 }, (_, index) => `old-${index}`));
    const insert = (sql: string) => env.DB.prepare(`${sql} FROM json_each(?2)`).bind(relay.now - 61 * 86_400_000, old);
    await env.DB.batch([
      insert(`INSERT INTO events (id, source, type, received_at, queued_at, recipients, body)
        SELECT value, 'business', 'v1/cards', ?1, ?1, '{"d":null}', '{}'`),
      insert(`INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts)
        SELECT 'd', ?1, value, 'delivered', '[]'`),
      insert(`INSERT INTO quarantine (id, reason, source, received_at, size_bytes, body)
        SELECT value, 'unreadable', 'business', ?1, 1, x'00'`),
    ]);
    const [young = ""] = await send(relay, 1);
    await relay.runQueues();

    const deleted: number[] = [];
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      const results = await proceed();
      results.forEach(({ meta }, index) => {
        if (/^\s*DELETE/.test(statements[index] ?? "")) deleted.push(meta.changes);
      });
      return results;
    });
    await whileBroken(relay, { DB }, () => live(relay, 300));
    const left = await env.DB.prepare(
      "SELECT id FROM events UNION ALL SELECT event_id FROM deliveries UNION ALL SELECT id FROM quarantine",
    ).all();
    expect(left.results.map(({ id }) => id)).toEqual([young]);
    expect(deleted.reduce((sum, rows) => sum + rows, 0)).toBe(3 * 450);
    expect(Math.max(...deleted)).toBeLessThanOrEqual(LARGEST_PAGE);
  });
});

describe("16: a delivery proves where it comes from, a secret is shown once, and no URL leads inside", () => {
  it("each attempt is signed freshly, as Standard Webhooks and as Qonto do, with the destination's own secret", async () => {
    const relay = new TestRelay();
    // The library holds the timestamp against its own clock.
    relay.now = Date.now();
    const { secret } = await relay.addDestination(destination);
    relay.destinations.answer(destination, statuses(500, 200));
    await send(relay, 1);
    await relay.runQueues();
    await live(relay, 5);
    const received = relay.destinations.at(destination);
    expect(received.map(({ headers }) => headers.get("x-relay-attempt"))).toEqual(["1", "2"]);
    for (const { headers, text, at } of received) {
      expect(() => new Webhook(secret).verify(text, Object.fromEntries(headers))).not.toThrow();
      expect(() => new Webhook(`whsec_${btoa("another")}`).verify(text, Object.fromEntries(headers))).toThrow();
      const asQonto = await businessRequest(text, { secret, timestamp: Math.floor(at / 1000) });
      expect(headers.get("x-qonto-signature")).toBe(asQonto.headers["x-qonto-signature"]);
    }
  });

  it("a secret is in the answer that made it and in no other", async () => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(destination);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const [eventId = ""] = await send(relay, 1);
    await relay.runQueues();
    const answers = [
      await relay.api("GET", "/api/destinations"),
      await relay.api("GET", `/api/destinations/${id}`),
      await relay.api("PATCH", `/api/destinations/${id}`, { description: "changed" }),
      await relay.api("GET", `/api/events/${eventId}`),
      await relay.api("GET", "/api/deliveries"),
    ];
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(JSON.stringify(answers)).not.toContain(secret.slice("whsec_".length));
  });

  it.each([
    "http://destination.example.com/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://destination.localhost/",
    "https://metadata.google.internal/",
    "https://router.local/",
    "https://intranet/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[fd00:ec2::254]/",
    "https://user:password@destination.example.com/",
  ])("no destination can be at %s, be it made, changed or left over", async (url) => {
    const { relay, id } = await relayWithDestination();
    const refusal = { status: 400, body: { code: "invalid_request", errors: [{ path: "url" }] } };
    expect(await relay.api("POST", "/api/destinations", { url })).toMatchObject(refusal);
    expect(await relay.api("PATCH", `/api/destinations/${id}`, { url })).toMatchObject(refusal);
    await env.DB.prepare("UPDATE destinations SET url = ?1").bind(url).run();
    await send(relay, 1);
    await relay.runQueues();
    expect(relay.destinations.received).toEqual([]);
  });

  it.each([301, 302, 303, 307, 308])("a %i to a private address is not followed", async (status) => {
    const location = "http://169.254.169.254/latest/meta-data/";
    const { relay } = await relayWithDestination({}, () => new Response(null, { status, headers: { location } }));
    await send(relay, 1);
    await relay.runQueues();
    await live(relay, 5);
    expect(relay.destinations.received.map(({ url }) => url)).toEqual([destination, destination]);
  });
});
