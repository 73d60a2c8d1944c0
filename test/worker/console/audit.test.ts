import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { interceptDatabase } from "../support/database.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { read as readPath } from "./reading.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";
const list = "/console/audit";

const read = (visitor: Visitor, path = list) => readPath(visitor, path);

/** The rows of the table alone: the filters name every action. */
const rowsOf = (text: string) => text.slice(text.indexOf("Changes, newest first"));

async function write(changes: Record<string, string | null>): Promise<void> {
  const record = { token: "admin", action: "event.replayed", subject: "e1", outcome: "done", ...changes };
  await env.DB.prepare(
    "INSERT INTO audit (id, token, action, subject, outcome, before, after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
  )
    .bind(
      changes["id"] ?? `aud_019a935f7400${crypto.randomUUID().slice(0, 8)}`,
      record.token,
      record.action,
      record.subject,
      record.outcome,
      changes["before"] ?? null,
      changes["after"] ?? null,
    )
    .run();
}

describe("the audit trail", () => {
  it("says that there are no changes yet, and where to start", async () => {
    const text = await read(await Visitor.loggedIn(new TestRelay()));
    expect(text).toContain("No changes yet");
    expect(text).toContain("a destination");
  });

  it("lists actor, action, time and change, newest first", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, { description: "Accounting" });
    relay.passSeconds(1);
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: false, timeout_ms: 10_000 });
    const visitor = await Visitor.loggedIn(relay);
    const text = rowsOf(await read(visitor));
    expect(text).toMatch(
      /Changed a destination Accounting admin 2026-03-01 12:00:01 UTC enabled was true → is now false ● Done Added a destination/,
    );
    expect(text).not.toContain("timeout_ms was");
    expect(text).toMatch(/\d fields .*url is now https:\/\/destination\.example\.com\/hook/);
    expect(await (await visitor.get(list)).text()).toContain(`href="/console/destinations/${id}"`);
  });

  it.each([
    ["event.replayed", "e/1", "/console/events/e%2F1"],
    ["quarantine.released", "abc", "/console/quarantine/abc"],
    ["dead_letter.replayed", "m1", "/console/dead-letters/m1"],
  ])("links %s to its page", async (action, subject, address) => {
    await write({ action, subject });
    expect(await (await (await Visitor.loggedIn(new TestRelay())).get(list)).text()).toContain(`href="${address}"`);
  });

  it.each(["quarantine.dropped", "dead_letter.dropped", "destination.deleted", "token.revoked"])(
    "does not link %s: the subject is gone",
    async (action) => {
      await write({ action, subject: "gone" });
      const html = await (await (await Visitor.loggedIn(new TestRelay())).get(list)).text();
      expect(html).not.toContain("/gone");
      expect(html).toContain(">gone</bdi>");
    },
  );

  it("explains failed and interrupted actions", async () => {
    const relay = new TestRelay();
    const broken = (also: string) =>
      interceptDatabase(env.DB, ({ statements }, proceed) =>
        statements.some((sql) => sql.includes("INTO destinations") || sql.includes(also))
          ? Promise.reject(new Error("D1 is down"))
          : proceed(),
      );
    const { env: whole } = relay;
    for (const also of ["nothing else", "UPDATE audit"]) {
      relay.env = { ...whole, DB: broken(also) };
      expect((await relay.api("POST", "/api/destinations", { url: destination })).status).toBe(500);
    }
    relay.env = whole;
    const text = await read(await Visitor.loggedIn(relay));
    expect(text).toContain("◼ Failed The relay or D1 failed");
    expect(text).toContain("◐ Begun Still running, or the relay died before the end");
  });

  it("does not strike out the old value of an interrupted change", async () => {
    await write({ action: "destination.changed", outcome: "begun", before: '{"enabled":true}' });
    const html = await (await (await Visitor.loggedIn(new TestRelay())).get(list)).text();
    expect(html).toContain("was <bdi>true</bdi>");
    expect(html).not.toContain("<del>");
  });

  it("is filtered by actor, action, subject and time, and keeps the filters in form and pages", async () => {
    await write({ id: "aud_019a935f7400aaaa", token: "alice", subject: "s1", after: '{"mark":"one"}' });
    await write({ id: "aud_019a935f7400bbbb", token: "bob", subject: "s1", after: '{"mark":"two"}' });
    await write({ id: "aud_019b935f7400cccc", token: "bob", action: "token.created", after: '{"mark":"three"}' });
    const visitor = await Visitor.loggedIn(new TestRelay());
    const marks = async (query: string) =>
      Array.from((await read(visitor, `${list}?${query}`)).matchAll(/mark is now (\w+)/g), ([, mark]) => mark);
    expect(await marks("")).toEqual(["three", "two", "one"]);
    expect(await marks("token=bob")).toEqual(["three", "two"]);
    expect(await marks("token=bob&action=&subject=s1")).toEqual(["two"]);
    expect(await marks("action=token.created")).toEqual(["three"]);
    const between = new Date(Number.parseInt("019a935f7401", 16)).toISOString().slice(0, 19);
    expect(await marks(`until=${between}&token=bob`)).toEqual([]);
    const later = new Date(Number.parseInt("019b00000000", 16)).toISOString().slice(0, 19);
    expect(await marks(`since=${later}`)).toEqual(["three"]);
    expect(await marks(`until=${later}`)).toEqual(["two", "one"]);
    const html = await (await visitor.get(`${list}?token=bob&action=token.created`)).text();
    expect(html).toContain('<option value="token.created" selected');
    expect(html).toMatch(/name="token" value="bob"/);
    expect(await read(visitor, `${list}?token=nobody`)).toContain("No record matches the filter");
  });

  it("is paged; a page searches two thousand, and links to the next even without a match", async () => {
    await env.DB.prepare(
      `INSERT INTO audit (id, token, action, subject, outcome, after)
       SELECT 'aud_' || printf('%012x', 1700000000000 + value) || 'aa', CASE WHEN value < 60 THEN 'old' ELSE 'new' END,
         'token.created', 't', 'done', '{"mark":' || value || '}' FROM json_each(?1)`,
    )
      .bind(JSON.stringify(Array.from({ length: 2_060 }, (_, index) => index)))
      .run();
    const visitor = await Visitor.loggedIn(new TestRelay());
    const turn = async (path: string) => {
      const html = await (await visitor.get(path)).text();
      const next = /rel="next" href="([^"]+)"/.exec(html)?.[1]?.replaceAll("&amp;", "&");
      return { html, next, found: html.match(/<tr role="row"><th scope="row"/g)?.length ?? 0 };
    };
    expect((await turn(list)).found).toBe(50);
    const first = await turn(`${list}?token=old`);
    expect(first.html).toContain("No matches on this page");
    expect(first.next).toContain("token=old");
    const second = await turn(first.next ?? "");
    expect(second.found).toBe(50);
    expect(await turn(second.next ?? "")).toMatchObject({ found: 10, next: undefined });
  });

  it.each(["action=world.ended", "since=yesterday", "cursor=x"])("refuses %s with a sentence", async (bad) => {
    const response = await (await Visitor.loggedIn(new TestRelay())).get(`${list}?${bad}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("Invalid request");
  });

  it("escapes and cuts hostile records", async () => {
    const hostile = '"><script>alert("1")</script>\u202E🦀';
    const before = JSON.stringify({
      [hostile]: hostile,
      long: "x".repeat(200_000),
      iban: "FR7630006000011234567890189",
    });
    await write({
      token: hostile,
      action: hostile,
      subject: hostile,
      before,
      after: JSON.stringify({ [hostile]: [hostile] }),
    });
    await write({ before: "no json <script>", after: "[1]" });
    const html = await (await (await Visitor.loggedIn(new TestRelay())).get(list)).text();
    expect(html).not.toContain("<script>");
    expect(html).not.toContain("FR7630006000011234567890189");
    expect(html.length).toBeLessThan(30_000);
  });

  it("is shown to a read token", async () => {
    const relay = new TestRelay();
    const { body } = await relay.api("POST", "/api/tokens", { name: "reader", access: "read" });
    expect(await read(await Visitor.loggedIn(relay, body.token))).toContain("Created a token");
    expect(rowsOf(await read(await Visitor.loggedIn(relay, body.token)))).not.toContain(body.token);
  });

  it("costs at most six D1 calls", async () => {
    const relay = new TestRelay();
    for (let index = 0; index < 8; index += 1)
      await relay.addDestination(`https://destination-${index}.example.com/hook`);
    expect(await callsOf(relay, list)).toBeLessThanOrEqual(MOST_CALLS);
    expect(await callsOf(relay, `${list}?token=nobody`)).toBeLessThan(await callsOf(relay, list));
    expect(await callsOf(relay, `${list}?token=admin&subject=x`)).toBeLessThanOrEqual(MOST_CALLS);
  });
});
