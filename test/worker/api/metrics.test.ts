import { env } from "cloudflare:workers";
import parsePrometheusText from "parse-prometheus-text-format";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";
import { connectDirectly, qontoApplication } from "../support/connected-relay.ts";
import { insertConnection } from "../support/connections.ts";
import { hang, statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);
afterEach(() => vi.restoreAllMocks());

const url = "https://destination.example.com/hook";

type Metric = ReturnType<typeof parsePrometheusText>[number]["metrics"][number];

/** The samples as a real parser reads them, by name and labels. */
async function scrape(relay: TestRelay): Promise<Map<string, Metric>> {
  const response = await relay.fetch("/metrics", { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const families = parsePrometheusText(await response.text());
  return new Map(
    families.flatMap(({ name, metrics }) =>
      metrics.map((metric) => [[name, ...Object.values(metric.labels ?? {})].join(" "), metric] as const),
    ),
  );
}

async function figure(relay: TestRelay, name: string): Promise<number | undefined> {
  const value = (await scrape(relay)).get(`qonto_relay_${name}`)?.value;
  return value === undefined ? undefined : Number(value);
}

describe("the metrics", () => {
  it("need a token", async () => {
    expect((await new TestRelay().fetch("/metrics")).status).toBe(401);
  });

  it("count events by source, type and outcome, and refusals by code", async () => {
    const relay = new TestRelay();
    const card = makePayload("v1/cards");
    await relay.send(card);
    await relay.send(makePayload("v1/cards"));
    await relay.send(card);
    await relay.sendOnboarding(makePayload("registrations.pending"));
    await relay.send("not JSON");
    await relay.webhook({ method: "POST", body: "{}" });
    const signing = { secret: "forged", timestamp: Math.floor(relay.now / 1000) };
    await relay.webhook(await businessRequest(card, signing));
    await relay.webhook(await businessRequest(card, { secret: BUSINESS_SECRET, timestamp: signing.timestamp - 301 }));
    const figures = await scrape(relay);
    const value = (name: string) => Number(figures.get(`qonto_relay_${name}`)?.value);
    expect(value("events_total business v1/cards accepted")).toBe(2);
    expect(value("events_total business v1/cards duplicate")).toBe(1);
    expect(value("events_total onboarding registrations.pending accepted")).toBe(1);
    expect(value("events_total business unreadable quarantined")).toBe(1);
    expect(value("refusals_total signature_missing")).toBe(1);
    expect(value("refusals_total signature_mismatch")).toBe(1);
    expect(value("refusals_total timestamp_too_old")).toBe(1);
    expect(value("quarantined_events")).toBe(1);
    expect(figures.get("qonto_relay_acknowledgement_seconds")).toMatchObject({ count: "8", buckets: { "+Inf": "8" } });
  });

  it("count all unknown types under one label", async () => {
    const relay = new TestRelay();
    const hostile = 'v1/"} 9\\\n';
    for (const type of ["v1/novelties", "x".repeat(200), hostile])
      await relay.send({ ...makePayload("v1/cards"), type });
    const labels = [...(await scrape(relay)).keys()].filter((name) => name.startsWith("qonto_relay_events_total"));
    expect(labels.toSorted()).toEqual([
      "qonto_relay_events_total business other accepted",
      "qonto_relay_events_total business unreadable quarantined",
    ]);
    expect(await figure(relay, "events_total business other accepted")).toBe(2);
  });

  it("show each destination's attempts, deliveries, backlog and state", async () => {
    const relay = new TestRelay();
    const schedule = { retry_schedule_seconds: [1] };
    const well = await relay.addDestination("https://well.example.com/");
    const ill = await relay.addDestination(url, schedule);
    const slow = await relay.addDestination("https://slow.example.com/", { timeout_ms: 100 });
    const paused = await relay.addDestination("https://paused.example.com/", { enabled: false });
    relay.destinations.answer(url, statuses(500));
    relay.destinations.answer(slow.url, hang);
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    relay.passSeconds(1);
    await relay.runQueues();
    relay.passSeconds(1);
    const figures = await scrape(relay);
    const value = (name: string) => Number(figures.get(`qonto_relay_${name}`)?.value);
    expect(value(`attempts_total ${well.id} delivered`)).toBe(1);
    expect(value(`deliveries_total ${well.id} delivered`)).toBe(1);
    expect(value(`attempts_total ${ill.id} rejected`)).toBe(2);
    expect(value(`deliveries_total ${ill.id} dead`)).toBe(1);
    expect(value(`dead_deliveries ${ill.id}`)).toBe(1);
    expect(value(`attempts_total ${slow.id} timed_out`)).toBeGreaterThanOrEqual(1);
    expect(value(`pending_deliveries ${slow.id}`)).toBe(1);
    expect(value(`oldest_pending_seconds ${slow.id}`)).toBeGreaterThanOrEqual(2);
    expect(value(`pending_deliveries ${well.id}`)).toBe(0);
    for (const [{ id }, state] of [
      [well, "healthy"],
      [ill, "failing"],
      [slow, "failing"],
      [paused, "paused"],
    ] as const) {
      for (const one of ["healthy", "failing", "circuit_open", "paused"]) {
        expect(value(`destination_state ${id} ${one}`), `${state} ${one}`).toBe(one === state ? 1 : 0);
      }
    }
  });

  it("show connections by status, and until when each organization is reconciled", async () => {
    const relay = new TestRelay();
    expect(await figure(relay, "connections connected")).toBe(0);
    await insertConnection(relay.now, { organization_id: "org-1", reconciled_until: 1_772_366_400_500 });
    await insertConnection(relay.now, { id: "con_2", organization_id: "org-2", reconciled_until: null });
    const ended = { status: "revoked", ended_at: relay.now };
    await insertConnection(relay.now, { id: "con_3", organization_id: "org-3", ...ended });
    const figures = await scrape(relay);
    const value = (name: string) => figures.get(`qonto_relay_${name}`)?.value;
    expect([value("connections connected"), value("connections expired"), value("connections revoked")]).toEqual([
      "2",
      "0",
      "1",
    ]);
    expect(value("reconciled_until_seconds org-1")).toBe("1772366400.5");
    expect(value("reconciled_until_seconds org-2")).toBeUndefined();
    expect(value("reconciled_until_seconds org-3")).toBe(String(relay.now / 1000));
  });

  it("count refreshes of tokens by outcome", async () => {
    const relay = new TestRelay(qontoApplication);
    await connectDirectly(relay);
    relay.passSeconds(41 * 60);
    relay.qonto.faults.status = 503;
    await relay.runCron();
    expect(await figure(relay, "token_refreshes_total failed")).toBe(1);
    delete relay.qonto.faults.status;
    relay.passSeconds(15 * 60);
    await relay.runCron();
    expect(await figure(relay, "token_refreshes_total refreshed")).toBe(1);
    relay.passSeconds(60);
    await relay.runCron();
    expect(await figure(relay, "token_refreshes_total refreshed")).toBe(1);
  });

  it("show an open circuit", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, { retry_schedule_seconds: Array(20).fill(10) });
    relay.destinations.answer(url, statuses(500));
    await relay.send(makePayload("v1/cards"));
    await relay.liveThrough(200);
    expect(await figure(relay, `destination_state ${id} circuit_open`)).toBe(1);
  });

  it("show the size of the database and its limit without a further D1 call", async () => {
    const figures = await scrape(new TestRelay());
    const { meta } = await env.DB.prepare("SELECT 1").run();
    expect(Number(figures.get("qonto_relay_database_size_bytes")?.value)).toBe(meta.size_after);
    expect(Number(figures.get("qonto_relay_database_size_limit_bytes")?.value)).toBe(10_000_000_000);
  });

  it("show dead letters, the queues' backlog and the cron", async () => {
    const relay = new TestRelay();
    await relay.send(makePayload("v1/cards"));
    await relay.runCron();
    await env.DB.prepare(
      "INSERT INTO dead_letters (id, kind, received_at, replayed_at, message) VALUES ('1', 'due', 1, NULL, '{}'), ('2', 'due', 1, 2, '{}')",
    ).run();
    relay.events.binding.metrics = async () => ({
      backlogCount: 7,
      backlogBytes: 1,
      oldestMessageTimestamp: new Date(relay.now - 9_000),
    });
    const figures = await scrape(relay);
    const value = (name: string) => Number(figures.get(`qonto_relay_${name}`)?.value);
    expect(value("dead_letters")).toBe(1);
    expect(value("queue_backlog_messages events")).toBe(7);
    expect(value("queue_oldest_message_seconds events")).toBe(9);
    expect(value("queue_backlog_messages retries")).toBe(0);
    expect(value("cron_last_run_timestamp_seconds")).toBe(relay.now / 1000);
  });

  it("are zero or absent at first, and leave out a queue that does not answer", async () => {
    const relay = new TestRelay();
    relay.events.binding.metrics = () => Promise.reject(new Error("no metrics here"));
    const figures = await scrape(relay);
    const filled = [...figures].filter(([, { value }]) => value !== undefined && Number(value) !== 0);
    expect(filled.map(([name]) => name)).toEqual([
      "qonto_relay_database_size_bytes",
      "qonto_relay_database_size_limit_bytes",
    ]);
    expect(figures.has("qonto_relay_queue_backlog_messages events")).toBe(false);
  });

  it("add up the counts of all isolates, past ones included", async () => {
    const before = new TestRelay();
    await before.send(makePayload("v1/cards"));
    await before.runCron();
    const after = new TestRelay();
    await after.send(makePayload("v1/cards"));
    expect(await figure(after, "events_total business v1/cards accepted")).toBe(2);
    expect(await figure(before, "events_total business v1/cards accepted")).toBe(2);
  });

  it("that cannot be written are logged under the stage that answered", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const DB = interceptDatabase(env.DB, ({ statements }, proceed) =>
      statements[0]?.includes("INTO counters") ? Promise.reject(new Error("D1 is out of sorts")) : proceed(),
    );
    const relay = new TestRelay({ DB });
    await relay.send(makePayload("v1/cards"));
    relay.passSeconds(61);
    await relay.send(makePayload("v1/cards"));
    relay.passSeconds(61);
    await relay.fetch("/openapi.json");
    await vi.waitFor(() => expect(errors).toHaveBeenCalledTimes(2));
    expect(errors.mock.calls.map(([line]) => line as unknown)).toEqual([
      expect.objectContaining({ unit: "receive", message: "counters.write_failed" }),
      expect.objectContaining({ unit: "api", message: "counters.write_failed" }),
    ]);
  });

  it("drop a removed destination, also what another isolate has not written yet", async () => {
    const relay = new TestRelay();
    const other = new TestRelay();
    const kept = await relay.addDestination("https://kept.example.com/hook");
    const removed: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { id } = await relay.addDestination(url);
      removed.push(id);
      await relay.send(makePayload("v1/cards"));
      await relay.runQueues();
      await other.send(makePayload("v1/cards"));
      await other.runQueues();
      expect(await figure(relay, `deliveries_total ${id} delivered`)).toBe(1);
      await relay.api("DELETE", `/api/destinations/${id}`);
    }
    const storedOf = (id: string) =>
      env.DB.prepare("SELECT count(*) AS rows FROM counters WHERE hour = 0 AND instr(counts, ?1)")
        .bind(id)
        .first("rows");
    for (const id of removed) expect(await storedOf(id)).toBe(0);
    const figures = [...(await scrape(other)).keys()];
    for (const id of removed) expect(figures.filter((name) => name.includes(id))).toEqual([]);
    expect(await figure(relay, `deliveries_total ${kept.id} delivered`)).toBe(6);
    expect(await storedOf(removed[0] ?? "")).toBe(1);
    await relay.runCron();
    expect(await storedOf(removed[0] ?? "")).toBe(0);
    expect(await figure(relay, `deliveries_total ${kept.id} delivered`)).toBe(6);
  });

  it("lose no count while D1 fails to store them", async () => {
    const relay = new TestRelay();
    await relay.send(makePayload("v1/cards"));
    const failing = interceptDatabase(env.DB, ({ statements }, proceed) =>
      statements.some((sql) => sql.includes("INTO counters")) ? Promise.reject(new Error("D1 is down")) : proceed(),
    );
    relay.env = { ...relay.env, DB: failing };
    expect(await figure(relay, "events_total business v1/cards accepted")).toBeUndefined();
    relay.env = { ...relay.env, DB: env.DB };
    expect(await figure(relay, "events_total business v1/cards accepted")).toBe(1);
  });

  it("cost one D1 call to read, and two rows a minute to write", async () => {
    const meter = new Meter();
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, meter.intercept) });
    await scrape(relay);
    expect(meter.calls).toBe(1);
    await relay.send(makePayload("v1/cards"));
    relay.passSeconds(59);
    await relay.send(makePayload("v1/cards"));
    const rowsOfEvent = meter.rowsWritten;
    relay.passSeconds(1);
    await relay.send(makePayload("v1/cards"));
    expect(meter.rowsWritten - rowsOfEvent).toBe(rowsOfEvent / 2 + 2);
  });
});
