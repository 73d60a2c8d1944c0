import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { judgeGaps, noticeGaps } from "../../../src/connection/gaps.ts";
import { seriesOf } from "../../../src/domain/counters.ts";
import { operationalEvent, operationalSamples } from "../../../src/domain/operational-event.ts";
import { openBindings } from "../../../src/env.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { type Connection, listConnections } from "../../../src/store/connections.ts";
import { type ConnectedSource, type GapSigns, readGapSigns } from "../../../src/store/gaps.ts";
import { recordOperationalEvent } from "../../../src/store/operational-events.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { connectDirectly } from "../support/connected-relay.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import { database } from "../support/store.ts";
import { connected, connectionOf } from "./reconciling.ts";

beforeEach(emptyDatabase);

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const NOW = Date.parse("2026-03-01T12:00:00Z");

/** Connected long ago, and without a webhook of the last day. */
const someSource: ConnectedSource = {
  id: "con_1",
  organizationId: "org_1",
  organizationName: "Example SAS",
  connectedAt: 0,
  countedSince: NOW - DAY_MS,
  webhooks: 0,
  lastAt: 0,
  told: [],
};

function signs(changes: Partial<GapSigns>): GapSigns {
  return { connected: [someSource], counts: {}, cronState: new Map([["gap_refusals", 0]]), ...changes };
}

const refused = (code: string, many: number) => ({ [seriesOf("qonto_relay_refusals_total", { code })]: many });

describe("a sign of a gap", () => {
  it.each(["timestamp_too_old", "not_stored", "not_ready", "not_configured", "signature_mismatch"])(
    "is a further refusal with %s, for every connection",
    (code) => {
      const connected = [someSource, { ...someSource, id: "con_2" }];
      expect(judgeGaps(signs({ connected, counts: refused(code, 1) }), NOW)).toMatchObject({
        due: ["con_1", "con_2"],
        told: [],
        seen: { gap_refusals: 1 },
      });
    },
  );

  it("is no refusal of what never was Qonto's, none that was seen before, and none without a connection", () => {
    expect(judgeGaps(signs({ counts: refused("signature_missing", 5) }), NOW)).toBeNull();
    const counts = refused("not_stored", 5);
    expect(judgeGaps(signs({ counts, cronState: new Map([["gap_refusals", 5]]) }), NOW)).toBeNull();
    expect(judgeGaps(signs({ counts, connected: [] }), NOW)).toBeNull();
  });

  it("is not what the relay refused before it looked for the first time", () => {
    const counts = refused("not_stored", 5);
    const first = judgeGaps(signs({ counts, cronState: new Map() }), NOW);
    expect(first).toMatchObject({ due: [], seen: { gap_refusals: 5 } });
  });

  it("is noticed a quarter of an hour after the last one at the earliest", () => {
    const cronState = new Map([["gap_refusals", 5] as const, ["gap_noticed_at", NOW - 15 * MINUTE_MS + 1] as const]);
    const refusal = signs({ counts: refused("signature_mismatch", 7), cronState });
    expect(judgeGaps(refusal, NOW)).toBeNull();
    expect(judgeGaps(refusal, NOW + 1)).toMatchObject({ due: ["con_1"] });
    const connected = [{ ...someSource, webhooks: 1_000, lastAt: NOW - HOUR_MS }];
    const silence = signs({ connected, counts: refused("signature_mismatch", 5), cronState });
    expect(judgeGaps(silence, NOW)).toBeNull();
    expect(judgeGaps(silence, NOW + 1)).toMatchObject({ due: ["con_1"] });
  });

  it("is noticed by a clock that was set back behind the last one", () => {
    const cronState = new Map([["gap_refusals", 5] as const, ["gap_noticed_at", NOW + HOUR_MS] as const]);
    expect(judgeGaps(signs({ counts: refused("not_stored", 7), cronState }), NOW)).toMatchObject({ due: ["con_1"] });
  });
});

/** Whether an organization is silent whose last webhook came so long ago. */
function isSilentFor(ms: number, changes: Partial<ConnectedSource>): boolean {
  const connected = [{ ...someSource, lastAt: NOW - ms, ...changes }];
  return judgeGaps(signs({ connected }), NOW) !== null;
}

describe("an organization is silent", () => {
  it("after ten times the usual pause of its last day, and after ten minutes at least", () => {
    expect(isSilentFor(10 * MINUTE_MS, { webhooks: 2_000 })).toBe(false);
    expect(isSilentFor(10 * MINUTE_MS + 1, { webhooks: 2_000 })).toBe(true);
    expect(isSilentFor(10 * HOUR_MS, { webhooks: 24 })).toBe(false);
    expect(isSilentFor(10 * HOUR_MS + 1, { webhooks: 24 })).toBe(true);
  });

  it("never with few webhooks a day, and never without one", () => {
    expect(isSilentFor(DAY_MS, { webhooks: 3 })).toBe(false);
    expect(isSilentFor(0, { webhooks: 0, lastAt: 0 })).toBe(false);
  });

  it("by its usual pause of the time in which webhooks were counted, if that is shorter than a day", () => {
    const counted = { webhooks: 48, countedSince: NOW - 4.8 * HOUR_MS };
    expect(isSilentFor(HOUR_MS, counted)).toBe(false);
    expect(isSilentFor(HOUR_MS + 1, counted)).toBe(true);
  });

  it("only since it was connected, or connected again", () => {
    expect(isSilentFor(8 * HOUR_MS, { webhooks: 48, connectedAt: NOW - MINUTE_MS })).toBe(false);
    expect(isSilentFor(8 * HOUR_MS, { webhooks: 48, connectedAt: NOW - 6 * HOUR_MS })).toBe(true);
  });

  it("not by a clock that was set back behind its last webhook", () => {
    expect(isSilentFor(-HOUR_MS, { webhooks: 1_000 })).toBe(false);
    expect(isSilentFor(-HOUR_MS, { webhooks: 1_000, countedSince: NOW + MINUTE_MS })).toBe(false);
    expect(isSilentFor(0, { webhooks: 0, lastAt: 0, countedSince: NOW + MINUTE_MS })).toBe(false);
  });

  it("not again while the same silence lasts", () => {
    const told = [`relay_source_silent_con_1_${NOW - 8 * HOUR_MS}`];
    expect(isSilentFor(8 * HOUR_MS, { webhooks: 48 })).toBe(true);
    expect(isSilentFor(8 * HOUR_MS, { webhooks: 48, told })).toBe(false);
    expect(isSilentFor(7 * HOUR_MS, { webhooks: 48, told })).toBe(true);
  });

  it("each for itself, and only those are due", () => {
    const lastAt = NOW - 2 * HOUR_MS;
    const connected = [
      { ...someSource, id: "con_1", webhooks: 50, lastAt },
      { ...someSource, id: "con_2", webhooks: 200, lastAt },
      { ...someSource, id: "con_3", webhooks: 2_000, lastAt: NOW },
      { ...someSource, id: "con_4", webhooks: 900, lastAt },
    ];
    const noticed = judgeGaps(signs({ connected }), NOW);
    expect(noticed?.due).toEqual(["con_2", "con_4"]);
    expect(noticed?.told.map(({ id }) => id)).toEqual(
      ["con_2", "con_4"].map((id) => `relay_source_silent_${id}_${lastAt}`),
    );
    const withRefusal = judgeGaps(signs({ connected, counts: refused("not_stored", 1) }), NOW);
    expect([withRefusal?.due.length, withRefusal?.told.length]).toEqual([4, 2]);
  });
});

async function lookForGaps(relay: TestRelay): Promise<void> {
  await noticeGaps({ env: openBindings(relay.clock)(relay.env), world: { ...realWorld, now: relay.clock.now } });
}

/** Silences are looked for every five minutes. */
async function lookForSilences(relay: TestRelay): Promise<void> {
  relay.passTo(Math.ceil(relay.now / (5 * MINUTE_MS)) * 5 * MINUTE_MS);
  await lookForGaps(relay);
}

/** A connection of which nothing is due. */
async function settled(): Promise<{ relay: TestRelay; id: string }> {
  const { relay, id } = await connected();
  await lookForGaps(relay);
  await nothingDue();
  return { relay, id };
}

async function nothingDue(): Promise<void> {
  const later = Number.MAX_SAFE_INTEGER;
  await env.DB.prepare("UPDATE connections SET reconciliation_due_at = ?1, subscriptions_due_at = ?1")
    .bind(later)
    .run();
}

const isDue = async (relay: TestRelay, id: string) => (await connectionOf(id)).reconciliationDueAt <= relay.now;

async function forge(relay: TestRelay): Promise<void> {
  const timestamp = Math.floor(relay.now / 1000);
  const response = await relay.webhook(
    await businessRequest(makePayload("v1/cards"), { secret: "a guess", timestamp }),
  );
  expect(response.status).toBe(401);
}

describe("strangers", () => {
  it("bring about four reconciliations an hour at most, whatever they send", async () => {
    const { relay, id } = await settled();
    let due = 0;
    for (let minute = 0; minute < 60; minute += 1) {
      relay.passSeconds(60);
      await forge(relay);
      await lookForGaps(relay);
      if (await isDue(relay, id)) due += 1;
      await nothingDue();
    }
    expect(due).toBeGreaterThan(0);
    expect(due).toBeLessThanOrEqual(4);
  });
});

const OPERATIONS = "https://operations.example.com/hook";

/** Two connections of which nothing is due, and a destination for what the relay tells of itself. */
async function twoSettled() {
  const { relay, id } = await connected();
  const other = await connectDirectly(relay, { organizationId: relay.qonto.addBank().organizationId });
  await relay.addDestination(OPERATIONS, { types: ["relay.*"] });
  await lookForGaps(relay);
  await nothingDue();
  return { relay, first: await connectionOf(id), second: other };
}

/** What the relay has told. */
async function toldBy(relay: TestRelay): Promise<any[]> {
  await relay.runQueues();
  return relay.destinations.at(OPERATIONS).map(({ text }) => JSON.parse(text));
}

/** So many webhooks of each, ten seconds apart. */
async function sendWebhooks(relay: TestRelay, many: number, ...connections: readonly Connection[]): Promise<void> {
  for (let sent = 0; sent < many; sent += 1) {
    relay.passSeconds(10);
    for (const { organizationId } of connections)
      await relay.send(makePayload("v1/cards", { organization_id: organizationId }));
  }
}

/** Ids of the connections whose subscriptions and reconciliation are due. */
async function dueIds({ now }: TestRelay): Promise<string[]> {
  const due = (await listConnections(database)).filter(
    ({ reconciliationDueAt, subscriptionsDueAt }) => Math.max(reconciliationDueAt, subscriptionsDueAt) <= now,
  );
  return due.map(({ id }) => id);
}

describe("a silence", () => {
  it("of one organization makes only its connection due, and is told once, until a webhook ends it", async () => {
    const { relay, first, second } = await twoSettled();
    // One in half an hour on average: five hours are a silence.
    await sendWebhooks(relay, 48, first, second);
    const lastAt = relay.now;
    for (let hour = 1; hour < 5; hour += 1) {
      relay.passSeconds(3_550);
      await sendWebhooks(relay, 1, second);
      await lookForSilences(relay);
    }
    expect([await dueIds(relay), await toldBy(relay)]).toEqual([[], []]);
    relay.passSeconds(3_550);
    await sendWebhooks(relay, 1, second);
    // What the relay has made itself, and what comes for another organization, ends no silence.
    for (const id of ["reconciled_1", "relay_1"])
      await relay.send({ ...makePayload("v1/cards", { organization_id: first.organizationId }), id });
    await relay.send(makePayload("v1/cards", { organization_id: "not connected" }));
    await lookForSilences(relay);
    expect(await dueIds(relay)).toEqual([first.id]);
    const told = await toldBy(relay);
    expect(told).toMatchObject([
      { type: "relay.source.silent", organization_id: first.organizationId, data: { connection_id: first.id } },
    ]);
    expect(Date.parse(told[0].data.last_event_at)).toBe(lastAt);

    await nothingDue();
    relay.passSeconds(1_800);
    await lookForSilences(relay);
    expect([await dueIds(relay), (await toldBy(relay)).length]).toEqual([[], 1]);

    await sendWebhooks(relay, 1, first, second);
    relay.passSeconds(20_000);
    await sendWebhooks(relay, 1, second);
    await lookForSilences(relay);
    expect(await dueIds(relay)).toEqual([first.id]);
    expect(await toldBy(relay)).toMatchObject([{}, { data: { connection_id: first.id } }]);
  });

  it("of all organizations at once is told for each", async () => {
    const { relay, first, second } = await twoSettled();
    await sendWebhooks(relay, 48, first, second);
    relay.passSeconds(18_600);
    await lookForSilences(relay);
    expect(await dueIds(relay)).toEqual([first.id, second.id].toSorted());
    const told = (await toldBy(relay)).map(({ data }) => data.connection_id);
    expect(told.toSorted()).toEqual([first.id, second.id].toSorted());
  });

  it("is looked for every five minutes, a refusal every minute", async () => {
    const { relay, first, second } = await twoSettled();
    await sendWebhooks(relay, 48, first, second);
    relay.passSeconds(18_600);
    relay.passTo(Math.ceil(relay.now / (5 * MINUTE_MS)) * 5 * MINUTE_MS);
    const afterMinute = async () => {
      relay.passSeconds(60);
      await relay.fetch("/health"); // It writes down what was counted.
      await lookForGaps(relay);
      return [(await dueIds(relay)).length, (await toldBy(relay)).length];
    };
    expect([await afterMinute(), await afterMinute()]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    await forge(relay);
    expect(await afterMinute()).toEqual([2, 0]);
  });
});

/** Events of an organization as they are recorded, the last one at an instant. */
async function recordMany(
  lastAt: number,
  organizationId: string,
  many: number,
  everyMs: number,
  source: "business" | "onboarding" = "business",
): Promise<void> {
  const record = `
    WITH RECURSIVE made (back) AS (SELECT ?2 - 1 UNION ALL SELECT back - 1 FROM made WHERE back > 0)
    INSERT INTO events (id, source, type, organization_id, received_at, queued_at, body)
    SELECT ?3 || ?1 || back, ?5, 'v1/cards', ?3, ?1 - back * ?4, 0, '{}' FROM made`;
  await env.DB.prepare(record).bind(lastAt, many, organizationId, everyMs, source).run();
}

describe("the webhooks of an organization", () => {
  async function sourcesAt(now: number) {
    const { connected: sources } = await readGapSigns(database, now - DAY_MS);
    const find = (id: string) => sources.find((source) => source.id === id);
    return ({ id }: Connection) => find(id);
  }

  it("are counted of the last day and of the Business API, each organization by itself", async () => {
    const { relay, first, second } = await twoSettled();
    const { now } = relay;
    await recordMany(now - 2 * DAY_MS, first.organizationId, 50, MINUTE_MS);
    await recordMany(now - HOUR_MS, first.organizationId, 3, HOUR_MS);
    await recordMany(now, "not connected", 7, 1);
    await recordMany(now, first.organizationId, 5, 1, "onboarding");
    const restored = operationalEvent("relay.subscription.restored", {
      transition: "1",
      organizationId: first.organizationId,
      at: now,
      data: operationalSamples["relay.subscription.restored"],
    });
    await database.batch([recordOperationalEvent(database, restored)]);
    const sourceOf = await sourcesAt(now);
    const countedSince = now - DAY_MS;
    expect(sourceOf(first)).toMatchObject({ webhooks: 3, countedSince, lastAt: now - HOUR_MS, told: [restored.id] });
    expect(sourceOf(second)).toMatchObject({ webhooks: 0, countedSince, lastAt: 0, told: [] });
  });

  it("are counted among the newest five thousand events, and since then", async () => {
    const { relay, first, second } = await twoSettled();
    const { now } = relay;
    await recordMany(now - 3 * HOUR_MS, first.organizationId, 8, MINUTE_MS);
    await recordMany(now, second.organizationId, 4_995, 1_000);
    const sourceOf = await sourcesAt(now);
    const countedSince = now - 3 * HOUR_MS - 5 * MINUTE_MS;
    expect(sourceOf(first)).toMatchObject({ webhooks: 5, countedSince, lastAt: now - 3 * HOUR_MS });
    expect(sourceOf(second)).toMatchObject({ webhooks: 4_995, countedSince, lastAt: now });
  });
});

describe("a look", () => {
  it("takes one D1 call and no row; one that finds something two calls", async () => {
    const { relay } = await settled();
    const meter = new Meter();
    const counted = { ...relay.env, DB: interceptDatabase(env.DB, meter.intercept) };
    const look = () =>
      noticeGaps({ env: openBindings(relay.clock)(counted), world: { ...realWorld, now: relay.clock.now } });
    await look();
    expect([meter.calls, meter.rowsWritten]).toEqual([1, 0]);
    relay.passSeconds(60);
    await forge(relay);
    relay.passSeconds(60);
    await relay.fetch("/health");
    await look();
    // One connection, and what was seen.
    expect([meter.calls, meter.rowsWritten]).toEqual([3, 3]);
  });
});
