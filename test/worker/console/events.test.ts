import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { halfTaken, linkTo, list, pageOf, threeEnds } from "./event-scenes.ts";
import { read, withoutTags } from "./reading.ts";
import { Visitor } from "./visitor.ts";

beforeEach(emptyDatabase);

describe("the list of events", () => {
  it("says what to do before the first event", async () => {
    const text = await read(await Visitor.loggedIn(new TestRelay()), list);
    expect(text).toContain("No events yet");
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
    expect(text).toMatch(
      /Transaction created v1\/transactions ACME Corp debit completed transfer 50\.01 EUR 2 s ago.*● Delivered 1 destination/,
    );
    expect(text).toMatch(/v1\/cards .* 1 s ago.*◐ Pending 1 of 2 destinations/);
    expect(text).toMatch(/v1\/clients Acme SAS .* just now.*○ Unmatched/);
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

  it("can be narrowed to what is dead: a destination did not take it, the others did", async () => {
    const { payload, visitor, relay } = await halfTaken();
    const taken = makePayload("v1/transactions");
    await relay.send(taken);
    await relay.runQueues();
    const html = await (await visitor.get(`${list}?outcome=dead`)).text();
    expect(html).toContain(linkTo(payload.id));
    expect(html).not.toContain(linkTo(taken.id));
    expect(withoutTags(html)).toContain("◼ Dead 1 of 2 destinations");
  });

  it("finds what is dead however much came since, page by page, also of a destination that has been removed", async () => {
    const { relay, payload, lacks, visitor } = await halfTaken();
    await relay.api("DELETE", `/api/destinations/${lacks.id}`);
    relay.passSeconds(60);
    await env.DB.batch([
      env.DB.prepare(
        `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 12000)
         INSERT INTO events (id, source, type, received_at, queued_at, recipients, body)
         SELECT 'filler-' || n, 'business', 'v1/clients', ?1 + n, ?1, iif(n > 11940, '{"x":null,"y":null}', '{}'), '{}' FROM n`,
      ).bind(relay.now),
      env.DB.prepare(
        `INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts)
         SELECT recipient.key, events.received_at, events.id, 'dead', '[]'
         FROM events CROSS JOIN json_each(recipients) AS recipient WHERE events.id LIKE 'filler-%'`,
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
    const typed = "type=v1/clients&organization=even/org&since=2026-03-01T13:00:11+01:00&until=20260301T120021Z";
    const same = await (await visitor.get(`${list}?${typed}`)).text();
    expect(payloads.map(({ id }) => id).filter((id) => same.includes(linkTo(id)))).toEqual(ids);
    expect(same).toContain('value="2026-03-01T12:00:11"');
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
       INSERT INTO events (id, source, type, received_at, queued_at, recipients, body)
       SELECT 'filler-' || n, 'business', 'v1/clients', ?1 + n, ?1, '{}', '{}' FROM n`,
    )
      .bind(relay.now)
      .run();
    const visitor = await Visitor.loggedIn(relay);
    const html = await (await visitor.get(`${list}?outcome=pending`)).text();
    expect(withoutTags(html)).toContain("No matches on this page It goes back to");
    const further = /rel="next" href="([^"]+)"/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? "";
    expect(await (await visitor.get(further)).text()).toContain(linkTo(old.id));
  });

  it("has no summary of a body that is too large for a list", async () => {
    const relay = new TestRelay();
    await relay.send(makePayload("v1/clients", { data: { id: "large", name: "Large Ltd", note: "x".repeat(20_000) } }));
    expect(await read(await Visitor.loggedIn(relay), list)).toMatch(/Client created v1\/clients large just now/);
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
        "This is a resource of v1/transfers, of organization 123e4567…. Its present state",
      );
      expect(html).toContain("resource?type=v1%2Ftransfers&amp;id=transfer+1%2F2");
      expect(html.split("data-key=")).toHaveLength(3);
      for (const { id } of events) expect(html).toContain(linkTo(id));
    }
    const elsewhere = await read(visitor, `${list}?id=transfer%201%2F2&organization=another`);
    expect(elsewhere).toContain("No matching events");
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
    expect(await read(visitor, `${list}?id=too-late`)).toContain("An event with this id is in quarantine");
    const nothing = await read(visitor, `${list}?id=nobody-knows`);
    expect(nothing).toContain("No matching events");
    expect(nothing).toContain("npm run qonto -- reconcile --since 7d");
  });

  it.each([
    ["outcome=none", "outcome:"],
    ["since=yesterday", "since: Must be a moment"],
    ["cursor=x", "cursor: is not a cursor of this list"],
  ])("refuses a query that it cannot read: %s", async (query, says) => {
    const response = await (await Visitor.loggedIn(new TestRelay())).get(`${list}?${query}`);
    expect(response.status).toBe(400);
    expect(withoutTags(await response.text())).toContain(says);
  });

  it.each(["id", "organization", "type"])("finds nothing of a name that is longer than any: %s", async (field) => {
    const { visitor, ends } = await threeEnds();
    const response = await visitor.get(`${list}?${field}=${"x".repeat(3_000)}`);
    expect(response.status).toBe(200);
    const html = await response.text();
    expect(html).toContain("No matching events");
    expect(html).toMatch(new RegExp(`<input name="${field}" value="x{3000}"[^>]* maxlength="255"`));
    const blank = await (await visitor.get(`${list}?${field}=+`)).text();
    for (const { id } of Object.values(ends)) expect(blank).toContain(linkTo(id));
  });

  it("tells duplicates, and events that reconciliation made", async () => {
    const relay = new TestRelay();
    const twice = makePayload("v1/clients", { id: "reconciled_1" });
    for (let time = 0; time < 3; time += 1) await relay.send(twice);
    expect(await read(await Visitor.loggedIn(relay), list)).toContain("v1/clients reconciled 2 duplicates");
  });
});
