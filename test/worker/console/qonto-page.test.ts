import { beforeEach, describe, expect, it } from "vitest";
import type { LastRun, Run } from "../../../src/connection/run.ts";
import { connectDirectly, qontoApplication } from "../support/connected-relay.ts";
import { findRow, insertConnection } from "../support/connections.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { actionsOf, follow } from "./actions.ts";
import { read, withoutTags } from "./reading.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

const PAGE = "/console/qonto";
const MINUTE_MS = 60_000;

async function lookAt(relay: TestRelay): Promise<string> {
  return read(await Visitor.loggedIn(relay), PAGE);
}

describe("the page Qonto", () => {
  it("without an application says how to register and to set one, and has nothing to press", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    const text = await read(visitor, PAGE);
    for (const said of [
      "with exactly this redirect URI: https://relay.test/console/qonto/callback",
      "offline_access, organization.read, webhook,",
      "card.read",
      "npx wrangler secret put QONTO_CLIENT_ID",
      "npx wrangler secret put QONTO_CLIENT_SECRET",
    ]) {
      expect(text).toContain(said);
    }
    expect(await (await visitor.get(PAGE)).text()).not.toContain('action="/console/qonto/connect"');
    const pressed = await visitor.press("/console/qonto/connect");
    expect(pressed.status).toBe(503);
    expect(await pressed.text()).toContain("QONTO_CLIENT_ID and QONTO_CLIENT_SECRET are not set.");
  });

  it("with half an application says what is missing", async () => {
    const text = await lookAt(new TestRelay({ QONTO_CLIENT_ID: "client" }));
    expect(text).toContain("QONTO_CLIENT_SECRET is not set, and QONTO_CLIENT_ID is.");
  });

  it("with a variable of the connection that cannot be read says so, and nothing of other variables", async () => {
    const others = { QONTO_ONBOARDING_SECRETS: "local-secret", CONSOLE_FULL_ACCESS_EMAILS: "nobody" };
    const text = await lookAt(new TestRelay({ ...qontoApplication, ...others, QONTO_TYPES: "cards" }));
    expect(text).toContain("QONTO_TYPES must be event types, as v1/transactions, separated by commas.");
    for (const name of Object.keys(others)) expect(text).not.toContain(name);
  });

  it("with an application says what it asks of Qonto, and never its secret", async () => {
    const relay = new TestRelay({ ...qontoApplication, QONTO_TYPES: "v1/cards", QONTO_BACKFILL_DAYS: "7" });
    const text = await lookAt(relay);
    expect(text).toContain("No organization is connected");
    expect(text).toContain("Environment production Client id qonto-client-id Redirect URI https://relay.test/console/");
    expect(text).toContain("Scopes offline_access, organization.read, webhook, card.read");
    expect(text).toContain("Event types v1/cards First reconciliation transactions of the last 7 days");
    expect(text).not.toContain(qontoApplication.QONTO_CLIENT_SECRET);
  });

  it("shows a connection that is complete, with its subscriptions, and no token", async () => {
    const relay = new TestRelay(qontoApplication);
    const refused = { types: ["v1/<products>"], wanted: ["v1/<products>"], triedAgainAt: relay.now };
    await insertConnection(relay.now, {
      organization_name: "<b>Acme</b>",
      reconciled_until: Date.UTC(2026, 2, 1, 10),
      subscriptions: [
        { id: "sub-own", types: ["v1/transactions", "v1/cards"], status: "active", keyId: "key", refused },
        { id: "sub-other", types: ["v1/cards"], status: "foreign", keyId: null },
      ],
    });
    const html = await (await (await Visitor.loggedIn(relay)).get(PAGE)).text();
    expect(html).toContain("<bdi>&lt;b&gt;Acme&lt;/b&gt;</bdi>");
    expect(html).not.toContain("encrypted-");
    const text = withoutTags(html);
    expect(text).toContain("Status ● Connected Complete up to 2026-03-01 10:00:00 UTC");
    expect(text).toContain("sub-own ● Active v1/transactions, v1/cards");
    expect(text).toContain("sub-other ○ Foreign v1/cards");
    expect(text).toContain("This relay neither changes nor deletes it.");
    expect(html).toContain("v1/&lt;products&gt;");
    expect(text).toContain("Qonto does not take:");
  });

  it.each([
    ["expired", "Qonto does not take the relay's tokens any more."],
    ["revoked", "The consent was withdrawn at Qonto."],
  ])("says of a connection that is %s what that means, and offers to connect it again", async (status, why) => {
    const relay = new TestRelay(qontoApplication);
    const subscriptions = [{ id: null, types: ["v1/cards"], status: "missing", keyId: null }];
    await insertConnection(relay.now, { status, ended_at: relay.now, subscriptions });
    const html = await (await (await Visitor.loggedIn(relay)).get(PAGE)).text();
    expect(withoutTags(html)).toContain(`${why} Webhooks are verified and delivered as before`);
    expect(withoutTags(html)).toContain("creates a missing subscription once the organization is connected again.");
    expect(html).toMatch(/action="\/console\/qonto\/connect"[^]*?>Connect again</);
    expect(html).not.toContain("Reconcile now");
    expect(await lookAt(new TestRelay())).not.toContain("Connect again");
  });

  it("is where the overview leads from a connection that is lost", async () => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now, { status: "expired", ended_at: relay.now });
    const html = await (await (await Visitor.loggedIn(relay)).get("/console")).text();
    expect(html).toContain('is expired: connect it again on <a href="/console/qonto">the page Qonto</a>.');
  });

  it("says that it does nothing for a connection to Qonto's other environment", async () => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now, { environment: "sandbox" });
    expect(await lookAt(relay)).toContain("it is to Qonto's sandbox, and QONTO_ENVIRONMENT is production.");
  });

  it("shows how far a reconciliation is, and what the last one found", async () => {
    const relay = new TestRelay(qontoApplication);
    const compared = {
      listed: 4,
      missing: 0,
      drifted: 0,
      extra: 0,
      fault: null,
      is_covered: true,
      complete_until: null,
    };
    const began = { kind: "changes", since: 0, as_of: relay.now - MINUTE_MS } as const;
    const run = {
      ...began,
      types: ["v1/accounts", "v1/transactions", "v1/cards"].map((type) => ({ ...compared, type })),
      answers: { due_at: relay.now, since: null },
      is_routine: true,
      account_ids: [],
      types_left: ["v1/transactions", "v1/cards"],
      reading: null,
      search: null,
      recovered: { missing: 0, drifted: 0 },
    } satisfies Run;
    const last = {
      ...began,
      finished_at: relay.now - MINUTE_MS,
      account_ids: [],
      next_due_at: relay.now,
      types: [
        { ...compared, type: "v1/transactions", listed: 1_200, missing: 3, drifted: 1 },
        { ...compared, type: "v1/cards", fault: "missing scope", is_covered: false },
        { ...compared, type: "v1/clients", fault: "it changed", extra: 2 },
      ],
    } satisfies LastRun;
    const progress = { reconciliation: JSON.stringify(run), paused_until: relay.now + 3 * MINUTE_MS };
    await insertConnection(relay.now, { ...progress, last_reconciliation: JSON.stringify(last) });
    await insertConnection(relay.now, { ...progress, id: "con_2", organization_id: "org-2", status: "expired" });
    const text = await lookAt(relay);
    // Of a connection that has ended nothing is asked, and its run does not go on.
    expect(text.match(/Qonto is asked again/g)).toHaveLength(1);
    expect(text.match(/now v1\/transactions/g)).toHaveLength(1);
    expect(text).toContain("now v1/transactions: 1 of 3 types, 12 items so far");
    expect(text).toContain("Paused after a failure. Qonto is asked again in 3 min.");
    expect(text).toContain("1,208 items listed: 3 were missing, 1 had drifted, 2 are extra.");
    expect(text).toContain("v1/cards is not covered: missing scope");
    expect(text).toContain("v1/clients was not read to its end: it changed");
    expect(text).toContain("v1/transactions 1,200 3 1 0");
  });

  it("shows what stopped the last work", async () => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now, { last_error: "Qonto does not answer <503>" });
    expect(await lookAt(relay)).toContain("The last work on this connection failed: Qonto does not answer &lt;503&gt;");
  });

  it("asks D1 as often as any page, whatever is connected", async () => {
    const relay = new TestRelay(qontoApplication);
    for (const id of ["con_1", "con_2", "con_3"]) await insertConnection(relay.now, { id, organization_id: id });
    expect(await callsOf(relay, PAGE)).toBeLessThanOrEqual(MOST_CALLS);
  });

  it("lets a token that may only look press nothing", async () => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now);
    const { body } = await relay.api("POST", "/api/tokens", { name: "grafana", access: "read" });
    const visitor = await Visitor.loggedIn(relay, body.token);
    const html = await (await visitor.get(PAGE)).text();
    const buttons = Array.from(html.matchAll(/<button type="submit"[^>]*>(?!Log out)/g), ([button]) => button);
    expect(buttons).toHaveLength(3);
    expect(buttons.filter((button) => !button.includes(" disabled"))).toEqual([]);
    for (const path of ["connect", "con_1/reconcile", "con_1/disconnect"]) {
      expect((await visitor.press(`${PAGE}/${path}`)).status).toBe(403);
    }
    expect(await findRow()).toMatchObject({ status: "connected" });
    expect(relay.qonto.calls).toEqual([]);
  });
});

describe("a reconciliation", () => {
  it("is asked for with or without an instant", async () => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now);
    relay.passSeconds(60);
    const visitor = await Visitor.loggedIn(relay);
    const response = await visitor.press(`${PAGE}/con_1/reconcile`, { since: "" });
    expect(await follow(visitor, response)).toContain("The reconciliation begins with the next run of the cron");
    expect(await findRow()).toMatchObject({ reconciliation_due_at: relay.now, reconciliation_since: null });
    await visitor.press(`${PAGE}/con_1/reconcile`, { since: "2026-02-01T00:00:00" });
    expect(await findRow()).toMatchObject({ reconciliation_since: Date.UTC(2026, 1, 1) });
    expect(await actionsOf(relay)).toEqual(["connection.reconciled done", "connection.reconciled done"]);
  });

  it("since what is no instant is refused", async () => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now);
    const visitor = await Visitor.loggedIn(relay);
    expect((await visitor.press(`${PAGE}/con_1/reconcile`, { since: "soon" })).status).toBe(400);
    expect(await findRow()).toMatchObject({ reconciliation_due_at: relay.now + 60 * MINUTE_MS });
  });
});

describe("disconnecting", () => {
  it("asks first, then removes the connection", async () => {
    const relay = new TestRelay(qontoApplication);
    const { id } = await connectDirectly(relay);
    const visitor = await Visitor.loggedIn(relay);
    const html = await (await visitor.get(PAGE)).text();
    expect(html).toMatch(
      new RegExp(
        `<details class="confirm" id="${id}-disconnect"><summary[^>]*>Disconnect …</summary>[^]*action="${PAGE}/${id}/disconnect"`,
      ),
    );
    const text = await follow(visitor, await visitor.press(`${PAGE}/${id}/disconnect`));
    expect(text).toContain("The organization is disconnected");
    expect(text).toContain("No organization is connected");
    expect(await findRow(id)).toBeNull();
    expect(await actionsOf(relay)).toEqual(["connection.removed done"]);
  });

  it("while Qonto does not answer removes nothing, and says so", async () => {
    const relay = new TestRelay(qontoApplication);
    const { id } = await connectDirectly(relay);
    relay.qonto.faults.status = 503;
    const response = await (await Visitor.loggedIn(relay)).press(`${PAGE}/${id}/disconnect`);
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("so the connection stays");
    expect(await findRow(id)).not.toBeNull();
  });
});
