import { type Counts, seriesOf } from "../domain/counters.ts";
import { COUNTED_AT_MOST } from "../store/destination-deliveries.ts";

interface Metric {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
}

const bounded = `, at most ${COUNTED_AT_MOST}`;

const metrics = {
  qonto_relay_events_total: {
    type: "counter",
    help: "Authentic webhook events by source, type (other: not in the catalogue) and outcome",
  },
  qonto_relay_refusals_total: { type: "counter", help: "Webhook requests that were refused, by code" },
  qonto_relay_probe_refusals_total: {
    type: "counter",
    help: "Requests marked as the doctor's own that were refused, by code",
  },
  qonto_relay_acknowledgement_seconds: {
    type: "histogram",
    help: "Time from the last byte of a webhook request to its answer",
  },
  qonto_relay_attempts_total: { type: "counter", help: "Requests to destinations, by outcome" },
  qonto_relay_deliveries_total: { type: "counter", help: "Deliveries that came to an end, by how" },
  qonto_relay_pending_deliveries: { type: "gauge", help: `Deliveries that a destination is still owed${bounded}` },
  qonto_relay_oldest_pending_seconds: {
    type: "gauge",
    help: "Age of the oldest event that a destination is still owed",
  },
  qonto_relay_dead_deliveries: { type: "gauge", help: `Deliveries that ended as dead and are kept${bounded}` },
  qonto_relay_destination_state: {
    type: "gauge",
    help: "1 for the state of a destination; resting: its circuit breaker is open",
  },
  qonto_relay_dead_letters: {
    type: "gauge",
    help: `Messages that the queues gave up on and nobody replayed${bounded}`,
  },
  qonto_relay_quarantined_events: { type: "gauge", help: "Events that wait in quarantine" },
  qonto_relay_queue_backlog_messages: { type: "gauge", help: "Messages that wait in a queue, as the queue says" },
  qonto_relay_queue_oldest_message_seconds: { type: "gauge", help: "Age of a queue's oldest message, as it says" },
  qonto_relay_oldest_unfinished_event_seconds: {
    type: "gauge",
    help: "How long the oldest event without its first attempts had waited when the cron last ran",
  },
  qonto_relay_cron_last_run_timestamp_seconds: { type: "gauge", help: "When the cron last ran" },
  qonto_relay_database_size_bytes: { type: "gauge", help: "How large the database is, as D1 says" },
  qonto_relay_database_size_limit_bytes: { type: "gauge", help: "How large a database of D1 can be" },
} satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;

/** A figure of the moment. */
export interface Sample {
  readonly name: MetricName;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Text of the exposition format 0.0.4. What is counted under a name that is no metric of this version is left out. */
export function toPrometheusText(counts: Counts, samples: readonly Sample[]): string {
  const lines = new Map<string, string[]>(Object.keys(metrics).map((name) => [name, []]));
  for (const [series, value] of inOrder(counts)) lines.get(familyOf(series))?.push(`${series} ${value}`);
  for (const { name, labels, value } of samples) lines.get(name)?.push(`${seriesOf(name, labels ?? {})} ${value}`);
  return Object.entries(metrics)
    .map(([name, { type, help }]) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...(lines.get(name) ?? []), ""].join("\n"),
    )
    .join("");
}

/** A histogram's buckets stand in the order of their bounds, and before its sum and count. */
function inOrder(counts: Counts): [string, number][] {
  const boundOf = (series: string) => Number(/_bucket\{le="([^"+]+)"\}$/.exec(series)?.[1] ?? Number.POSITIVE_INFINITY);
  return Object.entries(counts).toSorted(([one], [other]) => boundOf(one) - boundOf(other) || (one < other ? -1 : 1));
}

function familyOf(series: string): string {
  const name = series.split("{", 1)[0] ?? series;
  return name in metrics ? name : name.replace(/_(bucket|sum|count)$/, "");
}
