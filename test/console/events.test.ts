import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/teams.ts";
import { read, withoutTags } from "./reading.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

const list = "/console/events";
const pageOf = (id: string) => `${list}/${encodeURIComponent(id)}`;
const linkTo = (id: string) => `href="${pageOf(id)}"`;

/** One event that its team has, one that a team has yet to take, one that nobody wanted. */
async function threeEnds() {
  const relay = new TestRelay();
  await relay.addTeam("https://well.example.com/hook", { description: "Well", types: ["v1/transactions", "v1/cards"] });
  await relay.addTeam("https://ill.example.com/hook", { description: "Ill", types: ["v1/cards"] });
  relay.teams.answer("https://ill.example.com/hook", statuses(500));
  const ends = {
    delivered: makePayload("v1/transactions"),
    pending: makePayload("v1/cards"),
    unmatched: makePayload("v1/clients"),
  };
  for (const payload of Object.values(ends)) {
    relay.passSeconds(1);
    await relay.send(payload);
  }
  await relay.runQueues();
  return { relay, ends, visitor: await Visitor.loggedIn(relay) };
}

/** An event that a team has, and that another did not take. */
async function halfTaken() {
  const relay = new TestRelay();
  const has = await relay.addTeam("https://has.example.com/hook", { description: "Has" });
  const lacks = await relay.addTeam("https://lacks.example.com/hook", {
    description: "Lacks",
    retry_schedule_seconds: [],
  });
  relay.teams.answer("https://lacks.example.com/hook", () => new Response("out of paper", { status: 503 }));
  const payload = makePayload("v1/transactions");
  await relay.send(payload);
  await relay.runQueues();
  relay.teams.answer("https://lacks.example.com/hook", statuses(200));
  return { relay, has, lacks, payload, visitor: await Visitor.loggedIn(relay) };
}

const received = (relay: TestRelay, name: string) => relay.teams.at(`https://${name}.example.com/hook`).length;

async function auditOf(relay: TestRelay) {
  return (await relay.api("GET", "/api/audit")).body.data.filter(
    ({ action }: { action: string }) => action === "event.replayed",
  );
}

describe("the list of events", () => {
  it("says what to do while nothing has come", async () => {
    const text = await read(await Visitor.loggedIn(new TestRelay()), list);
    expect(text).toContain("Nothing has come yet.");
    expect(text).toContain("npm run qonto -- send v1/transactions");
  });

  it("shows the newest first, what happened, to whom, and what became of it", async () => {
    const { visitor, ends } = await threeEnds();
    const html = await (await visitor.get(list)).text();
    const places = Object.values(ends)
      .toReversed()
      .map(({ id }) => html.indexOf(linkTo(id)));
    expect(places.toSorted((one, other) => one - other)).toEqual(places);
    expect(places).not.toContain(-1);
    const text = withoutTags(html);
    expect(text).toMatch(/Transaction created v1\/transactions 2026-03-01 12:00:01 UTC.*● delivered 1 team/);
    expect(text).toMatch(/v1\/cards 2026-03-01 12:00:02 UTC.*◐ waiting 1 of 2 teams/);
    expect(text).toMatch(/v1\/clients 2026-03-01 12:00:03 UTC.*○ wanted by nobody/);
    expect(html).toContain(
      'href="/console/organizations/123e4567-e89b-12d3-a456-426614174000/resource?type=v1%2Ftransactions',
    );
  });

  it.each(["delivered", "pending", "unmatched"] as const)("can be narrowed to what is %s", async (outcome) => {
    const { visitor, ends } = await threeEnds();
    const html = await (await visitor.get(`${list}?outcome=${outcome}`)).text();
    for (const [end, { id }] of Object.entries(ends)) expect(html.includes(linkTo(id))).toBe(end === outcome);
    expect(html).toContain(`<option value="${outcome}" selected=""`);
  });

  it("can be narrowed to what is dead: a team did not take it, whoever else did", async () => {
    const { payload, visitor, relay } = await halfTaken();
    const taken = makePayload("v1/transactions");
    await relay.send(taken);
    await relay.runQueues();
    const html = await (await visitor.get(`${list}?outcome=dead`)).text();
    expect(html).toContain(linkTo(payload.id));
    expect(html).not.toContain(linkTo(taken.id));
    expect(withoutTags(html)).toContain("◼ dead 1 of 2 teams");
  });

  it("finds what is dead however much came since, page by page, also of a team that has been removed", async () => {
    const { relay, payload, lacks, visitor } = await halfTaken();
    await relay.api("DELETE", `/api/destinations/${lacks.id}`);
    relay.passSeconds(60);
    await env.DB.batch([
      env.DB.prepare(
        `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 12000)
         INSERT INTO events (id, source, type, received_at, queued_at, owed, body)
         SELECT 'filler-' || n, 'business', 'v1/clients', ?1 + n, ?1, iif(n > 11940, '["x","y"]', '[]'), '{}' FROM n`,
      ).bind(relay.now),
      env.DB.prepare(
        `INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts)
         SELECT owed_to.value, events.received_at, events.id, 'dead', '[]'
         FROM events CROSS JOIN json_each(owed) AS owed_to WHERE events.id LIKE 'filler-%'`,
      ),
    ]);
    const first = await (await visitor.get(`${list}?outcome=dead`)).text();
    expect(first.split("data-key=")).toHaveLength(51);
    expect(first).not.toContain(linkTo(payload.id));
    const next = /rel="next" href="([^"]+)"/.exec(first)?.[1]?.replaceAll("&amp;", "&") ?? "";
    const second = await (await visitor.get(next)).text();
    expect(second.split("data-key=")).toHaveLength(12);
    expect(second).toContain(linkTo(payload.id));
    expect(second).not.toContain('rel="next"');
    const narrow = await (await visitor.get(`${list}?outcome=dead&type=v1%2Ftransactions`)).text();
    expect(narrow.split("data-key=")).toHaveLength(2);
  });

  it("can be narrowed by type, organization and time, and the filters stay in its form and links", async () => {
    const relay = new TestRelay();
    const payloads = [];
    for (let made = 0; made < 60; made += 1) {
      const payload = makePayload("v1/clients", { organization_id: made % 2 === 0 ? "even/org" : "odd" });
      payloads.push(payload);
      relay.passSeconds(1);
      await relay.send(payload);
    }
    await relay.send(makePayload("v1/cards", { organization_id: "even/org" }));
    const visitor = await Visitor.loggedIn(relay);
    const query =
      "type=v1%2Fclients&organization=even%2Forg&since=2026-03-01T12%3A00%3A11&until=2026-03-01T12%3A00%3A21";
    const html = await (await visitor.get(`${list}?${query}`)).text();
    const ids = payloads.map(({ id }) => id).filter((id) => html.includes(linkTo(id)));
    expect(ids).toEqual(
      payloads
        .slice(10, 20)
        .filter((_, index) => index % 2 === 0)
        .map(({ id }) => id),
    );
    expect(html).toContain('value="even/org"');
    expect(html).toContain('value="2026-03-01T12:00:11"');
    expect(html).not.toContain('rel="next"');
  });

  it("is turned page by page, with the filters, until there is no more", async () => {
    const relay = new TestRelay();
    const ids = [];
    for (let made = 0; made < 120; made += 1) {
      const payload = makePayload("v1/clients");
      ids.push(payload.id);
      await relay.send(payload);
    }
    await relay.runQueues();
    const visitor = await Visitor.loggedIn(relay);
    const seen = [];
    let next: string | undefined = `${list}?outcome=unmatched`;
    for (let page = 0; next !== undefined && page < 5; page += 1) {
      const html: string = await (await visitor.get(next)).text();
      seen.push(...ids.filter((id) => html.includes(linkTo(id))));
      next = /rel="next" href="([^"]+)"/.exec(html)?.[1]?.replaceAll("&amp;", "&");
      if (next !== undefined) expect(next).toContain("outcome=unmatched");
    }
    expect(seen.toSorted()).toEqual(ids.toSorted());
  });

  it("looks at so many events for an outcome and no more, and offers to go on from there", async () => {
    const relay = new TestRelay();
    const old = makePayload("v1/cards");
    await relay.send(old);
    relay.passSeconds(60);
    await env.DB.prepare(
      `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500)
       INSERT INTO events (id, source, type, received_at, queued_at, owed, body)
       SELECT 'filler-' || n, 'business', 'v1/clients', ?1 + n, ?1, '[]', '{}' FROM n`,
    )
      .bind(relay.now)
      .run();
    const visitor = await Visitor.loggedIn(relay);
    const html = await (await visitor.get(`${list}?outcome=pending`)).text();
    expect(withoutTags(html)).toContain("None of the events that were looked at is one of these.");
    const further = /href="([^"]+)">Look further back/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? "";
    expect(await (await visitor.get(further)).text()).toContain(linkTo(old.id));
  });

  it("leads from an event's id straight to the event", async () => {
    const { visitor, payload } = await halfTaken();
    const response = await visitor.get(`${list}?id=%20${payload.id}%20`);
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe(pageOf(payload.id));
  });

  it("says what a resource's id names, where its state came from, and lists its events", async () => {
    const relay = new TestRelay();
    const about = (event: string, at: string) =>
      makePayload("v1/transfers", { data: { id: "transfer 1/2", event, updated_at: at } });
    const events = [about("created", "2026-03-01T11:00:00Z"), about("settled", "2026-03-01T11:30:00Z")];
    for (const payload of [...events, makePayload("v1/transfers"), makePayload("v1/clients")]) {
      relay.passSeconds(1);
      await relay.send(payload);
    }
    await relay.runQueues();
    const visitor = await Visitor.loggedIn(relay);
    for (const organization of ["", "&organization=123e4567-e89b-12d3-a456-426614174000"]) {
      const html = await (await visitor.get(`${list}?id=transfer%201%2F2${organization}`)).text();
      expect(withoutTags(html)).toContain(
        "This is a resource of v1/transfers, of organization 123e4567…: its present state",
      );
      expect(html).toContain("resource?type=v1%2Ftransfers&amp;id=transfer+1%2F2");
      expect(html.split("data-key=")).toHaveLength(3);
      for (const { id } of events) expect(html).toContain(linkTo(id));
    }
    const elsewhere = await read(visitor, `${list}?id=transfer%201%2F2&organization=another`);
    expect(elsewhere).toContain("No event that is kept is one of these.");
  });

  it("leads from a registration's id to its registration", async () => {
    const relay = new TestRelay();
    await relay.sendOnboarding(makePayload("registrations.completed", { resource_id: "registration-1" }));
    await relay.runQueues();
    const response = await (await Visitor.loggedIn(relay)).get(`${list}?id=registration-1`);
    expect(response.headers.get("location")).toBe("/console/registrations/registration-1");
  });

  it("says so when the event of an id waits in quarantine, and what to do when nothing has it", async () => {
    const relay = new TestRelay();
    const stale = await relay.signed(makePayload("v1/clients", { id: "too-late" }));
    relay.passSeconds(3_600);
    await relay.webhook(stale);
    const visitor = await Visitor.loggedIn(relay);
    expect(await read(visitor, `${list}?id=too-late`)).toContain("An event of this id waits in quarantine");
    const nothing = await read(visitor, `${list}?id=nobody-knows`);
    expect(nothing).toContain("No event that is kept is one of these.");
    expect(nothing).toContain("npm run qonto -- reconcile --since 7d");
  });

  it.each([
    ["outcome=none", "outcome:"],
    ["since=yesterday", "since: Must be a moment"],
    ["cursor=x", "cursor: is not a cursor of this list"],
    [`type=${"x".repeat(256)}`, "type:"],
  ])("refuses a query that it cannot read: %s", async (query, says) => {
    const response = await (await Visitor.loggedIn(new TestRelay())).get(`${list}?${query}`);
    expect(response.status).toBe(400);
    expect(withoutTags(await response.text())).toContain(says);
  });

  it("tells what came again, and what was made up", async () => {
    const relay = new TestRelay();
    const twice = makePayload("v1/clients", { id: "reconciled_1" });
    for (let time = 0; time < 3; time += 1) await relay.send(twice);
    expect(await read(await Visitor.loggedIn(relay), list)).toContain("v1/clients reconciled came again 2×");
  });
});

describe("an event", () => {
  it("is said in a sentence, with who has it and what to do", async () => {
    const { visitor, payload } = await halfTaken();
    const text = await read(visitor, pageOf(payload.id));
    expect(text).toContain(
      "◼ dead Transaction created: 1 of the 2 teams that it is for did not take it, and it is tried no more.",
    );
    expect(text).toContain("send the event again");
  });

  it.each([
    ["delivered", "Transaction created: the team that it is for has it."],
    ["pending", "1 of the 2 teams that it is for has yet to take it."],
    ["unmatched", "no team wanted it."],
  ] as const)("that is %s says so", async (end, sentence) => {
    const { visitor, ends } = await threeEnds();
    expect(await read(visitor, pageOf(ends[end].id))).toContain(sentence);
  });

  it("shows its journey: each step, each team, each attempt with its answer, and what comes next", async () => {
    const { visitor, ends } = await threeEnds();
    const text = await read(visitor, pageOf(ends.pending.id));
    expect(text).toMatch(/Received 2026-03-01 12:00:02 UTC.*Queued.*Handed out It is for 2 teams\./);
    expect(text).toContain("State It is the latest that is known of its resource");
    expect(text).toMatch(/Well ● delivered Send again Attempt 1 2026-03-01 12:00:\d\d UTC 200, taken in \d+ ms thanks/);
    expect(text).toMatch(/Ill ◐ waiting Send again Attempt 1 .* UTC 500, refused in/);
    expect(text).toMatch(/Next attempt at 2026-03-01 12:\d\d:\d\d UTC, in \d+ (s|min)/);
  });

  it("says that nobody has taken it up yet", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/clients");
    await relay.send(payload);
    const text = await read(await Visitor.loggedIn(relay), pageOf(payload.id));
    expect(text).toContain("it is kept, and about to be handed to the teams that want it.");
    expect(text).toContain("Waits to be handed out");
  });

  it("says what it is about, where it came from, and how often", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/transactions");
    await relay.send(payload);
    await relay.send(payload);
    await relay.send({ ...payload, more: true });
    await relay.runQueues();
    const text = await read(await Visitor.loggedIn(relay), pageOf(payload.id));
    expect(text).toContain("From Qonto's Business API");
    expect(text).toContain("Created by Qonto 2025-01-24 10:55:00 UTC");
    expect(text).toMatch(/Body 1\.\d KB, application\/json/);
    expect(text).toContain("Came again 2 times, of these once with another body; the first is kept");
    expect(text).toContain("amount 50.01");
  });

  it("says whether something newer is known of its resource, and leads there", async () => {
    const relay = new TestRelay();
    const about = (id: string, at: string) => makePayload("v1/clients", { id, data: { id: "c", updated_at: at } });
    for (const payload of [about("older", "2026-03-01T11:00:00Z"), about("newer", "2026-03-01T11:30:00Z")]) {
      await relay.send(payload);
    }
    await relay.runQueues();
    const html = await (await (await Visitor.loggedIn(relay)).get(pageOf("older"))).text();
    expect(withoutTags(html)).toContain("something newer is known, by another event");
    expect(html).toContain(linkTo("newer"));
  });

  it("of an onboarding leads to its registration", async () => {
    const relay = new TestRelay();
    const payload = makePayload("registrations.contract_signed", { resource_id: "registration-1" });
    await relay.sendOnboarding(payload);
    await relay.runQueues();
    const html = await (await (await Visitor.loggedIn(relay)).get(pageOf(payload.id))).text();
    expect(withoutTags(html)).toContain("Registration contract signed: no team wanted it.");
    expect(html).toContain('href="/console/registrations/registration-1"');
  });

  it("names a team that has been removed by its id, and says of a paused one that it waits there", async () => {
    const { relay, has, lacks, payload, visitor } = await halfTaken();
    await relay.api("DELETE", `/api/destinations/${has.id}`);
    await relay.api("PATCH", `/api/destinations/${lacks.id}`, { enabled: false });
    await relay.api("POST", `/api/events/${payload.id}/replay`, { destination_id: lacks.id });
    const text = await read(visitor, pageOf(payload.id));
    expect(text).toContain(`${has.id} ● delivered`);
    expect(text).toContain("This team has been removed.");
    expect(text).toContain("The team is paused: it waits until that is resumed.");
    expect(text).toContain("A team that is paused gets it once it is resumed.");
  });

  it.each(["a/b?c=d&e#f%2F", '"><script>alert(1)</script>', "%", "a/replay"])(
    "has a page of its own whatever its id: %s",
    async (id) => {
      const relay = new TestRelay();
      await relay.send(makePayload("v1/clients", { id }));
      const visitor = await Visitor.loggedIn(relay);
      const response = await visitor.get(pageOf(id));
      expect(response.status).toBe(200);
      expect(await response.text()).not.toContain("<script>");
      expect(await (await visitor.get(list)).text()).toContain(linkTo(id));
      expect((await visitor.press(`${pageOf(id)}/replay`)).headers.get("location")).toBe(`${pageOf(id)}?done=nobody`);
    },
  );

  it("that is not there has no page, and says where it may be", async () => {
    const response = await (await Visitor.loggedIn(new TestRelay())).get(pageOf("no-such"));
    expect(response.status).toBe(404);
    expect(withoutTags(await response.text())).toContain("It may be older than what is kept, or wait in quarantine.");
  });

  it("that cannot be read says so, and how large it is", async () => {
    const relay = new TestRelay();
    await relay.send("\u0000 no JSON at all");
    const [{ id }] = (await relay.api("GET", "/api/quarantine")).body.data;
    await relay.api("POST", `/api/quarantine/${id}/release`);
    await relay.runQueues();
    const html = await (await (await Visitor.loggedIn(relay)).get(pageOf(id))).text();
    expect(withoutTags(html)).toContain("Unreadable event: no team wanted it.");
    expect(withoutTags(html)).toContain("cannot be read as an event");
    expect(html).not.toContain(btoa("\u0000 no JSON at all"));
  });

  it("shows harmlessly whatever its payload, its names and its teams' answers hold", async () => {
    const relay = new TestRelay();
    await relay.addTeam("https://team.example.com/hook", { description: "<img src=x onerror=alert(1)>" });
    const hostile = '</bdi><script>alert("1")</script>\u202Egnp.exe FR7630006000011234567890189';
    relay.teams.answer("https://team.example.com/hook", () => new Response(hostile, { status: 500 }));
    const payload = makePayload("v1/transactions", {
      organization_id: hostile,
      data: { id: hostile, event: hostile, label: hostile, note: "🦀".repeat(50_000) },
    });
    await relay.send(payload);
    await relay.runQueues();
    const visitor = await Visitor.loggedIn(relay);
    for (const path of [pageOf(payload.id), list, "/console/tail"]) {
      const html = await (await visitor.get(path)).text();
      expect(html).not.toContain("<script>alert");
      expect(html).not.toContain("<img");
      expect(html).not.toContain("</bdi><script");
    }
    const html = await (await visitor.get(pageOf(payload.id))).text();
    expect(html).toContain("FR76 •••• 0189");
    expect(html).toContain("🦀");
  });

  it("asks D1 six times at most, as does the list, whatever there is and however it is asked", async () => {
    const { relay, payload } = await halfTaken();
    for (let team = 0; team < 12; team += 1) await relay.addTeam(`https://team-${team}.example.com/hook`);
    const about = makePayload("v1/clients", { data: { id: "client-1" } });
    await relay.send(about);
    await relay.runQueues();
    const { env: before } = relay;
    const paths = [pageOf(payload.id), list, `${list}?outcome=dead&type=v1%2Ftransactions`, `${list}?id=client-1`];
    for (const path of paths) {
      relay.env = before;
      const calls = await callsOf(relay, path);
      expect(calls).toBeGreaterThan(0);
      expect(calls).toBeLessThanOrEqual(MOST_CALLS);
    }
  });
});

describe("sending an event again", () => {
  it("goes to all that want it and lack it, is audited, and says so", async () => {
    const { relay, payload, lacks, visitor } = await halfTaken();
    const response = await visitor.press(`${pageOf(payload.id)}/replay`);
    expect(response.status).toBe(303);
    const at = response.headers.get("location") ?? "";
    expect(at).toBe(`${pageOf(payload.id)}?done=all`);
    await relay.runQueues();
    expect([received(relay, "has"), received(relay, "lacks")]).toEqual([1, 2]);
    expect(await read(visitor, at)).toContain("It is on its way to each team that wants it and does not have it.");
    expect(await auditOf(relay)).toMatchObject([
      { token: "admin", subject: payload.id, outcome: "done", after: { destination_ids: [lacks.id], count: 1 } },
    ]);
  });

  it("goes to one team that has it already", async () => {
    const { relay, payload, has, visitor } = await halfTaken();
    const response = await visitor.press(`${pageOf(payload.id)}/replay-to-team`, { destination_id: has.id });
    expect(response.headers.get("location")).toBe(`${pageOf(payload.id)}?done=team`);
    await relay.runQueues();
    expect([received(relay, "has"), received(relay, "lacks")]).toEqual([2, 1]);
    expect(await auditOf(relay)).toMatchObject([{ after: { destination_ids: [has.id] } }]);
  });

  it("goes to a team that it was not for", async () => {
    const { relay, payload, visitor } = await halfTaken();
    const late = await relay.addTeam("https://late.example.com/hook", { description: "Late", types: ["v1/cards"] });
    expect(await (await visitor.get(pageOf(payload.id))).text()).toContain(`<option value="${late.id}">Late</option>`);
    await visitor.press(`${pageOf(payload.id)}/replay-to-team`, { destination_id: late.id });
    await relay.runQueues();
    expect(received(relay, "late")).toBe(1);
  });

  it("says that nobody lacks it", async () => {
    const { relay, ends, visitor } = await threeEnds();
    const response = await visitor.press(`${pageOf(ends.delivered.id)}/replay`);
    expect(await read(visitor, response.headers.get("location") ?? "")).toContain("Nothing was sent");
    expect(received(relay, "well")).toBe(2);
  });

  it("to no team at all is refused, and goes to nobody", async () => {
    const { relay, payload, visitor } = await halfTaken();
    expect((await visitor.press(`${pageOf(payload.id)}/replay-to-team`, { destination_id: "" })).status).toBe(400);
    await relay.runQueues();
    expect([received(relay, "has"), received(relay, "lacks")]).toEqual([1, 1]);
  });

  it("to a team that is not there says so on the event's own page", async () => {
    const { payload, visitor } = await halfTaken();
    const response = await visitor.press(`${pageOf(payload.id)}/replay-to-team`, { destination_id: "dst_gone" });
    expect(response.status).toBe(404);
    const text = withoutTags(await response.text());
    expect(text).toContain("There is no such destination.");
    expect(text).toContain("Transaction created");
  });

  it("to a team that does not want it, before it is handed out, says that it is too early", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addTeam("https://team.example.com/hook", { types: ["v1/cards"] });
    const payload = makePayload("v1/clients");
    await relay.send(payload);
    const visitor = await Visitor.loggedIn(relay);
    const response = await visitor.press(`${pageOf(payload.id)}/replay-to-team`, { destination_id: id });
    expect(response.status).toBe(409);
    expect(withoutTags(await response.text())).toContain("Send it to another one in a moment.");
  });

  it("of an event that is not there is no page", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    expect((await visitor.press(`${pageOf("no-such")}/replay`)).status).toBe(404);
  });

  it("cannot be done by who may only look", async () => {
    const { relay, payload, has } = await halfTaken();
    const { body } = await relay.api("POST", "/api/tokens", { name: "looks", access: "read" });
    const visitor = await Visitor.loggedIn(relay, body.token);
    const html = await (await visitor.get(pageOf(payload.id))).text();
    expect(html.match(/<button type="submit"[^>]*>/g)?.filter((one) => !one.includes("disabled"))).toHaveLength(1);
    expect((await visitor.press(`${pageOf(payload.id)}/replay`)).status).toBe(403);
    const named = await visitor.press(`${pageOf(payload.id)}/replay-to-team`, { destination_id: has.id });
    expect(named.status).toBe(403);
    expect(await auditOf(relay)).toEqual([]);
  });

  it("says nothing that only the query says", async () => {
    const { payload, visitor } = await halfTaken();
    expect((await visitor.get(`${pageOf(payload.id)}?done=<b>paid</b>`)).status).toBe(400);
  });
});
