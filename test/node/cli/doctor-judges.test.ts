import { describe, expect, it } from "vitest";
import {
  durationText,
  judgeDestinations,
  judgeRefusals,
  judgeTraffic,
} from "../../../src/cli/commands/doctor/checks/events.ts";
import {
  type Clocks,
  isPublic,
  judgeAddress,
  judgeAnswers,
  judgeCertificate,
  judgeClocks,
} from "../../../src/cli/commands/doctor/checks/network.ts";
import { judgeSubscriptions, judgeTypes } from "../../../src/cli/commands/doctor/checks/qonto.ts";
import { judgeHealth, judgeQueues } from "../../../src/cli/commands/doctor/checks/relay.ts";
import { readAddress } from "../../../src/cli/commands/doctor/circumstances.ts";
import { type Result, explain } from "../../../src/cli/commands/doctor/finding.ts";
import type { WebhookAnswer } from "../../../src/cli/webhook.ts";
import { ScriptedRelay, failedDelivery, destination } from "./doctor-scene.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const faults = (result: Result) => (result.outcome === "failed" ? result.findings.map(({ fault }) => fault) : []);
const commands = (result: Result) =>
  result.outcome === "failed" ? result.findings.flatMap((finding) => explain(finding, shared).commands) : [];
const shared = { origin: "https://a.example", webhook: "https://a.example/webhooks/qonto", sandbox: " --sandbox" };
const iso = (ms: number) => new Date(ms).toISOString();
const notes = (result: Result) => (result.outcome === "skipped" ? [] : result.notes);

describe("a certificate", () => {
  it.each([
    [14 * DAY_MS, []],
    [14 * DAY_MS - 1, ["certificate_expires_soon"]],
    [-1, ["certificate_expires_soon"]],
  ])("that ends in %d ms", (left, expected) => {
    const certificate = { validUntil: NOW + left, refusedFor: null, issuer: "An Authority" };
    expect(faults(judgeCertificate(certificate, "a.example", NOW))).toEqual(expected);
  });
});

describe("an address", () => {
  it.each([
    ["104.16.0.1", true],
    ["2606:4700::1", true],
    ["127.0.0.1", false],
    ["10.0.0.1", false],
    ["100.64.0.1", false],
    ["169.254.169.254", false],
    ["::1", false],
    ["fd00::1", false],
    ["::ffff:10.0.0.1", false],
    ["::ffff:104.16.0.1", true],
  ])("%s is public: %s", (address, expected) => expect(isPublic(address)).toBe(expected));

  it.each([
    "http://localhost:8787",
    "http://127.0.0.1:1",
    "http://[::1]:8787",
    "http://relay.localhost/webhooks/qonto/",
  ])("%s is of this machine, which is noted and no fault", (url) => {
    const result = judgeAddress(readAddress(url), { found: ["127.0.0.1"] });
    expect([faults(result), notes(result).length]).toEqual([[], 1]);
  });

  it("of the webhook, and of the relay, is the same target", () => {
    const target = readAddress("https://a.example");
    expect(target.webhookUrl).toBe("https://a.example/webhooks/qonto");
    for (const path of ["/", "//", "/webhooks/qonto", "/webhooks/qonto/", "//webhooks//qonto"]) {
      expect(readAddress(`https://a.example${path}`)).toEqual(target);
    }
    expect(readAddress("https://[2606:4700::1]")).toMatchObject({ host: "2606:4700::1", port: 443 });
  });
});

describe("answers", () => {
  const answer = (changes: Partial<WebhookAnswer>): WebhookAnswer => ({
    status: 200,
    body: { status: "accepted" },
    code: null,
    accepted: true,
    location: null,
    isFromAccess: false,
    reason: null,
    durationMs: 10,
    ...changes,
  });
  const judge = (...answers: Partial<WebhookAnswer>[]) =>
    judgeAnswers(answers.map(answer), { url: "https://a.example/webhooks/qonto", isSigned: true });

  it("are in time up to a second, each of them", () => {
    expect(faults(judge({ durationMs: 1_000 }))).toEqual([]);
    expect(faults(judge({}, {}, { durationMs: 1_001 }))).toEqual(["answer_too_slow"]);
  });

  it("are told by their median and the worst", () => {
    expect(judge({ durationMs: 900 }, { durationMs: 10 }, { durationMs: 30 })).toMatchObject({
      says: "Answered 200 within 1 s. 3 POSTs: median 30 ms, worst 900 ms.",
    });
  });

  it("that differ are each named, with how often they came", () => {
    const down = { status: null, accepted: false, reason: "nothing listens there" };
    const result = judge({}, { status: 503, accepted: false, code: "not_stored" }, down, down);
    expect(result).toMatchObject({
      findings: [
        { fault: "not_stored", seen: expect.stringContaining("1 of 4 times: 503 not_stored") },
        { fault: "relay_unreachable", seen: expect.stringContaining("2 of 4 times: nothing listens there") },
      ],
    });
  });

  it("that never came are not called slow a second time", () => {
    const late = { status: null, accepted: false, reason: "no answer in time", durationMs: 5_000 };
    expect(faults(judge(late, late))).toEqual(["answer_too_slow"]);
  });

  it("that are refused now and then are told by a refusal", () => {
    expect(judge({}, { status: 401, accepted: false, code: "signature_mismatch" })).toMatchObject({
      says: expect.stringMatching(/^In time, but with 401 signature_mismatch: see `signature`\./),
    });
  });

  it("of the relay's check of signatures say that the request arrived", () => {
    for (const code of ["signature_mismatch", "signature_missing", "timestamp_too_old"]) {
      expect(faults(judge({ status: 401, accepted: false, code }))).toEqual([]);
    }
  });
});

describe("clocks", () => {
  const judge = (clocks: Partial<Clocks>) =>
    faults(judgeClocks({ relayAheadMs: 0, qontoAheadMs: 0, toleranceSeconds: 300, isLocal: false, ...clocks }));

  it("may be half a minute apart", () => {
    expect(judge({ relayAheadMs: 30_000, qontoAheadMs: null })).toEqual([]);
    expect(judge({ relayAheadMs: 30_001, qontoAheadMs: null })).toEqual(["clocks_disagree"]);
    expect(judge({ relayAheadMs: -30_001, qontoAheadMs: null })).toEqual(["clocks_disagree"]);
  });

  it("may be half the tolerance apart, when that is less", () => {
    expect(judge({ relayAheadMs: 10_000, toleranceSeconds: 20 })).toEqual([]);
    expect(judge({ relayAheadMs: 10_001, toleranceSeconds: 20 })).toEqual(["relay_clock_off"]);
    expect(judge({ relayAheadMs: 2_000, toleranceSeconds: 1 })).toEqual([]);
  });

  it("of relay and Qonto against this one: this one is wrong", () => {
    expect(judge({ relayAheadMs: 90_000, qontoAheadMs: 90_000 })).toEqual(["own_clock_off"]);
  });

  it("of a relay on this machine are one: it is named once", () => {
    expect(judge({ relayAheadMs: 0, qontoAheadMs: 90_000, isLocal: true })).toEqual(["relay_clock_off"]);
  });

  it("that nobody tells are not judged", () => {
    const clocks = { relayAheadMs: null, qontoAheadMs: null, toleranceSeconds: null, isLocal: false };
    expect(judgeClocks(clocks).outcome).toBe("skipped");
  });
});

describe("subscriptions", () => {
  const target = readAddress("https://a.example");
  const to = (id: string, callback_url: string, types = ["v1/cards"]) => ({
    subscription: { id, callback_url, types },
    lostIn: null,
  });

  it("to another relay are noted", () => {
    const listed = [to("s1", "https://a.example/webhooks/qonto"), to("s2", "https://b.example/webhooks/qonto")];
    const result = judgeSubscriptions(listed, target);
    expect([faults(result), notes(result)]).toEqual([[], [expect.stringContaining("s2 → https://b.example")]]);
  });

  it("of several types each are no duplicates of each other", () => {
    const listed = [
      to("s1", "https://a.example/webhooks/qonto"),
      to("s2", "https://a.example/webhooks/qonto", ["v1/transfers"]),
    ];
    expect(faults(judgeSubscriptions(listed, target))).toEqual([]);
  });

  it("are mended with the command that fits, in the sandbox too", () => {
    expect(commands(judgeSubscriptions([], target))).toEqual([
      expect.stringMatching(/create --url https:\/\/a\.example\/webhooks\/qonto .* --sandbox$/),
    ]);
  });
});

describe("types", () => {
  const here = [{ id: "s1", callback_url: "https://a.example/webhooks/qonto", types: ["v1/cards", "v1/transfers"] }];
  const judge = (...types: string[][]) =>
    judgeTypes(
      here,
      types.map((one, index) => destination({ id: `dst_${index}`, types: one })),
    );

  it.each([
    [["v1/cards"], []],
    [["v1/transactions"], ["type_not_subscribed"]],
    [["v1/*"], []],
    [["v1/t*"], []],
    [["v1/sepa-*"], ["type_not_subscribed"]],
    [["registrations.completed"], []],
    [[], []],
  ])("that a destination wants: %j", (types, expected) => expect(faults(judge(types))).toEqual(expected));

  it("are all named in the command that subscribes to them, with those that there are", () => {
    expect(commands(judge(["v1/transactions", "v1/sepa-*"]))).toEqual([
      "npm run qonto -- subscriptions update s1 --types v1/cards,v1/transfers,v1/transactions --sandbox",
    ]);
  });

  it("that nobody wants are noted, and so are those that a destination of all types would get", () => {
    expect(notes(judge(["v1/cards"]))).toEqual([expect.stringContaining("v1/transfers")]);
    expect(notes(judge([]))).toEqual([expect.stringContaining("v1/transactions")]);
    expect(notes(judge())).toEqual([expect.stringContaining("no destination yet")]);
  });
});

describe("refusals", () => {
  const { secrets } = new ScriptedRelay().diagnostics.configuration;
  const counts = { since: iso(NOW), authentic: 0, mismatched: 0, too_old: 0, in_future: 0, malformed: 0, missing: 0 };
  it.each([
    [{ mismatched: 2 }, []],
    [{ mismatched: 3 }, ["signatures_mismatched"]],
    [{ mismatched: 3, authentic: 297 }, ["signatures_mismatched"]],
    [{ mismatched: 3, authentic: 298 }, []],
    [{ too_old: 3, malformed: 3 }, ["signatures_too_old", "signatures_malformed"]],
    [{ missing: 19 }, []],
    [{ missing: 20, authentic: 20 }, ["signatures_missing"]],
    [{ missing: 20, authentic: 21 }, []],
  ])("%j", (some, expected) => expect(faults(judgeRefusals({ ...counts, ...some }, secrets))).toEqual(expected));

  it("are shares of all requests", () => {
    const result = judgeRefusals({ ...counts, authentic: 60, mismatched: 30, too_old: 10 }, secrets);
    expect(result).toMatchObject({
      findings: [
        { seen: expect.stringContaining(": 30 of 100 requests, 30 %.") },
        { seen: expect.stringContaining(": 10 of 100 requests, 10 %.") },
      ],
    });
  });
});

describe("traffic", () => {
  const kind = (changes: object = {}) => ({
    organization_id: "org-1",
    type: "v1/cards",
    events: 5,
    first_received_at: iso(NOW - 30 * DAY_MS),
    last_received_at: iso(NOW),
    longest_gap_seconds: 7_200,
    ...changes,
  });
  const silentFor = (ms: number, changes: object = {}) =>
    faults(judgeTraffic([kind({ last_received_at: iso(NOW - ms), ...changes })], NOW));

  it("may stay away twice as long as ever before", () => {
    expect(silentFor(4 * HOUR_MS)).toEqual([]);
    expect(silentFor(4 * HOUR_MS + 1)).toEqual(["traffic_silent"]);
  });

  it("may stay away an hour in any case", () => {
    expect(silentFor(HOUR_MS, { longest_gap_seconds: 1 })).toEqual([]);
    expect(silentFor(HOUR_MS + 1, { longest_gap_seconds: 1 })).toEqual(["traffic_silent"]);
  });

  it("that has not seen a week end may stay away for one", () => {
    const young = (ms: number) => ({ first_received_at: iso(NOW - ms - 8 * DAY_MS + 1) });
    expect(silentFor(3 * DAY_MS, young(3 * DAY_MS))).toEqual([]);
    expect(silentFor(3 * DAY_MS + 1, young(3 * DAY_MS + 1))).toEqual(["traffic_silent"]);
  });

  it("of fewer than five events is not usual in any way", () => {
    expect(silentFor(20 * DAY_MS, { events: 4 })).toEqual([]);
    expect(silentFor(20 * DAY_MS, { events: 1, longest_gap_seconds: null })).toEqual([]);
  });

  it("that has stopped altogether is one fault", () => {
    const silent = kind({ last_received_at: iso(NOW - DAY_MS) });
    expect(faults(judgeTraffic([silent, { ...silent, type: "v1/transfers" }], NOW))).toEqual(["all_traffic_silent"]);
    expect(faults(judgeTraffic([silent, kind()], NOW))).toEqual(["traffic_silent"]);
  });

  it.each([
    [119_000, "119 s"],
    [120_000, "2 min"],
    [7_200_000, "2 h"],
    [172_800_000, "2 days"],
  ])("tells %d ms as %s", (ms, text) => expect(durationText(ms)).toBe(text));
});

describe("the queues", () => {
  const queue = (changes: object = {}) => ({
    backlog: 0,
    oldest_message_at: null,
    canary_consumed_at: iso(NOW),
    ...changes,
  });
  const judge = (events: object) =>
    faults(
      judgeQueues({
        now: NOW,
        sentAt: NOW,
        waitedMs: 1_000,
        queues: { events: queue(events), retries: queue({ oldest_message_at: iso(0) }), dead_letters: queue() },
      }),
    );

  it("may be minutes behind, the one of retries however long", () => {
    expect(judge({ oldest_message_at: iso(NOW - 300_000) })).toEqual([]);
    expect(judge({ oldest_message_at: iso(NOW - 301_000) })).toEqual(["queue_backlog_old"]);
  });

  it("that gave back an earlier canary only, are stuck, and that is said once", () => {
    expect(judge({ canary_consumed_at: iso(NOW - 1), oldest_message_at: iso(0) })).toEqual(["queue_stuck"]);
  });
});

describe("health", () => {
  const judge = (...degraded: [keyof ScriptedRelay["health"], number | null][]) => {
    const { health } = new ScriptedRelay();
    for (const [name, value] of degraded) Object.assign(health[name], { status: "degraded", value });
    return judgeHealth({ checks: health }, { dead_letters: "dead_letters", connections: "connection" });
  };

  it("of a database that does not answer is one fault, and the configuration's is its own", () => {
    const untold = (["cron", "fan_out", "deliveries", "secrets"] as const).map((name): [typeof name, null] => [
      name,
      null,
    ]);
    expect(faults(judge(["database", null], ...untold))).toEqual(["database_unwell"]);
    expect(faults(judge(["configuration", 1], ["database", null], ...untold))).toEqual([
      "relay_not_configured",
      "database_unwell",
    ]);
  });

  it("of a cron that has never run says so, and not what only the cron could tell", () => {
    expect(faults(judge(["cron", null], ["fan_out", null]))).toEqual(["cron_stopped"]);
    expect(faults(judge(["cron", 400], ["fan_out", 400]))).toEqual(["cron_stopped", "fan_out_stuck"]);
  });

  it("leaves out what another check asks more closely, and does not pass for it", () => {
    expect(judge()).toMatchObject({ outcome: "passed" });
    expect(judge(["dead_letters", 1], ["connections", 1])).toEqual({
      outcome: "skipped",
      why: "/health is degraded (dead_letters, connections): see `dead_letters` and `connection`.",
      enable: null,
    });
    expect(faults(judge(["dead_letters", 1], ["storage", 1]))).toEqual(["database_filling"]);
  });
});

describe("destinations", () => {
  const judge = (one: ReturnType<typeof destination>, { dead = 0, isCut = false } = {}) =>
    judgeDestinations([{ destination: one, deliveries: [], dead: Array(dead).fill(failedDelivery) }], isCut);

  it("that are paused or have an open circuit are not called failing as well", () => {
    const circuit_opened_at = "2026-11-25T10:00:00Z";
    const failing = { state: "failing" as const, consecutive_failures: 30, circuit_opened_at };
    expect(faults(judge(destination({ enabled: false }, failing)))).toEqual(["destination_paused"]);
    expect(faults(judge(destination({}, failing)))).toEqual(["destination_circuit_open"]);
    expect(faults(judge(destination({}, { ...failing, circuit_opened_at: null })))).toEqual(["destination_failing"]);
  });

  it("that asked for a pause are said to be held, and until when", () => {
    const held_until = "2026-11-25T10:10:00Z";
    expect(judge(destination({}, { state: "failing", consecutive_failures: 1, held_until }))).toMatchObject({
      findings: [
        {
          fault: "destination_failing",
          seen: expect.stringContaining(`asked to be sent nothing before ${held_until}`),
        },
      ],
    });
  });

  it("that are healthy can have dead deliveries, to be replayed since the oldest event", () => {
    const result = judge(destination(), { dead: 2 });
    expect(result).toMatchObject({
      findings: [
        {
          fault: "deliveries_dead",
          seen: expect.stringMatching(/^2 deliveries are dead; .* 503 “down for maintenance”\.$/),
        },
      ],
    });
    expect(commands(result)).toEqual([
      `npm run qonto -- replay destination dst_1 --since ${failedDelivery.received_at}`,
    ]);
    expect(judge(destination(), { dead: 2, isCut: true })).toMatchObject({
      findings: [{ seen: expect.stringContaining("2 or more deliveries are dead") }],
    });
  });
});
