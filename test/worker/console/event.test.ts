import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";
import { halfTaken, linkTo, list, pageOf, threeEnds } from "./event-scenes.ts";
import { read, withoutTags } from "./reading.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

describe("an event", () => {
  it("says what happened, who has it and what to do", async () => {
    const { visitor, payload } = await halfTaken();
    const text = await read(visitor, pageOf(payload.id));
    expect(text).toContain("◼ Dead Outgoing payment of 50.01 EUR to ACME Corp was completed. debit transfer");
    expect(text).toContain("1 of 2 deliveries is dead.");
    expect(text).toContain("Event Transaction created Type v1/transactions");
    expect(text).toContain("replay the event");
  });

  it.each([
    ["delivered", "Its one delivery is delivered."],
    ["pending", "1 of 2 deliveries is pending."],
    ["unmatched", "No destination matched."],
  ] as const)("that is %s says so", async (end, sentence) => {
    const { visitor, ends } = await threeEnds();
    expect(await read(visitor, pageOf(ends[end].id))).toContain(sentence);
  });

  it("shows its journey: each step, each destination, each attempt with its answer, and what comes next", async () => {
    const { visitor, ends } = await threeEnds();
    const text = await read(visitor, pageOf(ends.pending.id));
    expect(text).toMatch(/Received 2026-03-01 12:00:02 UTC.*Queued.*Dispatched To 2 destinations\./);
    expect(text).toContain("State It is the latest state of its resource");
    expect(text).toMatch(/Well ● Delivered Replay Attempt 1 2026-03-01 12:00:\d\d UTC 200, succeeded in \d+ ms thanks/);
    expect(text).toMatch(/Ill ◐ Pending Replay Attempt 1 .* UTC 500, failed in/);
    expect(text).toMatch(/Next attempt at 2026-03-01 12:\d\d:\d\d UTC, in \d+ (s|min)/);
  });

  it("names the condition of a filter that it does not meet", async () => {
    const relay = new TestRelay();
    const filter = { "data.amount": { $gte: 1_000 } };
    await relay.addDestination("https://large.example.com/hook", { description: "Large", filter });
    const payload = makePayload("v1/transactions", { data: { amount: 5 } });
    await relay.send(payload);
    await relay.runQueues();
    const text = await read(await Visitor.loggedIn(relay), pageOf(payload.id));
    expect(text).toContain("Not sent to");
    expect(text).toMatch(/Large\s*: filter: data\.amount \$gte 1000/);
  });

  it("says why it was not sent to a destination that no longer wants such events, or was removed", async () => {
    const relay = new TestRelay();
    const narrowed = await relay.addDestination("https://narrowed.example.com/hook", { description: "Narrowed" });
    const removed = await relay.addDestination("https://removed.example.com/hook");
    for (const { url } of [narrowed, removed]) relay.destinations.answer(url, statuses(500));
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    await relay.runQueues();
    await relay.api("PATCH", `/api/destinations/${narrowed.id}`, { types: ["v1/clients"] });
    await relay.api("DELETE", `/api/destinations/${removed.id}`);
    const visitor = await Visitor.loggedIn(relay);
    const text = await read(visitor, pageOf(payload.id));
    expect(text).toMatch(/UTC not sent: the event no longer matches There will be no further attempt\./);
    expect(text).toMatch(/UTC not sent: the destination was deleted The destination was deleted/);
    expect(text).not.toContain("Attempt 0");
    expect(text).toContain("No destination failed: the event no longer matched.");
    expect(await read(visitor, "/console/tail")).toContain("Narrowed not sent: the event no longer matches");
    expect(await read(visitor, `/console/destinations/${narrowed.id}`)).not.toContain("Last attempt, at");
  });

  it("is kept up to date only while something is to be waited for", async () => {
    const { visitor, ends } = await threeEnds();
    expect(await (await visitor.get(pageOf(ends.pending.id))).text()).toContain(
      'id="event" class="stack" data-live="5"',
    );
    expect(await (await visitor.get(pageOf(ends.delivered.id))).text()).not.toContain("data-live");
  });

  it.each(["a destination that wants it", "no destination"])(
    "says that it is not dispatched yet, with %s",
    async (title) => {
      const relay = new TestRelay();
      if (title !== "no destination") await relay.addDestination("https://destination.example.com/hook");
      const payload = makePayload("v1/clients");
      await relay.send(payload);
      const text = await read(await Visitor.loggedIn(relay), pageOf(payload.id));
      expect(text).toContain("The event is stored and about to be dispatched.");
      expect(text).toContain("Not dispatched yet");
    },
  );

  it("says that a consumer has claimed it and is dispatching it", async () => {
    const relay = new TestRelay();
    await relay.addDestination("https://destination.example.com/hook");
    const payload = makePayload("v1/clients");
    await relay.send(payload);
    await env.DB.prepare("UPDATE events SET claims = 1, lease_until = ?1")
      .bind(relay.now + 30_000)
      .run();
    const text = await read(await Visitor.loggedIn(relay), pageOf(payload.id));
    expect(text).toMatch(/Being dispatched To one destination\. The present claim expires at/);
    await relay.runQueues();
    relay.passSeconds(120);
    await relay.runCron();
    await relay.runQueues();
    expect(await read(await Visitor.loggedIn(relay), pageOf(payload.id))).toContain("Dispatched To one destination.");
  });

  it("says what it is about, where it came from, and how often", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/transactions");
    await relay.send(payload);
    await relay.send(payload);
    await relay.send({ ...payload, more: true });
    await relay.runQueues();
    const text = await read(await Visitor.loggedIn(relay), pageOf(payload.id));
    expect(text).toContain("Source Qonto's Business API");
    expect(text).toContain("Created 2025-01-24 10:55:00 UTC");
    expect(text).toMatch(/Body 1\.\d KB, application\/json/);
    expect(text).toContain("Duplicates 2, 1 with another body; the first is kept");
    expect(text).toContain("amount 50.01");
  });

  it("says how its body came encoded", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards");
    const { method, headers, body } = await relay.signed(payload);
    await relay.webhook({ method, headers: { ...headers, "content-encoding": "identity" }, body });
    expect(await read(await Visitor.loggedIn(relay), pageOf(payload.id))).toMatch(
      /application\/json, encoded as identity/,
    );
  });

  it("says whether something newer is known of its resource, and leads there", async () => {
    const relay = new TestRelay();
    const about = (id: string, at: string) => makePayload("v1/clients", { id, data: { id: "c", updated_at: at } });
    for (const payload of [about("older", "2026-03-01T11:00:00Z"), about("newer", "2026-03-01T11:30:00Z")]) {
      await relay.send(payload);
    }
    await relay.runQueues();
    const html = await (await (await Visitor.loggedIn(relay)).get(pageOf("older"))).text();
    expect(withoutTags(html)).toContain("A newer state of its resource came with another event");
    expect(html).toContain(linkTo("newer"));
  });

  it("of an onboarding leads to its registration", async () => {
    const relay = new TestRelay();
    const payload = makePayload("registrations.contract_signed", { resource_id: "registration-1" });
    await relay.sendOnboarding(payload);
    await relay.runQueues();
    const html = await (await (await Visitor.loggedIn(relay)).get(pageOf(payload.id))).text();
    expect(withoutTags(html)).toMatch(
      /○ Unmatched Registration registration-1 has reached the stage “contract signed”\. .*No destination matched\./,
    );
    expect(html).toContain('href="/console/registrations/registration-1"');
  });

  it("names a destination that has been removed by its id, and says of a paused one that it waits there", async () => {
    const { relay, has, lacks, payload, visitor } = await halfTaken();
    await relay.api("DELETE", `/api/destinations/${has.id}`);
    await relay.api("PATCH", `/api/destinations/${lacks.id}`, { enabled: false });
    await relay.api("POST", `/api/events/${payload.id}/replay`, { destination_id: lacks.id });
    const text = await read(visitor, pageOf(payload.id));
    expect(text).toContain(`${has.id} ● Delivered`);
    expect(text).toContain("The destination was deleted.");
    expect(text).toContain("The destination is paused. The delivery waits until it is resumed.");
    expect(text).toContain("A paused destination gets it when it is resumed.");
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
      expect((await visitor.press(`${pageOf(id)}/replay`)).headers.get("location")).toBe(
        `${pageOf(id)}?done=event-not-replayed`,
      );
    },
  );

  it("that is not there has no page, and says where it may be", async () => {
    const response = await (await Visitor.loggedIn(new TestRelay())).get(pageOf("no-such"));
    expect(response.status).toBe(404);
    expect(withoutTags(await response.text())).toContain("It may have been deleted by retention, or be in quarantine.");
  });

  it("that cannot be read says so, and how large it is", async () => {
    const relay = new TestRelay();
    await relay.send("\u0000 no JSON at all");
    const [{ id }] = (await relay.api("GET", "/api/quarantine")).body.data;
    await relay.api("POST", `/api/quarantine/${id}/release`);
    await relay.runQueues();
    const html = await (await (await Visitor.loggedIn(relay)).get(pageOf(id))).text();
    expect(withoutTags(html)).toContain("Unreadable event");
    expect(withoutTags(html)).toContain("cannot be read as an event");
    expect(html).not.toContain(btoa("\u0000 no JSON at all"));
  });

  it("shows harmlessly whatever its payload, its names and its destinations' answers hold", async () => {
    const relay = new TestRelay();
    await relay.addDestination("https://destination.example.com/hook", { description: "<img src=x onerror=alert(1)>" });
    const hostile = '</bdi><script>alert("1")</script>\u202Egnp.exe FR7630006000011234567890189';
    relay.destinations.answer("https://destination.example.com/hook", () => new Response(hostile, { status: 500 }));
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
    for (let destination = 0; destination < 12; destination += 1)
      await relay.addDestination(`https://destination-${destination}.example.com/hook`);
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
