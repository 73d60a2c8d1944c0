import { createRoute, z } from "@hono/zod-openapi";
import { type Counters, countsOf } from "../domain/counters.ts";
import type { World } from "../platform/world.ts";
import { type DestinationBacklog, backlogs, readBacklogRow } from "../store/destination-deliveries.ts";
import { readWaitingRow, whatWaits, MOST_DATABASE_BYTES, databaseBytesOf } from "../store/condition.ts";
import { readCronStateFrom, allCronState } from "../store/cron-state.ts";
import { allTimeCounts, readCounts, writeCounters } from "../store/counters.ts";
import { type Sample, type MetricName, toPrometheusText } from "./prometheus.ts";
import { readQueues } from "./queue-figures.ts";
import { behindToken } from "./refusals.ts";
import { type OperatorApi, noQuery } from "./requests.ts";
import { security } from "./responses.ts";

const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const route = createRoute({
  operationId: "showMetrics",
  tags: ["Diagnostics"],
  method: "get",
  path: "/metrics",
  summary: "Show the figures that a Prometheus collects",
  security,
  request: { query: noQuery },
  responses: {
    200: {
      description: "Text of the Prometheus exposition format, version 0.0.4",
      content: {
        "text/plain": {
          schema: z.string(),
          example: 'qonto_relay_events_total{source="business",type="v1/transactions",outcome="accepted"} 4201\n',
        },
      },
    },
    ...behindToken,
  },
});

/** The counts are those of all isolates, as far as they have written them down; what this one holds, it writes down first. */
export function addMetrics(api: OperatorApi, world: World, counters: Counters): void {
  api.openapi(route, async (c) => {
    const now = world.now();
    await writeCounters(c.env.DB, counters, now);
    const [[counts, backlogRows, waiting, cronState], queues] = await Promise.all([
      c.env.DB.batch([allTimeCounts(c.env.DB), backlogs(c.env.DB), whatWaits(c.env.DB), allCronState(c.env.DB)]),
      readQueues(c.env, world),
    ]);
    const { deadLetters, quarantined } = readWaitingRow(waiting?.results[0]);
    const marked = readCronStateFrom(cronState?.results ?? []);
    const oldestUnfinishedAt = marked.get("oldest_unfinished_at");
    const cronRanAt = marked.get("cron_ran_at");
    const destinations = (backlogRows?.results ?? []).map(readBacklogRow);
    const counted = countsOf(
      readCounts(counts?.results ?? []),
      destinations.map(({ destinationId }) => destinationId),
    );
    const samples: Sample[] = [
      ...destinations.flatMap((backlog) => samplesOf(backlog, now)),
      { name: "qonto_relay_dead_letters", value: deadLetters },
      { name: "qonto_relay_quarantined_events", value: quarantined },
      ...Object.entries(queues).flatMap(([queue, figures]) =>
        figures === null
          ? []
          : [
              { name: "qonto_relay_queue_backlog_messages" as const, labels: { queue }, value: figures.backlog },
              {
                name: "qonto_relay_queue_oldest_message_seconds" as const,
                labels: { queue },
                value: ageSeconds(figures.oldestMessageAt, now),
              },
            ],
      ),
      ...sampleIfKnown(
        "qonto_relay_oldest_unfinished_event_seconds",
        oldestUnfinishedAt && cronRanAt && (cronRanAt - oldestUnfinishedAt) / 1000,
      ),
      ...sampleIfKnown("qonto_relay_cron_last_run_timestamp_seconds", cronRanAt && cronRanAt / 1000),
      ...sampleIfKnown("qonto_relay_database_size_bytes", databaseBytesOf(cronState) ?? undefined),
      { name: "qonto_relay_database_size_limit_bytes", value: MOST_DATABASE_BYTES },
    ];
    return c.text(toPrometheusText(counted, samples), 200, { "content-type": CONTENT_TYPE });
  });
}

function samplesOf(backlog: DestinationBacklog, now: number): Sample[] {
  const labels = { destination_id: backlog.destinationId };
  const present = stateOf(backlog);
  return [
    { name: "qonto_relay_pending_deliveries", labels, value: backlog.pending },
    { name: "qonto_relay_oldest_pending_seconds", labels, value: ageSeconds(backlog.oldestPendingAt, now) },
    { name: "qonto_relay_dead_deliveries", labels, value: backlog.dead },
    ...states.map((state): Sample => ({
      name: "qonto_relay_destination_state",
      labels: { ...labels, state },
      value: state === present ? 1 : 0,
    })),
  ];
}

const states = ["healthy", "failing", "resting", "paused"] as const;

function stateOf({ enabled, isCircuitOpen, isFailing }: DestinationBacklog): (typeof states)[number] {
  if (!enabled) return "paused";
  if (isCircuitOpen) return "resting";
  return isFailing ? "failing" : "healthy";
}

function sampleIfKnown(name: MetricName, value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ name, value }];
}

function ageSeconds(at: number | null, now: number): number {
  return at === null ? 0 : Math.max(0, (now - at) / 1000);
}
