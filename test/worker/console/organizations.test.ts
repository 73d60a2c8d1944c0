import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { insertConnection } from "../support/connections.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { HOSTILE, keepEvents, keepResources, lookAt, rowsReadFor } from "./look-at.ts";
import { MOST_CALLS, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

const LIST = "/console/organizations";

async function relayAfter(...payloads: ReturnType<typeof makePayload>[]): Promise<TestRelay> {
  const relay = new TestRelay();
  for (const payload of payloads) await relay.send(payload);
  await relay.runQueues();
  return relay;
}

const profile = (data: object = {}) =>
  makePayload("v1/organizations", { organization_id: "org-1", data: { id: "org-1", ...data } });
const account = (data: object) => makePayload("v1/accounts", { organization_id: "org-1", data });
const cardOf = (organization_id: string, id = "card-1") => makePayload("v1/cards", { organization_id, data: { id } });

describe("the list of organizations", () => {
  it("says where organizations come from while it is empty", async () => {
    const { text } = await lookAt(new TestRelay(), LIST);
    expect(text).toContain("No organizations yet The first event of the Business API brings its organization.");
  });

  it("names each with its last event, and links to it", async () => {
    const { html, text } = await lookAt(await relayAfter(profile(), cardOf("org-2")), LIST);
    expect(html).toContain('href="/console/organizations/org-1"');
    expect(html.match(/datetime="2026-03-01T12:00:00\.000Z"/g)).toHaveLength(2);
    expect(text).toContain("Elektro Tesla GmbH org-1 just now");
    expect(text).toContain("Without a name yet org-2 just now");
  });

  it("is paged in the order of ids", async () => {
    const relay = await relayAfter(...Array.from({ length: 60 }, (_, index) => cardOf(`org-${100 + index}`)));
    const seen: string[] = [];
    let path: string | undefined = LIST;
    for (let pages = 0; path !== undefined && pages < 5; pages += 1) {
      const { html } = await lookAt(relay, path);
      seen.push(...Array.from(html.matchAll(/href="\/console\/organizations\/(org-\d+)"/g), ([, id = ""]) => id));
      path = /rel="next" href="([^"]+)"/.exec(html)?.[1] ?? /href="([^"]+)" rel="next"/.exec(html)?.[1];
    }
    expect(seen).toEqual(Array.from({ length: 60 }, (_, index) => `org-${100 + index}`));
  });

  it("leads from an id to its organization, and says so when none is found", async () => {
    const relay = await relayAfter(profile());
    const { status, location } = await lookAt(relay, `${LIST}?id=+org-1+`);
    expect([status, location]).toEqual([303, "/console/organizations/org-1"]);
    const missing = await lookAt(relay, `${LIST}?id=${encodeURIComponent(HOSTILE)}`);
    expect(missing.status).toBe(200);
    expect(missing.text).toContain("There is no organization with the id");
    expect(missing.html).not.toContain("<script>alert");
  });

  it("takes the last event of a large organization from the newest ones", async () => {
    await keepResources("large", 300);
    const relay = new TestRelay();
    await keepEvents({ events: 10_000, receivedAt: relay.now });
    expect((await lookAt(relay, LIST)).text).toContain("large before 2026-03-01 12:00 UTC");
    relay.passSeconds(60);
    await relay.send(cardOf("large"));
    const { html, text } = await lookAt(relay, LIST);
    expect(text).toContain("large just now");
    expect(html).toContain('datetime="2026-03-01T12:01:00.000Z"');
  });
});

describe("one organization", () => {
  const PAGE = `${LIST}/org-1`;

  it("shows the balance of each account first, as Qonto wrote it, with its date", async () => {
    const relay = await relayAfter(
      profile(),
      account({ id: "a", name: "Main", authorized_balance: { amount: "1000.00", currency: "EUR" } }),
      account({
        id: "b",
        name: "Side",
        balance: "-0.50",
        currency: "USD",
        authorized_balance: "7.0",
        status: "closed",
      }),
    );
    const { html, text } = await lookAt(relay, PAGE);
    expect(text).toContain(
      "Main active Authorized balance 1000.00 EUR IBAN DE89 •••• 3000 DE89370400440532013000 As of 2025-01-24 10:55:00 UTC",
    );
    expect(text).toContain("Side closed Balance -0.50 USD Authorized balance 7.0 USD IBAN");
    expect(html).toMatch(/<details class="iban"><summary[^>]*>DE89 •••• 3000<\/summary>/);
    expect(html.indexOf('id="balance"')).toBeLessThan(html.indexOf('id="profile"'));
    expect(html).toContain(`href="${PAGE}/resource?type=v1%2Faccounts&amp;id=a"`);
  });

  it("keeps the digits of a balance that is a number", async () => {
    const sent = JSON.stringify(account({ id: "a", balance: 1 })).replace('"balance":1', '"balance":1234567890123.10');
    const relay = new TestRelay();
    await relay.send(sent);
    await relay.runQueues();
    expect((await lookAt(relay, PAGE)).text).toContain("Balance 1234567890123.10 EUR");
  });

  it("shows the accounts of its profile while no account event came", async () => {
    const bank_accounts = [{ name: "Main", balance: 12.5, currency: "EUR" }];
    const { text } = await lookAt(await relayAfter(profile({ bank_accounts })), PAGE);
    expect(text).toContain("Main Balance 12.5 EUR As of 2022-12-01 08:57:00 UTC");
  });

  it("shows the first accounts of many and links to all", async () => {
    const accounts = Array.from({ length: 21 }, (_, index) => account({ id: `a-${index}` }));
    const { html, text } = await lookAt(await relayAfter(...accounts), PAGE);
    expect(html.match(/<article class="card/g)).toHaveLength(20);
    expect(text).toContain("There are more: all accounts .");
  });

  it("shows the profile, resources by type and the last event, and links to its events", async () => {
    const relay = await relayAfter(
      profile({ legal_address: { street: "Via Roma 1", city: "Milano" } }),
      cardOf("org-1", "1"),
      cardOf("org-1", "2"),
    );
    const { html, text } = await lookAt(relay, PAGE);
    expect(text).toContain("No accounts yet");
    expect(text).toContain("Legal name Elektro Tesla GmbH Status suspended Legal form GmbH");
    expect(text).toContain("Share capital 100000");
    expect(text).toContain("Legal address Via Roma 1, Milano");
    expect(text).toContain("v1/cards 2");
    expect(text).toContain("Last event: just now");
    expect(html).toContain('datetime="2026-03-01T12:00:00.000Z"');
    expect(html).toContain('href="/console/events?organization=org-1"');
    expect(html).toContain(`href="${PAGE}/resources?type=v1%2Fcards"`);
  });

  it("says until when its state is complete, once that is known", async () => {
    const relay = await relayAfter(cardOf("org-1"));
    expect((await lookAt(relay, PAGE)).text).not.toContain("Complete up to");
    await insertConnection(relay.now, { organization_id: "org-1", reconciled_until: relay.now - 3_600_000 });
    expect((await lookAt(relay, PAGE)).text).toContain("Complete up to 2026-03-01 11:00:00 UTC");
  });

  it("says how to get a profile while there is none", async () => {
    const { text } = await lookAt(await relayAfter(cardOf("org-1")), PAGE);
    expect(text).toContain("No profile yet");
  });

  it("has a page whatever its id is, and 404 for an unknown id", async () => {
    const id = 'a/b?c="d" %2F <e>';
    const relay = await relayAfter(cardOf(id));
    expect((await lookAt(relay, `${LIST}/${encodeURIComponent(id)}`)).text).toContain("v1/cards 1");
    const missing = await lookAt(relay, `${LIST}/unknown`);
    expect(missing.status).toBe(404);
    expect(missing.text).toContain("There is no such organization.");
  });

  it("escapes hostile payloads", async () => {
    const relay = await relayAfter(
      profile({ legal_name: HOSTILE, legal_form: HOSTILE.repeat(1_000), legal_address: { "<b>": HOSTILE } }),
      account({ id: HOSTILE, name: HOSTILE, iban: HOSTILE, status: HOSTILE, balance: HOSTILE, currency: HOSTILE }),
      cardOf("org-1", HOSTILE),
    );
    for (const path of [LIST, PAGE]) {
      const { html } = await lookAt(relay, path);
      expect(html).not.toContain("<script>alert");
      expect(html).toContain("🦀");
      expect(html.length).toBeLessThan(50_000);
    }
  });

  it("is shown with a profile that is larger than any page", async () => {
    const { status, text } = await lookAt(await relayAfter(profile({ note: "x".repeat(200_000) })), PAGE);
    expect(status).toBe(200);
    expect(text).toContain("v1/organizations 1");
  });
});

describe("the pages of organizations", () => {
  it("cost at most six D1 calls", async () => {
    const relay = await relayAfter(profile(), account({ id: "a" }));
    await keepResources("org-1", 300);
    for (const path of [LIST, `${LIST}?id=unknown`, `${LIST}/org-1`]) {
      const calls = await callsOf(relay, path);
      expect([path, calls > 1 && calls <= MOST_CALLS]).toEqual([path, true]);
    }
  });

  it("count each type up to a limit, with a + beyond it", async () => {
    await keepResources("large", 1_000);
    const relay = new TestRelay();
    expect((await lookAt(relay, `${LIST}/large`)).text).toContain("v1/transactions 1,000 ");
    await relay.send(makePayload("v1/transactions", { organization_id: "large", data: { id: "one-more" } }));
    await relay.runQueues();
    expect((await lookAt(relay, `${LIST}/large`)).text).toContain("v1/transactions 1,000+ ");
  });

  it("read no more rows the more resources there are", async () => {
    const rowsRead: number[] = [];
    for (const resources of [20_000, 40_000]) {
      await emptyDatabase();
      await keepResources("large", resources);
      rowsRead.push(await rowsReadFor(new TestRelay(), `${LIST}/large`));
    }
    expect(rowsRead[1]).toBe(rowsRead[0]);
    expect(rowsRead[0]).toBeLessThan(2_000);
  });

  it("answer 400 for an invalid query", async () => {
    const relay = await relayAfter(profile());
    for (const [path, sentence] of [
      [`${LIST}?cursor=x`, "cursor: is not a cursor of this list"],
      [`${LIST}?name=x`, "name"],
    ] as const) {
      const { status, text } = await lookAt(relay, path);
      expect([path, status]).toEqual([path, 400]);
      expect(text).toContain(sentence);
    }
  });
});
