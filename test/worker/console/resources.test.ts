import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";
import { HOSTILE, keepEvents, keepResources, lookAt, rowsReadFor } from "./look-at.ts";
import { MOST_CALLS, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

const ORGANIZATION = "/console/organizations/org-1";
const LIST = `${ORGANIZATION}/resources`;
const ONE = `${ORGANIZATION}/resource?type=v1/transactions&id=t-1`;

type Changes = Parameters<typeof makePayload>[1];

const transaction = (data: object = {}, changes: Changes = {}) =>
  makePayload("v1/transactions", { organization_id: "org-1", ...changes, data: { id: "t-1", ...data } });
const client = (data: object) => makePayload("v1/clients", { organization_id: "org-1", data });

async function relayAfter(...payloads: ReturnType<typeof makePayload>[]): Promise<TestRelay> {
  const relay = new TestRelay();
  for (const payload of payloads) await relay.send(payload);
  await relay.runQueues();
  return relay;
}

describe("the resources of an organization", () => {
  it("are listed with their summaries and links", async () => {
    const relay = await relayAfter(
      transaction(),
      client({ id: "c-1", event: "deleted" }),
      makePayload("v1/payment-links-connections", { organization_id: "org-1" }),
    );
    const { html, text } = await lookAt(relay, LIST);
    expect(text).toContain("ACME Corp v1/transactions t-1 50.01 EUR debit completed transfer 2025-01-24");
    expect(text).toContain("Acme SAS v1/clients c-1 – ○ Deleted company Paris");
    expect(text).toContain("v1/payment-links-connections – connection enabled");
    expect(html).toContain('<bdi>v1/transactions</bdi> <bdi class="mono nowrap"');
    expect(text).not.toContain("IBAN");
    expect(html).toContain(`href="${ORGANIZATION}/resource?type=v1%2Ftransactions&amp;id=t-1"`);
    expect(html).toContain(`href="${ORGANIZATION}/resource?type=v1%2Fpayment-links-connections&amp;id="`);
  });

  it("have a column for IBANs, masked, where there are any", async () => {
    const relay = await relayAfter(transaction(), makePayload("v1/accounts", { organization_id: "org-1" }));
    const { html } = await lookAt(relay, LIST);
    expect(html).toMatch(/data-title="IBAN"><details class="iban">.*data-title="IBAN">–</);
  });

  it("are filtered by type", async () => {
    const relay = await relayAfter(transaction(), client({ id: "c-1" }));
    const { html, text } = await lookAt(relay, `${LIST}?type=v1/clients`);
    expect(text).toContain("Acme SAS");
    expect(text).not.toContain("ACME Corp");
    expect(html).toContain('<option value="v1/clients" selected="">');
    expect((await lookAt(relay, `${LIST}?type=v1/cards`)).text).toContain("No resources of this type");
  });

  it("keep the encoding of the organization's id in their links", async () => {
    const relay = await relayAfter(transaction({}, { organization_id: "a\\b" }));
    const { html } = await lookAt(relay, "/console/organizations/a%5Cb/resources");
    expect(html).toContain('action="/console/organizations/a%5Cb/resources"');
    expect(html).toContain('<nav class="trail" aria-label="Pages above this one">');
    expect(html).toContain('href="/console/organizations/a%5Cb"');
  });

  it("are paged", async () => {
    await keepResources("org-1", 120);
    const seen: string[] = [];
    let path: string | undefined = `${LIST}?type=v1/transactions`;
    for (let pages = 0; path !== undefined && pages < 5; pages += 1) {
      const { html } = await lookAt(new TestRelay(), path.replaceAll("&amp;", "&"));
      seen.push(...Array.from(html.matchAll(/&amp;id=(id-\d+)"/g), ([, id = ""]) => id));
      path = /rel="next" href="([^"]+)"/.exec(html)?.[1];
    }
    expect(seen).toEqual(Array.from({ length: 120 }, (_, index) => `id-${String(index + 1).padStart(6, "0")}`));
  });

  it("show one line of a payload, however large it is", async () => {
    const relay = await relayAfter(
      transaction({ label: HOSTILE.repeat(200), currency: HOSTILE, amount: HOSTILE, status: HOSTILE, iban: HOSTILE }),
      transaction({ id: "large", note: "x".repeat(200_000) }),
    );
    const { html, text } = await lookAt(relay, LIST);
    expect(html).not.toContain("<script>alert");
    expect(text).toContain("v1/transactions large");
    expect(html.length).toBeLessThan(20_000);
  });

  it("answer 404 for an unknown organization", async () => {
    expect((await lookAt(new TestRelay(), LIST)).status).toBe(404);
  });

  it("cost at most six D1 calls, and no more rows the more there are", async () => {
    const rowsRead: number[] = [];
    for (const resources of [1_000, 3_000]) {
      await emptyDatabase();
      await keepResources("org-1", resources);
      rowsRead.push(await rowsReadFor(new TestRelay(), LIST));
    }
    expect(rowsRead[1]).toBe(rowsRead[0]);
    expect(await callsOf(new TestRelay(), LIST)).toBeLessThanOrEqual(MOST_CALLS);
  });

  it("refuse an invalid cursor with 400", async () => {
    const { status, text } = await lookAt(await relayAfter(transaction()), `${LIST}?cursor=x`);
    expect(status).toBe(400);
    expect(text).toContain("cursor: is not a cursor of this list");
  });
});

describe("one resource", () => {
  it("shows its state, the event that made it, and its events", async () => {
    const relay = await relayAfter(
      transaction({ event: "created", status: "pending" }, { id: "first", created_at: "2026-02-01T10:00:00Z" }),
    );
    relay.passSeconds(60);
    await relay.send(
      transaction(
        { event: "updated", status: "completed", updated_at: "2026-02-01T11:00:00Z" },
        { id: "second", created_at: "2026-02-01T11:00:01Z" },
      ),
    );
    await relay.send(transaction({ id: "t-2" }, { id: "of-another" }));
    await relay.runQueues();
    const { html, text } = await lookAt(relay, ONE);
    expect(text).toContain("ACME Corp 50.01 EUR debit completed transfer v1/transactions t-1");
    expect(text).toContain(
      "Last changed by event second ( updated ), as of 2026-02-01 11:00:00 UTC , received 2026-03-01 12:01:00 UTC .",
    );
    expect(html).toContain('href="/console/events/second"');
    expect(text).toMatch(/updated current state second just now 28 days ago ○ Unmatched created first 1 min ago/);
    expect(html).toContain('href="/console/events/first"');
    expect(html).not.toContain("of-another");
    expect(text).toContain("All stored events were searched.");
    expect(text).toContain("note Business lunch");
  });

  it("shows the state of each event's deliveries", async () => {
    const relay = new TestRelay();
    await relay.addDestination("https://destination.example.com/hook", { retry_schedule_seconds: [1] });
    await relay.send(transaction({}, { id: "first" }));
    await relay.runQueues();
    relay.destinations.answer("https://destination.example.com/hook", statuses(500));
    relay.passSeconds(1);
    await relay.send(transaction({}, { id: "second" }));
    await relay.runQueues();
    expect((await lookAt(relay, ONE)).text).toMatch(/second .* ◐ Pending .*first .* ● Delivered/);
    await relay.liveThrough(5);
    expect((await lookAt(relay, ONE)).text).toMatch(/second .* ◼ Dead .*first .* ● Delivered/);
  });

  it("says that none of its events is stored any more", async () => {
    await keepResources("org-1", 1);
    const { text } = await lookAt(new TestRelay(), `${ORGANIZATION}/resource?type=v1/transactions&id=id-000001`);
    expect(text).toContain("No event of it is stored any more. All stored events were searched.");
  });

  it("says that it was deleted", async () => {
    const relay = await relayAfter(client({ id: "c-1", event: "deleted" }));
    const { text } = await lookAt(relay, `${ORGANIZATION}/resource?type=v1/clients&id=c-1`);
    expect(text).toContain("○ Deleted");
    expect(text).toContain("Qonto has deleted it: this is its last known state.");
  });

  it("without an id is found by its organization and type", async () => {
    const relay = await relayAfter(makePayload("v1/payment-links-connections", { organization_id: "org-1" }));
    const { status, text } = await lookAt(relay, `${ORGANIZATION}/resource?type=v1%2Fpayment-links-connections&id=`);
    expect(status).toBe(200);
    expect(text).toContain("connection_enabled current state");
  });

  it("links to the related resources that are known", async () => {
    const relay = await relayAfter(
      transaction({ bank_account_id: "account-1", beneficiary_id: "unknown" }),
      makePayload("v1/accounts", { organization_id: "org-1", data: { id: "account-1" } }),
      makePayload("v1/accounts", { organization_id: "org-2", data: { id: "unknown" } }),
    );
    const { html, text } = await lookAt(relay, ONE);
    expect(text).toContain("Related resources v1/accounts Example Account Data");
    expect(html).toContain(`href="${ORGANIZATION}/resource?type=v1%2Faccounts&amp;id=account-1"`);
  });

  it("is found by its id alone: the newest with that id", async () => {
    const { text } = await lookAt(await relayAfter(transaction()), `${ORGANIZATION}/resource?id=+t-1+`);
    expect(text).toContain("ACME Corp 50.01 EUR");
  });

  it("says which events were searched, and links to older ones and to the event of the current state", async () => {
    const relay = await relayAfter(transaction({}, { id: "first" }));
    await keepEvents({ events: 10_000, receivedAt: relay.now + 1_000 });
    const { html, text } = await lookAt(relay, ONE);
    expect(text).toContain("No match among the events searched.");
    expect(text).toContain("Searched from the newest event back to 2026-03-01 12:00:01 UTC .");
    const link = (label: string) =>
      Array.from(html.matchAll(/<a [^>]*href="([^"]+)"[^>]*>([^<]+)</g))
        .find(([, , shown]) => shown === label)?.[1]
        ?.replaceAll("&amp;", "&");
    for (const label of ["Older events", "Event of the current state"]) {
      const further = await lookAt(relay, link(label) ?? label);
      expect(further.html).toContain('href="/console/events/first"');
      expect(further.text).toContain("first just now");
      expect(further.text).toContain("back to the oldest. Newest events");
      expect(further.html).not.toContain("Older events");
    }
  });

  it("shows fifty of many events, and the others behind them", async () => {
    const relay = new TestRelay();
    for (let event = 0; event < 60; event += 1) await relay.send(transaction({}, { id: `event-${100 + event}` }));
    await relay.runQueues();
    const eventsIn = (html: string) => Array.from(html.matchAll(/role="rowheader"/g)).length;
    const first = await lookAt(relay, ONE);
    expect(eventsIn(first.html)).toBe(50);
    const next = /rel="next" href="([^"]+)"/.exec(first.html)?.[1]?.replaceAll("&amp;", "&") ?? "";
    expect(eventsIn((await lookAt(relay, next)).html)).toBe(10);
  });

  it("escapes a hostile payload", async () => {
    const relay = await relayAfter(
      transaction({ label: HOSTILE, event: HOSTILE, note: `${HOSTILE} ${"x".repeat(200_000)}` }),
    );
    const { html } = await lookAt(relay, ONE);
    expect(html).not.toContain("<script>alert");
    expect(html).toContain("🦀");
  });

  it.each([
    ["resource?type=v1/transactions&id=unknown", 404],
    ["resource?type=v1/cards&id=t-1", 404],
    ["resource", 404],
    ["resource?type=v1/transactions&id=t-1&cursor=x", 400],
    ["resource?type=v1/transactions&id=t-1&other=x", 400],
  ])("answers an error at %s", async (path, status) => {
    expect((await lookAt(await relayAfter(transaction()), `${ORGANIZATION}/${path}`)).status).toBe(status);
  });

  it("costs at most six D1 calls, and a bounded search of the events", async () => {
    const relay = await relayAfter(transaction());
    expect(await callsOf(relay, ONE)).toBeLessThanOrEqual(MOST_CALLS);
    await keepEvents({ events: 25_000, receivedAt: relay.now });
    expect(await rowsReadFor(relay, ONE)).toBeLessThan(21_000);
  });
});
