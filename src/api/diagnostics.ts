import { type Counts, sumOf } from "../domain/counters.ts";
import { isoTime } from "../domain/instant.ts";
import { type Env, readConfig } from "../env.ts";
import type { CanaryMessage } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { checkOfficialVectors } from "../qonto/official-vectors.ts";
import { batchOf } from "../store/batch.ts";
import { countsByHour, readCounts } from "../store/counters.ts";
import { type CronStateName, allCronState, readCronStateFrom, writeCronState } from "../store/cron-state.ts";
import type { Database } from "../store/database.ts";
import { describeSchemaFault, missingAmong, readAppliedMigrations } from "../store/schema.ts";
import { readTrafficRow, trafficSince } from "../store/traffic.ts";
import { defineRoute } from "./define-route.ts";
import { type QueueName, readQueues } from "./queue-metrics.ts";
import type { OperatorApi } from "./requests.ts";
import { json, show } from "./responses.ts";
import { diagnostics, exampleDiagnostics, sentCanary } from "./schemas/diagnostics.ts";

const DAY_MS = 86_400_000;
const TRAFFIC_DAYS = 30;

const detail = defineRoute("get", "/api/diagnostics", {
  operationId: "showDiagnostics",
  tag: "Diagnostics",
  summary: "Show the facts that `qonto doctor` checks",
  answers: { 200: json(diagnostics, "Facts, without a judgement", exampleDiagnostics) },
});

const canary = defineRoute("post", "/api/diagnostics/canary", {
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
    const at = (name: CronStateName) => cronState.get(name) ?? null;
    const stateOf = (name: QueueName) => ({
      backlog: queues[name]?.backlog ?? null,
      oldestMessageAt: queues[name]?.oldestMessageAt ?? null,
      canaryConsumedAt: at(`canary_${name}`),
    });
    const shown = show(diagnostics, {
      now,
      configuration: describeConfiguration(c.env),
      signatureVectors,
      migrations,
      cronRanAt: at("cron_ran_at"),
      canarySentAt: at("canary_sent_at"),
      canaryReceiverAt: at("canary_receiver"),
      queues: { events: stateOf("events"), retries: stateOf("retries"), deadLetters: stateOf("dead_letters") },
      signatures: { since: now - DAY_MS, ...countSignatures(counts) },
      traffic: traffic.map(({ longestGapMs, ...row }) => ({
        ...row,
        longestGapSeconds: longestGapMs && longestGapMs / 1000,
      })),
    });
    return c.json(shown, 200);
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
    const { cronState, counts, traffic } = await batchOf(db, {
      cronState: allCronState(db),
      counts: countsByHour(db, now - DAY_MS),
      traffic: trafficSince(db, now - TRAFFIC_DAYS * DAY_MS),
    });
    return {
      migrations,
      cronState: readCronStateFrom(cronState.rows),
      counts: readCounts(counts.rows),
      traffic: traffic.rows.map(readTrafficRow),
    };
  } catch (error) {
    if (missing.length === 0) throw error;
    logFailure("api", await describeSchemaFault(db, error), { message: "diagnostics.read_failed" });
    return { migrations, cronState: readCronStateFrom([]), counts: readCounts([]), traffic: [] };
  }
}

/** It can be read: `authenticate` lets nobody in otherwise. */
function describeConfiguration(env: Env) {
  const { faults, secrets, subscriptionKeys, signatureToleranceSeconds, allowPrivateDestinations, qonto } =
    readConfig(env);
  return {
    faults: faults.map(({ message }) => message),
    secrets: {
      business: secrets.business.length,
      onboarding: secrets.onboarding.length,
      subscriptions: subscriptionKeys.length,
    },
    signatureToleranceSeconds,
    allowPrivateDestinations,
    qontoEnvironment: qonto?.environment ?? null,
    qontoTypes: qonto?.types ?? null,
  };
}

function countSignatures(counts: Counts) {
  const refused = (code: string) => sumOf(counts, "qonto_relay_refusals_total", { code });
  return {
    authentic: sumOf(counts, "qonto_relay_events_total"),
    mismatched: refused("signature_mismatch"),
    tooOld: refused("timestamp_too_old"),
    inFuture: refused("timestamp_in_future"),
    malformed: refused("signature_malformed"),
    missing: refused("signature_missing"),
  };
}
