import { z } from "@hono/zod-openapi";
import { type Counters, type Counts, countsOf, seriesOf } from "../domain/counters.ts";
import type { World } from "../platform/world.ts";
import { MOST_DATABASE_BYTES, databaseBytesOf, readWaitingRow, whatWaits } from "../store/condition.ts";
import { type ConnectionHealth, connectionHealthOf, readConnectionHealth } from "../store/connection-health.ts";
import { connectionStatus } from "../store/connections.ts";
import { allTimeCounts, readCounts, writeCounters } from "../store/counters.ts";
import { allCronState, readCronStateFrom } from "../store/cron-state.ts";
import { COUNTED_AT_MOST, type DestinationBacklog, backlogs, readBacklogRow } from "../store/destination-deliveries.ts";
import { defineRoute } from "./define-route.ts";
import { type QueueMetrics, readQueues } from "./queue-metrics.ts";
import type { OperatorApi } from "./requests.ts";

const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const text = defineRoute("get", "/metrics", {
  operationId: "showMetrics",
  tag: "Diagnostics",
  summary: "Show metrics for Prometheus",
  answers: {
    200: {
      description: "Text of the Prometheus exposition format, version 0.0.4",
      content: {
        "text/plain": {
          schema: z.string(),
          example: 'qonto_relay_events_total{source="business",type="v1/transactions",outcome="accepted"} 4201\n',
        },
      },
    },
  },
});

const bounded = `, at most ${COUNTED_AT_MOST}`;

const metrics = {
  qonto_relay_events_total: {
    type: "counter",
    help: "Authentic webhook events by source, type (other: not in the catalogue) and outcome",
  },
  qonto_relay_refusals_total: { type: "counter", help: "Refused webhook requests, by code" },
  qonto_relay_canary_refusals_total: { type: "counter", help: "Refused webhook requests of the doctor, by code" },
  qonto_relay_reconciled_events_total: {
    type: "counter",
    help: "Events that reconciliation recorded, by difference and road (history: sent to nobody by itself)",
  },
  qonto_relay_acknowledgement_seconds: {
    type: "histogram",
    help: "Time from the last byte of a webhook request to its answer",
  },
  qonto_relay_attempts_total: { type: "counter", help: "Requests to destinations, by outcome" },
  qonto_relay_deliveries_total: { type: "counter", help: "Deliveries that ended, by destination and status" },
  qonto_relay_pending_deliveries: { type: "gauge", help: `Pending deliveries of a destination${bounded}` },
  qonto_relay_oldest_pending_seconds: {
    type: "gauge",
    help: "Age of the event of a destination's oldest pending delivery",
  },
  qonto_relay_dead_deliveries: { type: "gauge", help: `Dead deliveries that are stored${bounded}` },
  qonto_relay_destination_state: { type: "gauge", help: "1 for the present state of a destination, 0 for the others" },
  qonto_relay_dead_letters: { type: "gauge", help: `Dead letters that were not replayed${bounded}` },
  qonto_relay_quarantined_events: { type: "gauge", help: "Events in quarantine" },
  qonto_relay_connections: { type: "gauge", help: "Connections to Qonto, by status" },
  qonto_relay_reconciled_until_seconds: {
    type: "gauge",
    help: "Until when the state of an organization is known to equal that of the bank, in Unix seconds",
  },
  qonto_relay_token_refreshes_total: { type: "counter", help: "Refreshes of tokens that were due, by outcome" },
  qonto_relay_queue_backlog_messages: { type: "gauge", help: "Messages in a queue, as the queue reports" },
  qonto_relay_queue_oldest_message_seconds: {
    type: "gauge",
    help: "Age of a queue's oldest message, as the queue reports",
  },
  qonto_relay_oldest_unfinished_event_seconds: {
    type: "gauge",
    help: "Age of the oldest event without its first attempts, when the cron last ran",
  },
  qonto_relay_cron_last_run_timestamp_seconds: { type: "gauge", help: "When the cron last ran" },
  qonto_relay_database_size_bytes: { type: "gauge", help: "Size of the database, as D1 reports" },
  qonto_relay_database_size_limit_bytes: { type: "gauge", help: "Largest size of a D1 database" },
} satisfies Record<string, { type: "counter" | "gauge" | "histogram"; help: string }>;

/** A series and its present value; undefined: unknown, and left out. */
type Sample = readonly [series: string, value: number | undefined];

/** Counts are those of all isolates, as far as they are written. This isolate writes its own first. */
export function addMetrics(api: OperatorApi, world: World, counters: Counters): void {
  api.openapi(text, async (c) => {
    const now = world.now();
    const { DB } = c.env;
    await writeCounters(DB, counters, now);
    const [[counts, backlogRows, waiting, cronRows, connectionRows], queues] = await Promise.all([
      DB.batch([allTimeCounts(DB), backlogs(DB), whatWaits(DB), allCronState(DB), connectionHealthOf(DB)]),
      readQueues(c.env, world),
    ]);
    const { deadLetters, quarantined } = readWaitingRow(waiting?.results[0]);
    const cronState = readCronStateFrom(cronRows?.results ?? []);
    const oldestUndispatchedAt = cronState.get("oldest_undispatched_at");
    const cronRanAt = cronState.get("cron_ran_at");
    const destinations = (backlogRows?.results ?? []).map(readBacklogRow);
    const counted = countsOf(
      readCounts(counts?.results ?? []),
      destinations.map(({ destinationId }) => destinationId),
    );
    const samples: Sample[] = [
      ...inOrder(counted),
      ...destinations.flatMap((backlog) => samplesOfDestination(backlog, now)),
      gauge("qonto_relay_dead_letters", deadLetters),
      gauge("qonto_relay_quarantined_events", quarantined),
      ...samplesOfConnections(readConnectionHealth(connectionRows)),
      ...Object.entries(queues).flatMap(([queue, metrics]) => samplesOfQueue(queue, metrics, now)),
      gauge(
        "qonto_relay_oldest_unfinished_event_seconds",
        oldestUndispatchedAt && cronRanAt && (cronRanAt - oldestUndispatchedAt) / 1000,
      ),
      gauge("qonto_relay_cron_last_run_timestamp_seconds", cronRanAt && cronRanAt / 1000),
      gauge("qonto_relay_database_size_bytes", databaseBytesOf(cronRows) ?? undefined),
      gauge("qonto_relay_database_size_limit_bytes", MOST_DATABASE_BYTES),
    ];
    return c.text(toPrometheusText(samples), 200, { "content-type": CONTENT_TYPE });
  });
}

function gauge(name: keyof typeof metrics, value: number | undefined, labels: Record<string, string> = {}): Sample {
  return [seriesOf(name, labels), value];
}

function samplesOfDestination(backlog: DestinationBacklog, now: number): Sample[] {
  const labels = { destination_id: backlog.destinationId };
  const present = stateOf(backlog);
  return [
    gauge("qonto_relay_pending_deliveries", backlog.pending, labels),
    gauge("qonto_relay_oldest_pending_seconds", ageSeconds(backlog.oldestPendingAt, now), labels),
    gauge("qonto_relay_dead_deliveries", backlog.dead, labels),
    ...states.map((state) => gauge("qonto_relay_destination_state", state === present ? 1 : 0, { ...labels, state })),
  ];
}

const states = ["healthy", "failing", "circuit_open", "paused"] as const;

function stateOf({ enabled, isCircuitOpen, isFailing }: DestinationBacklog): (typeof states)[number] {
  if (!enabled) return "paused";
  if (isCircuitOpen) return "circuit_open";
  return isFailing ? "failing" : "healthy";
}

function samplesOfConnections(connections: readonly ConnectionHealth[]): Sample[] {
  return [
    ...connectionStatus.options.map((status) =>
      gauge("qonto_relay_connections", connections.filter((one) => one.status === status).length, { status }),
    ),
    ...connections.map(({ organizationId, reconciledUntil }) =>
      gauge("qonto_relay_reconciled_until_seconds", reconciledUntil === null ? undefined : reconciledUntil / 1000, {
        organization_id: organizationId,
      }),
    ),
  ];
}

function samplesOfQueue(queue: string, metrics: QueueMetrics | null, now: number): Sample[] {
  if (metrics === null) return [];
  return [
    gauge("qonto_relay_queue_backlog_messages", metrics.backlog, { queue }),
    gauge("qonto_relay_queue_oldest_message_seconds", ageSeconds(metrics.oldestMessageAt, now), { queue }),
  ];
}

function ageSeconds(at: number | null, now: number): number {
  return at === null ? 0 : Math.max(0, (now - at) / 1000);
}

/** Sorts a histogram's buckets by their bounds, before its sum and count. */
function inOrder(counts: Counts): Sample[] {
  const boundOf = (series: string) => Number(/_bucket\{le="([^"+]+)"\}$/.exec(series)?.[1] ?? Number.POSITIVE_INFINITY);
  return Object.entries(counts).toSorted(([one], [other]) => boundOf(one) - boundOf(other) || (one < other ? -1 : 1));
}

/** Text of the exposition format 0.0.4. Counts of metrics that this version does not know are left out. */
function toPrometheusText(samples: readonly Sample[]): string {
  const known = samples.filter(([, value]) => value !== undefined);
  const samplesOf = Map.groupBy(known, ([series]) => familyOf(series));
  return Object.entries(metrics)
    .flatMap(([name, { type, help }]) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...(samplesOf.get(name) ?? []).map(([series, value]) => `${series} ${value}`),
    ])
    .map((line) => `${line}\n`)
    .join("");
}

function familyOf(series: string): string {
  const name = series.split("{", 1)[0] ?? series;
  return name in metrics ? name : name.replace(/_(bucket|sum|count)$/, "");
}
