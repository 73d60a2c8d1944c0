import { createRoute, z } from "@hono/zod-openapi";
import type { Database } from "../store/database.ts";
import { type Config, ConfigError, type Env, configFaults, readConfig } from "../env.ts";
import { seriesOf } from "../domain/counters.ts";
import type { ProbeMessage } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { checkOfficialVectors } from "../qonto/official-vectors.ts";
import { type CronStateName, readCronStateFrom, allCronState, writeCronState } from "../store/cron-state.ts";
import { explained, missingAmong, readAppliedMigrations } from "../store/schema.ts";
import { countsSince, readCounts } from "../store/counters.ts";
import { type Traffic, readTrafficRow, trafficSince } from "../store/traffic.ts";
import { diagnostics, exampleDiagnostics } from "./diagnostics-schema.ts";
import { type QueueName, readQueues } from "./queue-figures.ts";
import { behindToken } from "./refusals.ts";
import { type OperatorApi, noQuery } from "./requests.ts";
import { isoTime, isoTimeOrNull, json, security, time } from "./responses.ts";

const DAY_MS = 86_400_000;
const TRAFFIC_DAYS = 30;

const showRoute = createRoute({
  operationId: "showDiagnostics",
  tags: ["Diagnostics"],
  method: "get",
  path: "/api/diagnostics",
  summary: "Show what a doctor asks of the relay",
  security,
  request: { query: noQuery },
  responses: { 200: json(diagnostics, "Facts, not judgements", exampleDiagnostics), ...behindToken },
});

const probeRoute = createRoute({
  operationId: "sendProbe",
  tags: ["Diagnostics"],
  method: "post",
  path: "/api/diagnostics/probe",
  summary: "Send a probe through each queue",
  security,
  request: { query: noQuery },
  responses: {
    202: json(
      z.object({ sent_at: time }),
      "Sent. Diagnostics tell by this instant when each queue's consumer has had it; it touches no event and no destination",
      { sent_at: "2026-11-24T10:04:50.000Z" },
    ),
    ...behindToken,
  },
});

export function addDiagnostics(api: OperatorApi, world: World): void {
  api.openapi(showRoute, async (c) => {
    const now = world.now();
    const [{ migrations, cronState, counts, traffic }, queues, signatureVectors] = await Promise.all([
      readDatabase(c.env.DB, now),
      readQueues(c.env, world),
      checkOfficialVectors(),
    ]);
    const at = (mark: CronStateName) => isoTimeOrNull(cronState.get(mark) ?? null);
    const showQueue = (name: QueueName) => ({
      backlog: queues[name]?.backlog ?? null,
      oldest_message_at: isoTimeOrNull(queues[name]?.oldestMessageAt ?? null),
      probe_consumed_at: at(`probed_${name}`),
    });
    return c.json(
      {
        now: isoTime(now),
        configuration: showConfiguration(c.env),
        signature_vectors: signatureVectors,
        migrations,
        cron_ran_at: at("cron_ran_at"),
        probe_sent_at: at("probe_sent_at"),
        probed_receiver_at: at("probed_receiver"),
        queues: {
          events: showQueue("events"),
          retries: showQueue("retries"),
          dead_letters: showQueue("dead_letters"),
        },
        signatures: { since: isoTime(now - DAY_MS), ...countSignatures(counts) },
        traffic: traffic.map(showTraffic),
      },
      200,
    );
  });

  api.openapi(probeRoute, async (c) => {
    const now = world.now();
    const probe: ProbeMessage = { kind: "probe", sent_at: now };
    await writeCronState(c.env.DB, { probe_sent_at: now });
    await Promise.all([c.env.EVENTS.send(probe), c.env.RETRIES.send(probe), c.env.DEAD_LETTERS.send(probe)]);
    return c.json({ sent_at: isoTime(now) }, 202);
  });
}

/** What D1 knows. While it lacks migrations it may lack the tables to ask: that is the one thing which must be told then. */
async function readDatabase(db: Database, now: number) {
  const applied = await readAppliedMigrations(db);
  const missing = missingAmong(applied);
  const migrations = { applied, missing };
  try {
    const [cronState, counts, traffic] = await db.batch([
      allCronState(db),
      countsSince(db, now - DAY_MS),
      trafficSince(db, now - TRAFFIC_DAYS * DAY_MS),
    ]);
    return {
      migrations,
      cronState: readCronStateFrom(cronState?.results ?? []),
      counts: readCounts(counts?.results ?? []),
      traffic: (traffic?.results ?? []).map(readTrafficRow),
    };
  } catch (error) {
    if (missing.length === 0) throw error;
    logFailure("diagnostics", await explained(db, error));
    return { migrations, cronState: readCronStateFrom([]), counts: readCounts([]), traffic: [] };
  }
}

function showConfiguration(env: Env) {
  const config = tryReadConfig(env);
  return {
    faults: configFaults(env).map(({ message }) => message),
    secrets: { business: config?.secrets.business.length ?? 0, onboarding: config?.secrets.onboarding.length ?? 0 },
    signature_tolerance_seconds: config?.signatureToleranceSeconds ?? null,
    allow_private_destinations: config?.allowPrivateDestinations ?? null,
  };
}

function tryReadConfig(env: Env): Config | null {
  try {
    return readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

function countSignatures(counts: Readonly<Record<string, number>>) {
  const refused = (code: string) => counts[seriesOf("qonto_relay_refusals_total", { code })] ?? 0;
  const events = Object.entries(counts).filter(([series]) => series.startsWith("qonto_relay_events_total{"));
  return {
    authentic: events.reduce((sum, [, count]) => sum + count, 0),
    mismatched: refused("signature_mismatch"),
    too_old: refused("timestamp_too_old"),
    in_future: refused("timestamp_in_future"),
    malformed: refused("signature_malformed"),
    missing: refused("signature_missing"),
  };
}

function showTraffic({ organizationId, type, events, firstReceivedAt, lastReceivedAt, longestGapMs }: Traffic) {
  return {
    organization_id: organizationId,
    type,
    events,
    first_received_at: isoTime(firstReceivedAt),
    last_received_at: isoTime(lastReceivedAt),
    longest_gap_seconds: longestGapMs === null ? null : longestGapMs / 1000,
  };
}
