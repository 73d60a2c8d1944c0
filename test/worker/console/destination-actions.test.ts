import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { emptyDatabase } from "../support/relay.ts";
import { ok, statuses } from "../support/destinations.ts";
import { read, withoutTags } from "./reading.ts";
import { HOOK, answeringDestination } from "./answering-destination.ts";
import { isVerified } from "./verify-as-destination.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

async function changeableDestination(...asked: Parameters<typeof answeringDestination>) {
  const destination = await answeringDestination(...asked);
  const shown = async () => (await destination.relay.api("GET", `/api/destinations/${destination.id}`)).body;
  const audit = async () => (await destination.relay.api("GET", "/api/audit")).body.data[0];
  return { ...destination, shown, audit };
}

/** What a field of a page's form holds. */
function valueOf(html: string, name: string): string {
  const input = new RegExp(`<input[^>]* name="${name}"[^>]*>`).exec(html)?.[0] ?? "";
  return / value="([^"]*)"/.exec(input)?.[1] ?? "";
}

describe("a test delivery", () => {
  it("is sent at once, and its answer shown on the destination's page", async () => {
    const { relay, visitor, path, audit } = await changeableDestination(
      () => new Response("no such <signature>", { status: 401 }),
    );
    const response = await visitor.press(`${path}/test`);
    expect(response.status).toBe(200);
    const text = withoutTags(await response.text());
    expect(text).toContain("The test event failed: 401 after");
    expect(text).toContain("Response: no such &lt;signature&gt;");
    expect(text).toContain("Accounting");
    expect(relay.destinations.at(HOOK)).toHaveLength(1);
    expect(await audit()).toMatchObject({ action: "destination.tested", outcome: "done", after: { status: 401 } });
  });

  it("that succeeds says so, on a page that does not reload itself", async () => {
    const { visitor, path } = await changeableDestination(ok);
    const html = await (await visitor.press(`${path}/test`)).text();
    expect(html).toContain("The test event was delivered: 200 after");
    expect(html).not.toContain("data-live");
    const back = await visitor.get(`${path}/test`);
    expect(back.headers.get("location")).toBe(path);
  });
});

describe("pausing and resuming", () => {
  it("stops deliveries and continues them", async () => {
    const { relay, visitor, path, shown, audit } = await changeableDestination(statuses(500, 200));
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    const paused = await visitor.press(`${path}/pause`);
    expect(paused.status).toBe(303);
    expect(await read(visitor, paused.headers.get("location") ?? "")).toContain("The destination is paused.");
    expect(await shown()).toMatchObject({ enabled: false });
    expect(await audit()).toMatchObject({ action: "destination.changed", after: { enabled: false } });
    await relay.liveThrough(10);
    expect(relay.destinations.at(HOOK)).toHaveLength(1);
    const resumed = await visitor.press(`${path}/resume`);
    expect(await read(visitor, resumed.headers.get("location") ?? "")).toContain(
      "its pending deliveries are attempted now",
    );
    await relay.runQueues();
    expect(relay.destinations.at(HOOK)).toHaveLength(2);
    expect(await read(visitor, path)).toContain("Gets its events");
    expect(await read(visitor, `${path}?done=destination-resumed`)).toContain(
      "its pending deliveries are attempted now",
    );
  });
});

describe("editing", () => {
  const fields = { url: HOOK, description: "Accounting", scope: "all", timeout_ms: "10000" };

  it("shows the destination as it is", async () => {
    const { visitor, path } = await changeableDestination(ok, {
      types: ["v1/cards", "v1/sepa-*"],
      organizations: ["org-1"],
      retry_schedule_seconds: [1, 5],
      max_per_second: 2.5,
    });
    const html = await (await visitor.get(`${path}/edit`)).text();
    expect(html).toContain('value="v1/cards" checked');
    expect(html).toContain('value="v1/sepa-*"');
    expect(html).toContain(">org-1</textarea>");
    expect(html).toContain('value="1, 5"');
    expect(html).toContain('value="2.5"');
    expect(html).toContain("5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h");
    expect(html).toContain('value="some" checked');
  });

  it("changes only the fields that differ", async () => {
    const { visitor, path, shown, audit } = await changeableDestination(ok, { organizations: ["org-1"] });
    const response = await visitor.press(`${path}/edit`, { ...fields, description: "Ledger", organizations: "org-1" });
    expect(response.headers.get("location")).toBe(`${path}?done=destination-changed`);
    expect(await shown()).toMatchObject({ description: "Ledger", organizations: ["org-1"], enabled: true });
    expect(await audit()).toMatchObject({ before: { description: "Accounting" }, after: { description: "Ledger" } });
  });

  it("changes nothing where nothing differs, and leaves a paused destination paused", async () => {
    const { visitor, path, shown, audit } = await changeableDestination(ok, { enabled: false });
    const response = await visitor.press(`${path}/edit`, fields);
    expect(response.headers.get("location")).toBe(`${path}?done=destination-unchanged`);
    expect(await shown()).toMatchObject({ enabled: false });
    expect(await audit()).toMatchObject({ action: "destination.created" });
  });

  it.each([
    { retry_schedule_seconds: [] },
    { retry_schedule_seconds: [1, 5], max_per_second: 0.5, timeout_ms: 200 },
    { types: ["v1/sepa-*", "v1/cards", "v1/accounts"], organizations: ["org 1", "org,2"] },
    { description: null, retry_schedule_seconds: null },
  ])("changes nothing when the form is sent unchanged: %j", async (settings) => {
    const { visitor, path, shown } = await changeableDestination(ok, settings);
    const before = await shown();
    const html = await (await visitor.get(`${path}/edit`)).text();
    const names = [
      "form_token",
      "url",
      "description",
      "other_types",
      "retry_schedule_seconds",
      "timeout_ms",
      "max_per_second",
    ];
    const fields = Object.fromEntries(names.map((name) => [name, valueOf(html, name)]));
    const organizations = /<textarea[^>]*>([^<]*)</.exec(html)?.[1] ?? "";
    const scope = /name="scope" value="(\w+)" checked/.exec(html)?.[1] ?? "";
    const types = Array.from(html.matchAll(/name="types" value="([^"]+)" checked/g), ([, type = ""]) => type);
    const response = await visitor.postAll(`${path}/edit`, { ...fields, organizations, scope }, "types", types);
    expect(response.headers.get("location")).toBe(`${path}?done=destination-unchanged`);
    expect(await shown()).toEqual(before);
  });

  it("takes a filter with all its digits, shows it, and says where one is wrong", async () => {
    const { visitor, path, shown } = await changeableDestination(ok);
    const typed = '{"data.id": 1234567890123456789, "data.side": "credit"}';
    await visitor.press(`${path}/edit`, { ...fields, filter: typed });
    expect(await (await visitor.get(path)).text()).toContain("1234567890123456789");
    const form = await (await visitor.get(`${path}/edit`)).text();
    expect(form).toContain("&quot;data.id&quot;: 1234567890123456789");
    const unchanged = await visitor.press(`${path}/edit`, { ...fields, filter: typed });
    expect(unchanged.headers.get("location")).toBe(`${path}?done=destination-unchanged`);

    const wrong = await visitor.press(`${path}/edit`, { ...fields, filter: '{"data.amount": {"$like": 1}}' });
    expect(wrong.status).toBe(400);
    expect(await wrong.text()).toContain("data.amount.$like is no operator");
    const noJson = await visitor.press(`${path}/edit`, { ...fields, filter: "credit" });
    expect(await noJson.text()).toContain("The filter must be an object of conditions.");
    expect(await shown()).toMatchObject({ filter: { "data.side": "credit" } });
    await visitor.press(`${path}/edit`, { ...fields, filter: "" });
    expect(await shown()).toMatchObject({ filter: null });
  });

  it("normalizes a URL as the API does", async () => {
    const { visitor, path, shown } = await changeableDestination(ok);
    await visitor.press(`${path}/edit`, { ...fields, url: " HTTPS://Destination.example.com/new " });
    expect(await shown()).toMatchObject({ url: "https://destination.example.com/new" });
    const refused = await visitor.press(`${path}/edit`, { ...fields, url: "https://destination.example.com/a b" });
    expect(await refused.text()).toContain("The URL must not hold blanks or line breaks.");
  });

  it("explains a fault at its field, and keeps what was typed", async () => {
    const { visitor, path, shown } = await changeableDestination(ok);
    const response = await visitor.press(`${path}/edit`, { ...fields, url: "http://10.0.0.1", description: "Typed" });
    expect(response.status).toBe(400);
    const html = await response.text();
    expect(html).toContain("The URL must start with https://.");
    expect(html).toContain('value="Typed"');
    expect(await shown()).toMatchObject({ url: HOOK, description: "Accounting" });
  });
});

describe("rotating the secret", () => {
  it("shows the new secret once; both sign until the overlap ends", async () => {
    const { relay, secret, visitor, path, audit } = await changeableDestination(ok);
    const html = await (await visitor.get(`${path}/rotate`)).text();
    const form = { overlap_seconds: "3600", updated_at: valueOf(html, "updated_at") };
    const response = await visitor.press(`${path}/rotate`, form);
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const page = await response.text();
    const newer = /<code id="secret">([^<]+)</.exec(page)?.[1] ?? "";
    expect(newer).toMatch(/^whsec_/);
    expect(page).toContain("The old secret also signs for 60 min. X-Qonto-Signature has room for one signature");
    expect(await audit()).toMatchObject({ action: "destination.secret_rotated", after: { overlap_seconds: 3_600 } });
    await visitor.press(`${path}/test`);
    relay.passSeconds(3_600);
    await visitor.press(`${path}/test`);
    const [during, after] = relay.destinations.at(HOOK);
    expect([newer, secret].map((one) => isVerified(during, one))).toEqual([true, true]);
    expect([newer, secret].map((one) => isVerified(after, one))).toEqual([true, false]);
  });

  it("is refused with 409 at the limit of signing secrets, unless there is no overlap", async () => {
    const { visitor, path, shown } = await changeableDestination(ok);
    const rotate = async (seconds: string) => {
      const updatedAt = valueOf(await (await visitor.get(`${path}/rotate`)).text(), "updated_at");
      return visitor.press(`${path}/rotate`, { overlap_seconds: seconds, updated_at: updatedAt });
    };
    for (let round = 1; round <= 4; round += 1) expect((await rotate("86400")).status).toBe(200);
    expect(await read(visitor, path)).toContain("5 active, the oldest until 2026-03-02");
    const before = await shown();
    const refused = await rotate("3600");
    expect(refused.status).toBe(409);
    const html = await refused.text();
    expect(html).toContain('role="alert"');
    expect(html).toMatch(/The next rotation is possible at 2026-03-02T12:00:0\d\.000Z, or now without an overlap/);
    expect(html).toContain('<select name="overlap_seconds"');
    expect(await shown()).toEqual(before);
    expect((await rotate("0")).status).toBe(200);
  });

  it("happens once, however often its form is sent", async () => {
    const { visitor, path, audit } = await changeableDestination(ok);
    const html = await (await visitor.get(`${path}/rotate`)).text();
    const form = { overlap_seconds: "0", updated_at: valueOf(html, "updated_at") };
    await visitor.press(`${path}/rotate`, form);
    const { id } = await audit();
    const again = await visitor.press(`${path}/rotate`, form);
    expect(again.status).toBe(303);
    expect(again.headers.get("location")).toBe(`${path}?done=secret-not-rotated`);
    expect((await audit()).id).toBe(id);
  });

  it("takes only the offered overlaps", async () => {
    const { visitor, path } = await changeableDestination(ok);
    expect((await visitor.press(`${path}/rotate`, { overlap_seconds: "1", updated_at: "1" })).status).toBe(400);
  });
});

describe("deleting", () => {
  it("says how many deliveries end as dead, then ends them", async () => {
    const { relay, id, visitor, path, audit } = await changeableDestination(statuses(500));
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    expect(await read(visitor, `${path}/delete`)).toContain("Its 1 pending delivery ends as dead.");
    const response = await visitor.press(`${path}/delete`);
    expect(response.headers.get("location")).toBe("/console/destinations?done=destination-deleted");
    expect(await read(visitor, "/console/destinations?done=destination-deleted")).toContain(
      "The destination is deleted.",
    );
    expect((await visitor.get(path)).status).toBe(404);
    const { body } = await relay.api("GET", `/api/deliveries?destination_id=${id}`);
    expect(body.data).toMatchObject([{ status: "dead" }]);
    expect(await audit()).toMatchObject({ action: "destination.deleted", outcome: "done" });
  });
});

describe("a replay", () => {
  it("is counted first without sending, then sends what was counted", async () => {
    const { relay, visitor, path, audit } = await changeableDestination(statuses(500), { retry_schedule_seconds: [] });
    for (let event = 0; event < 3; event += 1) await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    relay.destinations.answer(HOOK, ok);
    const url = `${path}/replay?which=failed&since=2026-03-01T00:00`;
    expect(await read(visitor, url)).toContain("3 events to replay: dead deliveries");
    expect(await audit()).toMatchObject({ action: "destination.created" });
    const html = await (await visitor.get(url)).text();
    const form = { which: "failed", since: valueOf(html, "since"), until: valueOf(html, "until") };
    const response = await visitor.press(`${path}/replay`, form);
    expect(response.status).toBe(303);
    const text = await read(visitor, response.headers.get("location") ?? "");
    expect(text).toContain("The replay has started");
    expect(text).toMatch(/Replay of dead deliveries, received from .*: finished at/);
    await relay.runQueues();
    expect(relay.destinations.at(HOOK).length).toBe(6);
    expect(await audit()).toMatchObject({ action: "destination.replayed", after: { which: "failed", count: 3 } });
  });

  it("of too many events is counted up to a limit", async () => {
    const { relay, path } = await changeableDestination(ok);
    await env.DB.prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 30001)
       INSERT INTO events (id, source, type, received_at, queued_at, recipients, body)
       SELECT 'e' || n, 'business', 'v1/cards', ?1 + n, 0, '{}', '{}' FROM numbers`,
    )
      .bind(relay.now - 60_000)
      .run();
    const url = `${path}/replay?which=missing&since=2026-03-01T00:00`;
    expect(await read(await Visitor.loggedIn(relay), url)).toContain("at least 30,000 events to replay");
    expect(await callsOf(relay, url)).toBeLessThanOrEqual(MOST_CALLS);
  });

  it("of no events is not offered", async () => {
    const { visitor, path } = await changeableDestination(ok);
    const html = await (
      await visitor.get(`${path}/replay?which=all&since=2026-03-01T00:00&until=2026-03-01T11:00:01`)
    ).text();
    expect(html).toContain("Nothing to replay");
    expect(html).not.toMatch(/<form method="post" action="[^"]*\/replay"/);
  });

  it("shows its progress", async () => {
    const { id, visitor, path } = await changeableDestination(ok);
    await env.DB.prepare(
      `INSERT INTO replays (id, destination_id, which, since, until, reached_at, reached_id, created_at)
       VALUES ('rpl_1', ?1, 'all', 1000, 5000, 2000, 'e', 1)`,
    )
      .bind(id)
      .run();
    const html = await (await visitor.get(path)).text();
    expect(html).toContain('<progress max="100" value="25"');
    expect(await read(visitor, path)).toContain("reached 1970-01-01 00:00:02 UTC, 25 %.");
  });

  it.each([
    ["since=", "Received since (UTC) Give a moment"],
    ["since=yesterday", "Received since (UTC) Give a moment"],
    ["since=2026-03-02T00:00", "Received since (UTC) Must not lie in the future."],
    ["since=2026-02-01T00:00&until=tomorrow", "Received before (UTC) Give a moment"],
    ["since=2026-02-01T00:00&until=2026-01-01T00:00", "Received before (UTC) Must be after “Received since”."],
  ])("explains a fault at its field: %s", async (query, says) => {
    const { visitor, path } = await changeableDestination(ok);
    const response = await visitor.get(`${path}/replay?which=all&${query}`);
    expect(response.status).toBe(400);
    const html = await response.text();
    expect(html).toContain('<option value="all" selected="">');
    expect(html.match(/aria-invalid/g)).toHaveLength(1);
    expect(withoutTags(html)).toContain(says);
  });

  it("whose end is before its start answers 400", async () => {
    const { visitor, path } = await changeableDestination(ok);
    expect((await visitor.press(`${path}/replay`, { which: "all", since: "2", until: "1" })).status).toBe(400);
  });
});

describe("a read token", () => {
  it("sees each page of a destination with disabled buttons, and changes nothing", async () => {
    const { relay, path, shown, audit } = await changeableDestination(ok);
    const { body } = await relay.api("POST", "/api/tokens", { name: "grafana", access: "read" });
    const visitor = await Visitor.loggedIn(relay, body.token);
    const { id } = await audit();
    const before = await shown();
    for (const page of ["", "/edit", "/rotate", "/delete", "/replay?which=all&since=2026-03-01T00:00"]) {
      const html = await (await visitor.get(path + page)).text();
      const main = html.slice(html.indexOf("<main"));
      const posting = Array.from(main.matchAll(/<form method="post".*?<\/form>/gs), ([form]) => form);
      for (const form of posting) expect(form).toMatch(/<button[^>]* disabled/);
      if (!page.startsWith("/replay")) expect(posting.length).toBeGreaterThan(0);
    }
    for (const action of ["test", "pause", "resume", "edit", "rotate", "delete", "replay"]) {
      expect((await visitor.press(`${path}/${action}`)).status).toBe(403);
    }
    expect(await shown()).toEqual(before);
    expect((await audit()).id).toBe(id);
  });
});
