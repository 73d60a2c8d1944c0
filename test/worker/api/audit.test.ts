import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { interceptDatabase } from "../support/database.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { qontoApplication } from "../support/connected-relay.ts";
import { ORGANIZATION, insertConnection } from "../support/connections.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";
const DAY_SECONDS = 86_400;

const trail = async (relay: TestRelay, query = "") => (await relay.api("GET", `/api/audit${query}`)).body;

async function deadLetter(id: string): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO dead_letters (id, kind, received_at, message) VALUES (?1, 'drain', 0, '{"kind":"drain","destination_id":"d"}')`,
  )
    .bind(id)
    .run();
}

async function quarantined(relay: TestRelay): Promise<string> {
  const timestamp = Math.floor(relay.now / 1000) - 3_600;
  await relay.webhook(await businessRequest(makePayload("v1/cards"), { secret: BUSINESS_SECRET, timestamp }));
  return (await relay.api("GET", "/api/quarantine?limit=1")).body.data[0].id;
}

type Act = (relay: TestRelay) => Promise<{ subject: string; before?: unknown; after?: unknown }>;

/** Every change that the API can make. */
const changes: Record<string, Act> = {
  "destination.created": async (relay) => {
    const { id } = await relay.addDestination(url, { description: "Cards" });
    return { subject: id, before: null, after: expect.objectContaining({ url, description: "Cards", enabled: true }) };
  },
  "destination.changed": async (relay) => {
    const { id } = await relay.addDestination(url);
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: false, timeout_ms: 500 });
    return { subject: id, before: { enabled: true, timeout_ms: 10_000 }, after: { enabled: false, timeout_ms: 500 } };
  },
  "destination.deleted": async (relay) => {
    const { id } = await relay.addDestination(url);
    await relay.api("DELETE", `/api/destinations/${id}`);
    return { subject: id, before: expect.objectContaining({ url }), after: null };
  },
  "destination.secret_rotated": async (relay) => {
    const { id } = await relay.addDestination(url);
    await relay.api("POST", `/api/destinations/${id}/rotate-secret`, { overlap_seconds: 60 });
    return { subject: id, before: null, after: { overlap_seconds: 60 } };
  },
  "destination.tested": async (relay) => {
    const { id } = await relay.addDestination(url);
    await relay.api("POST", `/api/destinations/${id}/test`);
    return { subject: id, after: { outcome: "delivered", status: 200 } };
  },
  "destination.replayed": async (relay) => {
    const { id } = await relay.addDestination(url);
    await relay.api("POST", `/api/destinations/${id}/replay`, { since: "2026-01-01T00:00:00Z", which: "failed" });
    return { subject: id, after: expect.objectContaining({ which: "failed", count: 0 }) };
  },
  "event.replayed": async (relay) => {
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    await relay.runQueues();
    const { id } = await relay.addDestination(url);
    await relay.api("POST", `/api/events/${payload.id}/replay`);
    return { subject: payload.id, after: { destination_ids: [id], count: 1 } };
  },
  "quarantine.released": async (relay) => {
    const id = await quarantined(relay);
    const { body } = await relay.api("POST", `/api/quarantine/${id}/release`);
    return { subject: id, after: { event_id: body.event_id } };
  },
  "quarantine.dropped": async (relay) => {
    const id = await quarantined(relay);
    await relay.api("DELETE", `/api/quarantine/${id}`);
    return { subject: id, before: expect.objectContaining({ reason: "timestamp_too_old" }), after: null };
  },
  "dead_letter.replayed": async (relay) => {
    await deadLetter("m1");
    await relay.api("POST", "/api/dead-letters/m1/replay");
    return { subject: "m1" };
  },
  "dead_letter.dropped": async (relay) => {
    await deadLetter("m1");
    await relay.api("DELETE", "/api/dead-letters/m1");
    return { subject: "m1", after: null };
  },
  "connection.reconciled": async (relay) => {
    relay.env = { ...relay.env, ...qontoApplication };
    await insertConnection(relay.now);
    await relay.api("POST", "/api/connections/con_1/reconcile", { since: "2026-01-01T00:00:00Z" });
    return { subject: "con_1", after: { since: "2026-01-01T00:00:00.000Z" } };
  },
  "connection.removed": async (relay) => {
    await insertConnection(relay.now);
    await relay.api("DELETE", "/api/connections/con_1");
    const before = {
      organization_id: ORGANIZATION,
      organization_name: "Elektro Tesla GmbH",
      environment: "production",
      status: "connected",
    };
    return { subject: "con_1", before, after: null };
  },
  "token.created": async (relay) => {
    const { body } = await relay.api("POST", "/api/tokens", { name: "ci", access: "read" });
    return { subject: body.id, before: null, after: { name: "ci", access: "read", destination_id: null } };
  },
  "token.revoked": async (relay) => {
    const { body } = await relay.api("POST", "/api/tokens", { name: "ci", access: "read" });
    await relay.api("DELETE", `/api/tokens/${body.id}`);
    return { subject: body.id, before: { name: "ci", access: "read", destination_id: null }, after: null };
  },
};

describe("the audit trail", () => {
  it.each(Object.entries(changes))(
    "has %s: once, with who, when, and what was before and after",
    async (action, act) => {
      const relay = new TestRelay();
      const expected = await act(relay);
      const records = (await trail(relay)).data.filter((one: any) => one.action === action);
      expect(records).toEqual([
        {
          id: expect.stringMatching(/^aud_/),
          at: new Date(relay.now).toISOString(),
          token: "admin",
          action,
          outcome: "done",
          before: null,
          after: null,
          ...expected,
        },
      ]);
    },
  );

  it("covers every operation that changes something", async () => {
    const document: any = await (await new TestRelay().fetch("/openapi.json")).json();
    const changing = Object.entries<object>(document.paths)
      .flatMap(([path, ofPath]) => Object.keys(ofPath).map((method) => `${method} ${path}`))
      // A canary and a preview change nothing of the operator's.
      .filter((operation) => !operation.startsWith("get ") && !/\/(canary|preview)$/.test(operation));
    expect(changing).toHaveLength(Object.keys(changes).length);
  });

  it("names the token", async () => {
    const relay = new TestRelay();
    const { body } = await relay.api("POST", "/api/tokens", { name: "alice", access: "full" });
    relay.passSeconds(1);
    const headers = { authorization: `Bearer ${body.token}`, "content-type": "application/json" };
    await relay.fetch("/api/destinations", { method: "POST", headers, body: JSON.stringify({ url }) });
    expect((await trail(relay)).data[0]).toMatchObject({ token: "alice", action: "destination.created" });
  });

  it("holds no secret of a destination, of a token or in a URL", async () => {
    const relay = new TestRelay();
    const secretUrl = "https://user:canary-1@destination.example.com/hook?key=canary-2&other=canary-3#canary-4";
    const { id, secret } = await relay.addDestination("https://destination.example.com/?key=canary-5");
    const changed = await relay.api("PATCH", `/api/destinations/${id}`, {
      url: secretUrl.replace("user:canary-1@", "").replace("#canary-4", ""),
    });
    expect(changed.status).toBe(200);
    // Stored before such URLs were refused.
    await env.DB.prepare("UPDATE destinations SET url = ?1").bind(secretUrl).run();
    const rotated = (await relay.api("POST", `/api/destinations/${id}/rotate-secret`)).body.secret;
    const token = (await relay.api("POST", "/api/tokens", { name: "ci", access: "full" })).body.token;
    await relay.api("DELETE", `/api/destinations/${id}`);
    const rows = JSON.stringify((await env.DB.prepare("SELECT * FROM audit").all()).results);
    expect(rows).toContain("https://destination.example.com/hook?key=***&other=***");
    expect(rows).toContain("https://***:***@destination.example.com/hook?key=***&other=***#***");
    for (const hidden of ["canary", secret.slice(6), rotated.slice(6), token.slice(4)])
      expect(rows).not.toContain(hidden);
  });

  it("has no record of a refused change", async () => {
    const relay = new TestRelay();
    await relay.api("POST", "/api/destinations", { url: "http://10.0.0.1/" });
    await relay.api("PATCH", "/api/destinations/dst_none", { enabled: false });
    await relay.api("POST", "/api/destinations/dst_none/rotate-secret");
    await relay.api("POST", "/api/quarantine/none/release");
    await relay.api("DELETE", "/api/dead-letters/none");
    await relay.api("DELETE", "/api/tokens/none");
    expect((await trail(relay)).data).toEqual([]);
  });

  it("is written before the change: without a record there is no change", async () => {
    const relay = new TestRelay();
    const broken = interceptDatabase(env.DB, ({ statements }, proceed) =>
      statements.some((sql) => sql.includes("INTO audit")) ? Promise.reject(new Error("D1 is down")) : proceed(),
    );
    relay.env = { ...relay.env, DB: broken };
    expect((await relay.api("POST", "/api/destinations", { url })).status).toBe(500);
    expect((await relay.api("GET", "/api/destinations")).body.data).toEqual([]);
  });

  it("tells a failed change from one that was cut short", async () => {
    const relay = new TestRelay();
    const failing = (also: string) =>
      interceptDatabase(env.DB, ({ statements }, proceed) =>
        statements.some((sql) => sql.includes("INTO destinations") || sql.includes(also))
          ? Promise.reject(new Error("D1 is down"))
          : proceed(),
      );
    relay.env = { ...relay.env, DB: failing("nothing else") };
    expect((await relay.api("POST", "/api/destinations", { url })).status).toBe(500);
    relay.env = { ...relay.env, DB: failing("UPDATE audit") };
    relay.passSeconds(1);
    expect((await relay.api("POST", "/api/destinations", { url })).status).toBe(500);
    expect((await trail(relay)).data.map(({ outcome }: any) => outcome)).toEqual(["begun", "failed"]);
  });

  it("is filtered by subject and time, and paged without gaps or repetitions while records are added", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    const rename = async (description: string) => {
      relay.passSeconds(1);
      await relay.api("PATCH", `/api/destinations/${id}`, { description });
    };
    for (const name of ["1", "2", "3", "4"]) await rename(name);
    await relay.addDestination("https://other.example.com/");
    const seen: unknown[] = [];
    let page = await trail(relay, `?subject=${id}&limit=2`);
    for (let turn = 0; turn < 5; turn += 1) {
      seen.push(...page.data.map(({ after }: any) => after.description));
      await rename(`later ${turn}`);
      if (page.next_cursor === null) break;
      page = await trail(relay, `?subject=${id}&limit=2&cursor=${page.next_cursor}`);
    }
    expect(seen).toEqual(["4", "3", "2", "1", null]);
  });

  it("takes since as inclusive and until as exclusive", async () => {
    const relay = new TestRelay();
    for (const description of ["before", "at", "after"]) {
      await relay.addDestination(url, { description });
      relay.passSeconds(1);
    }
    const at = (seconds: number) => new Date(relay.now - seconds * 1000).toISOString();
    const names = async (query: string) => (await trail(relay, query)).data.map(({ after }: any) => after.description);
    expect(await names(`?since=${at(2)}`)).toEqual(["after", "at"]);
    expect(await names(`?until=${at(2)}`)).toEqual(["before"]);
    expect(await names(`?since=${at(2)}&until=${at(1)}`)).toEqual(["at"]);
    expect(await names(`?since=${at(2).replace("Z", "+00:00")}`)).toEqual(["after", "at"]);
  });

  it("is kept for 400 days", async () => {
    const relay = new TestRelay();
    await relay.addDestination(url);
    relay.passSeconds(400 * DAY_SECONDS);
    await relay.runCron();
    expect((await trail(relay)).data).toHaveLength(1);
    relay.passSeconds(1);
    await relay.runCron();
    expect((await trail(relay)).data).toEqual([]);
  });
});
