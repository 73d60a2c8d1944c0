import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { judgeGaps, noticeGaps } from "../../../src/connection/gaps.ts";
import { seriesOf } from "../../../src/domain/counters.ts";
import { openBindings } from "../../../src/env.ts";
import { realWorld } from "../../../src/platform/world.ts";
import type { GapSigns } from "../../../src/store/gaps.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import { connected, connectionOf } from "./reconciling.ts";

beforeEach(emptyDatabase);

const HOUR_MS = 3_600_000;
const NOW = Date.parse("2026-03-01T12:00:00Z");

const someConnection = { id: "con_1", organizationId: "org_1", organizationName: "Example SAS" };

function signs(changes: Partial<GapSigns>): GapSigns {
  const looked = new Map([["gap_refusals", 0] as const]);
  return {
    connected: [someConnection],
    counts: {},
    webhooks: { events: 0, lastAt: null },
    cronState: looked,
    ...changes,
  };
}

const refused = (code: string, many: number) => ({ [seriesOf("qonto_relay_refusals_total", { code })]: many });

describe("a sign of a gap", () => {
  it.each(["timestamp_too_old", "not_stored", "not_ready", "not_configured", "signature_mismatch"])(
    "is a further refusal with %s",
    (code) => {
      const counts = refused(code, 1);
      expect(judgeGaps(signs({ counts }), NOW)).toMatchObject({ isDue: true, told: [], seen: { gap_refusals: 1 } });
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
    expect(first).toMatchObject({ isDue: false, seen: { gap_refusals: 5 } });
  });

  it("is a silence of ten times the usual pause, and ten minutes at least", () => {
    const silentFor = (ms: number, events: number) =>
      judgeGaps(signs({ webhooks: { events, lastAt: NOW - ms } }), NOW)?.isDue ?? false;
    expect(silentFor(10 * 60_000, 1_000)).toBe(false);
    expect(silentFor(15 * 60_000, 1_000)).toBe(true);
    expect(silentFor(9 * HOUR_MS, 24)).toBe(false);
    expect(silentFor(11 * HOUR_MS, 24)).toBe(true);
    expect(silentFor(23 * HOUR_MS, 5)).toBe(false);
  });

  it("is noticed a quarter of an hour after the last one at the earliest", () => {
    const counts = refused("signature_mismatch", 7);
    const cronState = new Map([["gap_refusals", 5] as const, ["gap_noticed_at", NOW - 899_999] as const]);
    expect(judgeGaps(signs({ counts, cronState }), NOW)).toBeNull();
    expect(judgeGaps(signs({ counts, cronState }), NOW + 1)).toMatchObject({ isDue: true });
  });
});

async function lookForGaps(relay: TestRelay): Promise<void> {
  await noticeGaps({ env: openBindings(relay.clock)(relay.env), world: { ...realWorld, now: relay.clock.now } });
}

/** A connection of which nothing is due. */
async function settled(): Promise<{ relay: TestRelay; id: string }> {
  const { relay, id } = await connected();
  await lookForGaps(relay);
  await dueLater(id);
  return { relay, id };
}

async function dueLater(id: string): Promise<void> {
  const later = Number.MAX_SAFE_INTEGER;
  await env.DB.prepare("UPDATE connections SET reconciliation_due_at = ?2 WHERE id = ?1").bind(id, later).run();
}

const isDue = async ({ relay, id }: { relay: TestRelay; id: string }) =>
  (await connectionOf(id)).reconciliationDueAt <= relay.now;

async function forge(relay: TestRelay): Promise<void> {
  const timestamp = Math.floor(relay.now / 1000);
  const response = await relay.webhook(
    await businessRequest(makePayload("v1/cards"), { secret: "a guess", timestamp }),
  );
  expect(response.status).toBe(401);
}

describe("strangers", () => {
  it("bring about four reconciliations an hour at most, whatever they send", async () => {
    const scene = await settled();
    const { relay, id } = scene;
    let due = 0;
    for (let minute = 0; minute < 60; minute += 1) {
      relay.passSeconds(60);
      await forge(relay);
      await lookForGaps(relay);
      if (await isDue(scene)) due += 1;
      await dueLater(id);
    }
    expect(due).toBeGreaterThan(0);
    expect(due).toBeLessThanOrEqual(4);
  });
});

describe("a silence", () => {
  it("makes the reconciliation due, and is told once, until a webhook ends it", async () => {
    const scene = await settled();
    const { relay, id } = scene;
    const operations = "https://operations.example.com/hook";
    await relay.addDestination(operations, { types: ["relay.*"] });
    const told = () => relay.destinations.at(operations).map(({ text }) => JSON.parse(text));
    for (let event = 0; event < 30; event += 1) {
      relay.passSeconds(10);
      await relay.send(makePayload("v1/cards"));
    }
    await relay.runQueues();
    const lastAt = relay.now;
    relay.passSeconds(28_700);
    await lookForGaps(relay);
    expect(await isDue(scene)).toBe(false);
    relay.passSeconds(200);
    // What the relay has made itself ends no silence.
    await relay.send({ ...makePayload("v1/cards"), id: "reconciled_1" });
    await lookForGaps(relay);
    await relay.runQueues();
    expect(await isDue(scene)).toBe(true);
    expect(told()).toMatchObject([{ type: "relay.source.silent", data: { connection_id: id } }]);
    expect(Date.parse(told()[0].data.last_event_at)).toBe(lastAt);
    await dueLater(id);
    relay.passSeconds(1_800);
    await lookForGaps(relay);
    await relay.runQueues();
    expect([await isDue(scene), told().length]).toEqual([false, 1]);
    await relay.send(makePayload("v1/cards"));
    relay.passSeconds(32_000);
    await lookForGaps(relay);
    await relay.runQueues();
    expect([await isDue(scene), told().length]).toEqual([true, 2]);
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
