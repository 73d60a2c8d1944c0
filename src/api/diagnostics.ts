import { seriesOf } from "../domain/counters.ts";
import { type Config, ConfigError, type Env, configFaults, readConfig } from "../env.ts";
import type { CanaryMessage } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { checkOfficialVectors } from "../qonto/official-vectors.ts";
import { countsByHour, readCounts } from "../store/counters.ts";
import { type CronStateName, allCronState, readCronStateFrom, writeCronState } from "../store/cron-state.ts";
import type { Database } from "../store/database.ts";
import { describeSchemaFault, missingAmong, readAppliedMigrations } from "../store/schema.ts";
import { type Traffic, readTrafficRow, trafficSince } from "../store/traffic.ts";
import { defineRoute } from "./define-route.ts";
import { type QueueName, readQueues } from "./queue-metrics.ts";
import type { OperatorApi } from "./requests.ts";
import { isoTime, isoTimeOrNull, json, show } from "./responses.ts";
import { diagnostics, exampleDiagnostics, sentCanary, typeTraffic } from "./schemas/diagnostics.ts";

const DAY_MS = 86_400_000;
const TRAFFIC_DAYS = 30;

const detail = defineRoute({
  method: "get",
  path: "/api/diagnostics",
  operationId: "showDiagnostics",
  tag: "Diagnostics",
  summary: "Show the facts that `qonto doctor` checks",
  answers: { 200: json(diagnostics, "Facts, without a judgement", exampleDiagnostics) },
});

const canary = defineRoute({
  method: "post",
  path: "/api/diagnostics/canary",
  operationId: "sendCanary",
  tag: "Diagnostics",
  summary: "Send a canary through each queue",
  answers: {
    202: json(
      sentCanary,
      "Sent. Diagnostics show this time as `canary_consumed_at` once a queue's consumer has read the canary. It touches no event and no destination",
      { sent_at: "2026-11-24T10:04:50.000Z" },
    ),
  },
});

export function addDiagnostics(api: OperatorApi, world: World): void {
  api.openapi(detail, async (c) => {
    const now = world.now();
    const [{ migrations, cronState, counts, traffic }, queues, signatureVectors] = await Promise.all([
      readDatabase(c.env.DB, now),
      readQueues(c.env, world),
      checkOfficialVectors(),
    ]);
    const at = (name: CronStateName) => isoTimeOrNull(cronState.get(name) ?? null);
    const showQueue = (name: QueueName) => ({
      backlog: queues[name]?.backlog ?? null,
      oldest_message_at: isoTimeOrNull(queues[name]?.oldestMessageAt ?? null),
      canary_consumed_at: at(`canary_${name}`),
    });
    return c.json(
      {
        now: isoTime(now),
        configuration: showConfiguration(c.env),
        signature_vectors: signatureVectors,
        migrations,
        cron_ran_at: at("cron_ran_at"),
        canary_sent_at: at("canary_sent_at"),
        canary_receiver_at: at("canary_receiver"),
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

  api.openapi(canary, async (c) => {
    const now = world.now();
    const message: CanaryMessage = { kind: "canary", sent_at: now };
    await writeCronState(c.env.DB, { canary_sent_at: now });
    await Promise.all([c.env.EVENTS.send(message), c.env.RETRIES.send(message), c.env.DEAD_LETTERS.send(message)]);
    return c.json({ sent_at: isoTime(now) }, 202);
  });
}

/** Reads D1. While it lacks migrations its tables may be missing too: then only the migrations are shown. */
async function readDatabase(db: Database, now: number) {
  const applied = await readAppliedMigrations(db);
  const missing = missingAmong(applied);
  const migrations = { applied, missing };
  try {
    const [cronState, counts, traffic] = await db.batch([
      allCronState(db),
      countsByHour(db, now - DAY_MS),
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
    logFailure("api", await describeSchemaFault(db, error), { message: "diagnostics.read_failed" });
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

function showTraffic({ longestGapMs, ...traffic }: Traffic) {
  return show(typeTraffic, { ...traffic, longestGapSeconds: longestGapMs === null ? null : longestGapMs / 1000 });
}
