import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { failing, interceptDatabase } from "../support/database.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";
import { actionsOf, follow } from "./actions.ts";
import { read } from "./reading.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";
const list = "/console/quarantine";

type Body = Parameters<typeof businessRequest>[0];

async function send(relay: TestRelay, body: Body, ageSeconds: number, headers: Record<string, string> = {}) {
  const timestamp = Math.floor(relay.now / 1000) - ageSeconds;
  const request = await businessRequest(body, { secret: BUSINESS_SECRET, timestamp });
  await relay.webhook({ ...request, headers: { ...request.headers, ...headers } });
  relay.passSeconds(1);
  return (await relay.api("GET", "/api/quarantine?limit=1")).body.data[0]?.id as string;
}

const sendStale = (relay: TestRelay, body: Body = makePayload("v1/cards")) => send(relay, body, 4_000);

describe("the quarantine", () => {
  it("says that it is empty and there is nothing to do", async () => {
    const text = await read(await Visitor.loggedIn(new TestRelay()), list);
    expect(text).toContain("No event waits for your decision.");
    expect(text).toContain("The quarantine is empty");
  });

  it("lists the waiting events, newest first, with the reason", async () => {
    const relay = new TestRelay();
    await sendStale(relay, makePayload("v1/cards", { id: "first" }));
    await send(relay, "no json", 0);
    const text = await read(await Visitor.loggedIn(relay), list);
    expect(text).toContain("2 events wait for your decision");
    expect(text.indexOf("Unreadable: the body is not an event")).toBeGreaterThan(0);
    expect(text.indexOf("Stale: signed too long ago")).toBeGreaterThan(text.indexOf("No readable id"));
    expect(text).toContain("7 B");
    expect(text).toContain("Stale. The signature is valid, but older than the relay tolerates.");
  });

  it("lists settled events separately", async () => {
    const relay = new TestRelay();
    const id = await sendStale(relay, makePayload("v1/cards", { id: "released" }));
    await sendStale(relay, makePayload("v1/cards", { id: "waiting" }));
    await relay.api("POST", `/api/quarantine/${id}/release`);
    const visitor = await Visitor.loggedIn(relay);
    const settled = await read(visitor, `${list}?state=settled`);
    expect(settled).toContain("released");
    expect(settled).toContain("● Settled");
    expect(settled).not.toContain("waiting ");
    expect(await read(visitor, list)).toContain("1 event waits");
  });

  it("is paged, and keeps its filter", async () => {
    const relay = new TestRelay();
    await env.DB.prepare(
      `INSERT INTO quarantine (id, event_id, reason, source, received_at, size_bytes, body, settled_at)
       SELECT 'copy' || value, 'event' || value, 'timestamp_too_old', 'business', value, 1, x'00',
         CASE value % 2 WHEN 1 THEN 5 END
       FROM json_each(?1)`,
    )
      .bind(JSON.stringify(Array.from({ length: 120 }, (_, index) => index)))
      .run();
    const visitor = await Visitor.loggedIn(relay);
    for (const state of ["waiting", "settled"]) {
      const first = await (await visitor.get(`${list}?state=${state}`)).text();
      const next = /rel="next" href="([^"]+)"/.exec(first)?.[1]?.replaceAll("&amp;", "&") ?? "";
      expect(next.includes("state=settled")).toBe(state === "settled");
      const second = await (await visitor.get(next)).text();
      const names = (html: string) => Array.from(html.matchAll(/title="event(\d+)"/g), ([, number]) => Number(number));
      const all = [...names(first), ...names(second)];
      expect(names(first)).toHaveLength(50);
      expect(all).toHaveLength(60);
      expect(all).toEqual(all.toSorted((one, other) => other - one));
      expect(second).not.toContain('rel="next"');
    }
  });

  it.each(["state=everything", "cursor=x"])("refuses %s with a sentence", async (bad) => {
    const response = await (await Visitor.loggedIn(new TestRelay())).get(`${list}?${bad}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("Invalid request");
  });

  it("costs at most six D1 calls", async () => {
    const relay = new TestRelay();
    let id = "";
    for (let event = 0; event < 5; event += 1) id = await sendStale(relay);
    for (const path of [list, `${list}?state=settled`, `${list}/${id}`]) {
      expect(await callsOf(relay, path)).toBeLessThanOrEqual(MOST_CALLS);
    }
  });
});

describe("one event in quarantine", () => {
  it("is shown with its body and what to do", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/transactions", { data: { amount: 12.5, iban: "FR7630006000011234567890189" } });
    const id = await sendStale(relay, JSON.stringify(payload).replace("12.5", "12.50"));
    const html = await (await (await Visitor.loggedIn(relay)).get(`${list}/${id}`)).text();
    expect(html).toContain("After an outage this is expected");
    expect(html).toContain(payload.id);
    expect(html).toContain(">12.50<");
    expect(html).toContain("FR76 •••• 0189");
  });

  it("that is not JSON is shown as text, with invisible characters as numbers", async () => {
    const relay = new TestRelay();
    const id = await send(relay, `hello\u0000 \u202Eevil <script>alert(1)</script> ${"x".repeat(9_000)}`, 0);
    const html = await (await (await Visitor.loggedIn(relay)).get(`${list}/${id}`)).text();
    expect(html).toContain("hello⟨0000⟩ ⟨202E⟩evil &lt;script&gt;");
    expect(html).toContain("No JSON: as text, its beginning");
    expect(html.length).toBeLessThan(20_000);
  });

  it("that is not text is shown as bytes", async () => {
    const relay = new TestRelay();
    const id = await send(relay, new Uint8Array([0xff, 0xfe, 0x41, 0x3c, ...Array<number>(2_000).fill(0)]), 0);
    const text = await read(await Visitor.loggedIn(relay), `${list}/${id}`);
    expect(text).toContain("No text: as bytes, its beginning");
    expect(text).toContain("0000 ff fe 41 3c 00");
    expect(text).toContain("··A&lt;·");
  });

  it("shows its content encoding", async () => {
    const relay = new TestRelay();
    const id = await send(relay, new Uint8Array([0x1f, 0x8b]), 0, { "content-encoding": "gzip" });
    expect(await read(await Visitor.loggedIn(relay), `${list}/${id}`)).toContain("Content encoding gzip");
  });

  it("says that its body is empty", async () => {
    const relay = new TestRelay();
    const id = await send(relay, "", 0);
    expect(await read(await Visitor.loggedIn(relay), `${list}/${id}`)).toContain("The body is empty.");
  });

  it("escapes a hostile id, content type and body", async () => {
    const relay = new TestRelay();
    const hostile = '"><script>alert("1")</script>\u202E🦀';
    const payload = makePayload("v1/cards", { [hostile]: hostile, long: "x".repeat(200_000) });
    const id = await send(relay, payload, 4_000, { "content-type": "text/<script>alert(2)</script>" });
    await env.DB.prepare("UPDATE quarantine SET event_id = ?1").bind(hostile).run();
    const visitor = await Visitor.loggedIn(relay);
    for (const path of [list, `${list}/${id}`]) {
      const html = await (await visitor.get(path)).text();
      expect(html).not.toContain("<script>");
      expect(html).toContain("&quot;&gt;");
    }
  });

  it("answers 404 for an unknown id", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    expect((await visitor.get(`${list}/none`)).status).toBe(404);
    for (const action of ["release", "delete"]) {
      const response = await visitor.press(`${list}/none/${action}`);
      expect(response.status).toBe(404);
      expect(await response.text()).toContain("There is no such event in quarantine.");
    }
  });
});

describe("the release", () => {
  it("delivers the event once and records it in the audit trail; a second release sends nothing", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    const payload = makePayload("v1/cards");
    const id = await sendStale(relay, payload);
    const visitor = await Visitor.loggedIn(relay);
    const first = await follow(visitor, await visitor.press(`${list}/${id}/release`, { back: "one" }));
    expect(first).toContain("The event is released");
    expect(first).toContain("Release again");
    const second = await follow(visitor, await visitor.press(`${list}/${id}/release`, { back: "list" }));
    expect(second).toContain("Nothing was sent a second time");
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect(await actionsOf(relay)).toEqual([
      "quarantine.released done",
      "quarantine.released done",
      "destination.created done",
    ]);
    const html = await (await visitor.get(`${list}/${id}`)).text();
    expect(html).toContain(`href="/console/events/${payload.id}"`);
  });

  it("of all stale events on the page says how many, and delivers each once", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    for (let event = 0; event < 7; event += 1) await sendStale(relay);
    await send(relay, "no json", 0);
    const visitor = await Visitor.loggedIn(relay);
    const html = await (await visitor.get(list)).text();
    expect(html).toContain("Release all 7 stale events on this page");
    const ids = Array.from(html.matchAll(/name="id" value="([0-9a-f]+)"/g), ([, id = ""]) => id);
    expect(ids).toHaveLength(7);
    const form_token = /name="form_token" value="([^"]+)"/.exec(html)?.[1] ?? "";
    const text = await follow(visitor, await visitor.postAll(`${list}/release-shown`, { form_token }, "id", ids));
    expect(text).toContain("Released: 7.");
    expect(text).toContain("1 event waits");
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(7);
    expect((await actionsOf(relay)).filter((one: string) => one === "quarantine.released done")).toHaveLength(7);
  });

  it("of all says that some failed, and leaves those waiting", async () => {
    const relay = new TestRelay();
    const ids = [await sendStale(relay), await sendStale(relay)];
    const visitor = await Visitor.loggedIn(relay);
    const html = await (await visitor.get(list)).text();
    const form_token = /name="form_token" value="([^"]+)"/.exec(html)?.[1] ?? "";
    const DB = interceptDatabase(env.DB, (call, proceed) =>
      call.statements.some((sql) => sql.includes("INTO events")) ? failing(call, proceed) : proceed(),
    );
    const whole = relay.env;
    relay.env = { ...whole, DB };
    const response = await visitor.postAll(`${list}/release-shown`, { form_token }, "id", [...ids, "none"]);
    relay.env = whole;
    const text = await follow(visitor, response);
    expect(text).toContain("Released: 0. Not released: 3, which remain below.");
    expect(text).toContain("2 events wait");
  });

  it.each(["quarantine-released-all.<b>", "quarantine-released-all.12345", "__proto__", "released.1"])(
    "shows nothing of a result that it has not written: %s",
    async (done) => {
      const visitor = await Visitor.loggedIn(new TestRelay());
      const text = await (await visitor.get(`${list}?done=${encodeURIComponent(done)}`)).text();
      expect(text).not.toContain("Released:");
    },
  );

  it("of no event, or of more than a page, answers 400", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    expect((await visitor.press(`${list}/release-shown`)).status).toBe(400);
    const html = await (await visitor.get(list)).text();
    const form_token = /name="form_token" value="([^"]+)"/.exec(html)?.[1] ?? "";
    const ids = Array.from({ length: 51 }, (_, index) => `id${index}`);
    expect((await visitor.postAll(`${list}/release-shown`, { form_token }, "id", ids)).status).toBe(400);
  });
});

describe("the deletion", () => {
  it("asks first, deletes the event, and is in the audit trail", async () => {
    const relay = new TestRelay();
    const id = await sendStale(relay);
    const visitor = await Visitor.loggedIn(relay);
    expect(await read(visitor, `${list}/${id}`)).toMatch(
      /Delete … No destination will receive this event.* cannot be undone\. Delete/,
    );
    const text = await follow(visitor, await visitor.press(`${list}/${id}/delete`));
    expect(text).toContain("The event is deleted.");
    expect((await relay.api("GET", "/api/quarantine")).body.data).toEqual([]);
    expect(await actionsOf(relay)).toEqual(["quarantine.dropped done"]);
  });
});

describe("a read token", () => {
  it("sees everything and changes nothing", async () => {
    const relay = new TestRelay();
    const id = await sendStale(relay);
    await sendStale(relay);
    const { body } = await relay.api("POST", "/api/tokens", { name: "reader", access: "read" });
    const visitor = await Visitor.loggedIn(relay, body.token);
    for (const path of [list, `${list}/${id}`]) {
      const html = await (await visitor.get(path)).text();
      const buttons = html.match(/<button type="submit" class="button button-(main|plain|danger)" disabled/g) ?? [];
      expect(buttons.length).toBeGreaterThanOrEqual(2);
    }
    for (const path of [`${id}/release`, `${id}/delete`, "release-shown"]) {
      expect((await visitor.press(`${list}/${path}`, { id })).status).toBe(403);
    }
    expect((await relay.api("GET", "/api/quarantine")).body.data).toHaveLength(2);
  });
});
