import { type Finding, type Result, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";
import type { Diagnostics } from "../relay-facts.ts";

type Series = Diagnostics["traffic"][number];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** With fewer events nobody knows what is usual. */
const LEAST_EVENTS = 5;
/** As long as it has ever been silent, and that again. */
const PATIENCE = 2;
const LEAST_SILENCE_MS = HOUR_MS;
/** A history that has not seen a week end does not know how quiet one is. */
const HISTORY_MS = 8 * DAY_MS;
const WEEKEND_MS = 3 * DAY_MS;

/** Of each organization and type the last event, against what has been usual. */
export async function examineTraffic(patient: Patient): Promise<Result> {
  const { traffic, now } = await patient.diagnostics();
  return judgeTraffic(traffic, now);
}

export function judgeTraffic(traffic: readonly Series[], now: number): Result {
  const known = traffic.filter(
    ({ events, longest_gap_seconds }) => events >= LEAST_EVENTS && longest_gap_seconds !== null,
  );
  const silent = known.filter((series) => now - series.last_received_at > longestUsualSilenceMs(series));
  const young = traffic.length - known.length;
  const newest = Math.max(...traffic.map(({ last_received_at }) => last_received_at));
  const says =
    traffic.length === 0
      ? "No event has come in the last 30 days: nothing is known to be usual."
      : `The last event came ${durationText(now - newest)} ago; ${
          known.length === 0
            ? "there are too few yet to know what is usual"
            : `none of ${known.length} kinds is silent for longer than is usual`
        }.`;
  const notes = young > 0 && known.length > 0 ? [`${young} kinds have fewer than ${LEAST_EVENTS} events yet.`] : [];
  if (known.length > 1 && silent.length === known.length) return judged([allSilent(silent, now)], says, notes);
  return judged(
    silent.map((series) => oneSilent(series, now)),
    says,
    notes,
  );
}

/** For how long a kind of events may stay away until somebody should look. */
function longestUsualSilenceMs({ first_received_at, last_received_at, longest_gap_seconds }: Series): number {
  const usual = Math.max((longest_gap_seconds ?? 0) * 1000 * PATIENCE, LEAST_SILENCE_MS);
  return last_received_at - first_received_at >= HISTORY_MS ? usual : Math.max(usual, WEEKEND_MS);
}

const remedy =
  "Look at `subscription` and `answer` first. Qonto abandons an event after some days of failure: make a new one (a small transfer) to see that it comes, and ask Qonto whether the subscription still sends.";

function oneSilent(series: Series, now: number): Finding {
  const { organization_id, type, events, longest_gap_seconds } = series;
  return {
    fault: "traffic_silent",
    what: `Nothing of ${type} has come from ${organization_id ?? "the Onboarding API"} for longer than is usual.`,
    seen: `The last came ${durationText(now - series.last_received_at)} ago; of ${events} before, never more than ${durationText((longest_gap_seconds ?? 0) * 1000)} lay between two.`,
    remedy,
  };
}

function allSilent(silent: readonly Series[], now: number): Finding {
  const last = Math.max(...silent.map(({ last_received_at }) => last_received_at));
  const organizations = new Set(silent.map(({ organization_id }) => organization_id));
  return {
    fault: "all_traffic_silent",
    what: "Nothing comes any more, of any kind, for longer than is usual.",
    seen: `The last of ${silent.length} kinds from ${organizations.size} organizations came at ${new Date(last).toISOString()}, ${durationText(now - last)} ago.`,
    remedy,
  };
}

export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3_600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
