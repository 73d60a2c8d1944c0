import type { z } from "zod";
import { deadLetter } from "../../../../api/schemas/dead-letter.ts";
import { listedDelivery } from "../../../../api/schemas/delivery.ts";
import { ledger } from "../../../../api/schemas/ledger.ts";
import { quarantined } from "../../../../api/schemas/quarantine.ts";
import { isEndedWithoutAttempt } from "../../../../domain/delivery.ts";
import type { Destination } from "../../destinations.ts";
import type { FaultName } from "../faults.ts";
import { type Finding, type Result, judged } from "../finding.ts";
import type { Diagnostics, Target } from "../target.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

type Counts = Diagnostics["signatures"];
type Refusal = Exclude<keyof Counts, "since" | "authentic">;

type Secrets = Diagnostics["configuration"]["secrets"];

interface Threshold {
  readonly fault: FaultName;
  /** Fewer are no fault. */
  readonly atLeast: number;
  /** Of all requests. */
  readonly share: number;
}

/** Scanners find the address and send requests without a signature: some of them mean nothing. */
const thresholds: Readonly<Record<Refusal, Threshold>> = {
  mismatched: { fault: "signatures_mismatched", atLeast: 3, share: 0.01 },
  too_old: { fault: "signatures_too_old", atLeast: 3, share: 0.01 },
  in_future: { fault: "signatures_in_future", atLeast: 3, share: 0.01 },
  malformed: { fault: "signatures_malformed", atLeast: 3, share: 0.01 },
  missing: { fault: "signatures_missing", atLeast: 20, share: 0.5 },
};

const COMPARE_SECRETS = "Compare QONTO_WEBHOOK_SECRETS with the secret of each subscription.";

/** A connected relay makes the secrets of its own subscriptions from its keys. */
const LOOK_AT_SUBSCRIPTIONS =
  "The relay knows the secrets of its own subscriptions alone. If a key was removed from ENCRYPTION_KEYS within the last hour, put it back behind the new one. If another subscription sends here, delete it, or set its secret as QONTO_WEBHOOK_SECRETS.";

/** How many of the last day's requests were refused for their signature. */
export async function checkRefusals(target: Target): Promise<Result> {
  const { signatures, configuration } = await target.diagnostics();
  return judgeRefusals(signatures, configuration.secrets);
}

export function judgeRefusals(counts: Counts, { business, subscriptions }: Secrets): Result {
  const hasOnlyItsOwn = business === 0 && subscriptions > 0;
  const about = { secrets: hasOnlyItsOwn ? LOOK_AT_SUBSCRIPTIONS : COMPARE_SECRETS };
  const refusals = Object.keys(thresholds).filter((name): name is Refusal => name in thresholds);
  const all = refusals.reduce((sum, name) => sum + counts[name], counts.authentic);
  const findings = refusals.map((name): Finding | false => {
    const { fault, atLeast, share } = thresholds[name];
    const count = counts[name];
    if (count < atLeast || count / all < share) return false;
    const percent = Math.round((100 * count) / all);
    return { fault, seen: `Since ${counts.since}: ${count} of ${all} requests, ${percent} %.`, about };
  });
  const refused = refusals.map((name) => `${counts[name]} ${name.replace("_", " ")}`).join(", ");
  return judged(findings, `In the last day ${counts.authentic} authentic; refused ${refused}.`);
}

const LISTED = 100;

/** A message that ended as a dead letter waits for a person. */
export async function checkDeadLetters(target: Target): Promise<Result> {
  const letters = await target.list("/api/dead-letters", deadLetter, { limit: LISTED });
  const waiting = letters.filter(({ replayed_at }) => replayed_at === null);
  const kinds = [...new Set(waiting.map(({ kind }) => kind))].join(", ");
  const seen = `GET /api/dead-letters: ${countOf(waiting)} not replayed (${kinds})`;
  return judged(
    [judgeWaiting("dead_letters_waiting", waiting, seen)],
    letters.length === 0 ? "There are none." : "All have been replayed.",
  );
}

/** An event in quarantine is Qonto's own, and reaches no destination until a person releases it. */
export async function checkQuarantine(target: Target): Promise<Result> {
  const waiting = await target.list("/api/quarantine", quarantined, { limit: LISTED });
  const reasons = Map.groupBy(waiting, ({ reason }) => reason);
  const counted = Array.from(reasons, ([reason, those]) => `${those.length} ${reason}`).join(", ");
  const seen = `GET /api/quarantine: ${countOf(waiting)} (${counted})`;
  return judged([judgeWaiting("quarantine_waiting", waiting, seen)], "It is empty.");
}

interface Waiting {
  readonly id: string;
  readonly received_at: string;
}

/** What waits for a person, the newest first. */
function judgeWaiting(fault: FaultName, waiting: readonly Waiting[], seen: string): Finding | false {
  const [newest] = waiting;
  if (newest === undefined) return false;
  const about = { id: waiting.slice(0, 3).map(({ id }) => id) };
  return { fault, seen: `${seen}, the newest of ${newest.received_at}.`, about };
}

/** How many there are, of which at most some were listed. */
function countOf({ length }: readonly Waiting[]): string {
  return length >= LISTED ? `${LISTED} or more` : String(length);
}

const LEDGER_DAYS = 7;

/** Every event that was received must be in one state. */
export async function checkLedger(target: Target): Promise<Result> {
  const { now } = await target.diagnostics();
  const since = new Date(Date.parse(now) - LEDGER_DAYS * DAY_MS).toISOString();
  const counts = await target.ask((relay) => relay.get("/api/ledger", ledger, { since }));
  const { received, settled, pending, unmatched, quarantined: kept, balanced } = counts;
  const text = `${received} received: ${settled} settled, ${pending} pending, ${unmatched} unmatched, ${kept} quarantined`;
  return judged(
    [!balanced && { fault: "ledger_unbalanced", seen: `GET /api/ledger of the last ${LEDGER_DAYS} days: ${text}.` }],
    `Balanced over the last ${LEDGER_DAYS} days. ${text}.`,
  );
}

type Series = Diagnostics["traffic"][number];

/** From fewer events nothing is known to be usual. */
const LEAST_EVENTS = 5;
/** A silence is unusual when it lasts twice as long as ever before. */
const SILENCE_FACTOR = 2;
const LEAST_SILENCE_MS = HOUR_MS;
/** A history without a whole week does not show how quiet a weekend is. */
const HISTORY_MS = 8 * DAY_MS;
const WEEKEND_MS = 3 * DAY_MS;

/** The last event of each organization and type, against what has been usual. */
export async function checkTraffic(target: Target): Promise<Result> {
  const { traffic, now } = await target.diagnostics();
  return judgeTraffic(traffic, Date.parse(now));
}

export function judgeTraffic(traffic: readonly Series[], now: number): Result {
  if (traffic.length === 0) {
    return judged([], "No event has arrived in the last 30 days: nothing is known to be usual.");
  }
  const silenceMs = ({ last_received_at }: Series) => now - Date.parse(last_received_at);
  const known = traffic.filter(
    ({ events, longest_gap_seconds }) => events >= LEAST_EVENTS && longest_gap_seconds !== null,
  );
  const silent = known.filter((series) => silenceMs(series) > longestUsualSilenceMs(series));
  const few = traffic.length - known.length;
  const usual =
    known.length === 0
      ? "there are too few yet to know what is usual"
      : `none of ${known.length} kinds is silent for longer than is usual`;
  return judged(
    known.length > 1 && silent.length === known.length
      ? [allSilent(silent, now)]
      : silent.map((series) => oneSilent(series, silenceMs(series))),
    `The last event arrived ${durationText(Math.min(...traffic.map(silenceMs)))} ago; ${usual}.`,
    [few > 0 && known.length > 0 && `${few} kinds have fewer than ${LEAST_EVENTS} events yet.`],
  );
}

/** How long events of one kind may be absent without being a fault. */
function longestUsualSilenceMs({ first_received_at, last_received_at, longest_gap_seconds }: Series): number {
  const usual = Math.max((longest_gap_seconds ?? 0) * 1000 * SILENCE_FACTOR, LEAST_SILENCE_MS);
  const historyMs = Date.parse(last_received_at) - Date.parse(first_received_at);
  return historyMs >= HISTORY_MS ? usual : Math.max(usual, WEEKEND_MS);
}

function oneSilent({ organization_id, type, events, longest_gap_seconds }: Series, silenceMs: number): Finding {
  const longest = durationText((longest_gap_seconds ?? 0) * 1000);
  return {
    fault: "traffic_silent",
    seen: `The last arrived ${durationText(silenceMs)} ago; between two of ${events} before there were never more than ${longest}.`,
    about: { type, organization: organization_id ?? "the Onboarding API" },
  };
}

function allSilent(silent: readonly Series[], now: number): Finding {
  const last = Math.max(...silent.map(({ last_received_at }) => Date.parse(last_received_at)));
  const organizations = new Set(silent.map(({ organization_id }) => organization_id));
  return {
    fault: "all_traffic_silent",
    seen: `The last of ${silent.length} kinds from ${organizations.size} organizations arrived at ${new Date(last).toISOString()}, ${durationText(now - last)} ago.`,
  };
}

export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3_600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

const DEAD_LISTED = 500;
const NEWEST_LISTED = 20;

type Delivery = z.output<typeof listedDelivery>;

interface DestinationSeen {
  readonly destination: Destination;
  /** The newest ones, of a destination that is not healthy. */
  readonly deliveries: readonly Delivery[];
  readonly dead: readonly Delivery[];
}

/** Whether each destination gets its deliveries, and if not, what it answered. */
export async function checkDestinations(target: Target): Promise<Result> {
  const destinations = await target.destinations();
  const dead = await target.list("/api/deliveries", listedDelivery, { status: "dead", limit: DEAD_LISTED });
  const seen: DestinationSeen[] = [];
  for (const destination of destinations) {
    const { id, health } = destination;
    // A delivery that the destination's own filter ended is as it should be.
    const deadHere = dead.filter(
      ({ destination_id, attempts }) => destination_id === id && attempts.at(-1)?.outcome !== "filtered",
    );
    const isHealthy = health.state === "healthy" && !health.circuit_opened_at;
    const query = { destination_id: id, limit: NEWEST_LISTED };
    const deliveries = isHealthy ? [] : await target.list("/api/deliveries", listedDelivery, query);
    seen.push({ destination, deliveries, dead: deadHere });
  }
  return judgeDestinations(seen, dead.length >= DEAD_LISTED);
}

/** `isCut`: more deliveries are dead than were listed. */
export function judgeDestinations(destinations: readonly DestinationSeen[], isCut: boolean): Result {
  if (destinations.length === 0) {
    return judged([], "There is no destination yet.", ["npm run qonto -- destinations create adds one."]);
  }
  const healthy = destinations.filter(({ destination }) => destination.health.state === "healthy").length;
  return judged(
    destinations.flatMap((one) => [judgeHealth(one), judgeDead(one, isCut)]),
    `${healthy} of ${destinations.length} healthy, no dead deliveries.`,
  );
}

function judgeHealth({ destination, deliveries }: DestinationSeen): Finding | false {
  const { id, enabled, health } = destination;
  const failures = `${health.consecutive_failures} failures in a row, last success ${health.last_success_at ?? "never"}, last failure ${health.last_failure_at ?? "never"}${lastFailureText(deliveries)}.`;
  const about = { destination: nameOf(destination), id };
  if (!enabled) return { fault: "destination_paused", seen: failures, about };
  if (health.circuit_opened_at) {
    const seen = `Open since ${health.circuit_opened_at}, next probe at ${health.next_probe_at ?? "once"}: ${failures}`;
    return { fault: "destination_circuit_open", seen, about };
  }
  const held = health.held_until
    ? `It asked to be sent nothing before ${health.held_until}; then its pending deliveries are sent. `
    : "";
  return health.state !== "healthy" && { fault: "destination_failing", seen: held + failures, about };
}

function judgeDead({ destination, dead }: DestinationSeen, isCut: boolean): Finding | false {
  const [since] = dead.map(({ received_at }) => received_at).toSorted();
  if (since === undefined) return false;
  const count =
    dead.length === 1 && !isCut ? "One delivery is" : `${dead.length}${isCut ? " or more" : ""} deliveries are`;
  return {
    fault: "deliveries_dead",
    seen: `${count} dead${lastFailureText(dead)}.`,
    about: { destination: nameOf(destination), id: destination.id, since },
  };
}

function nameOf({ id, description, url }: Destination): string {
  return `${description ? `${description}, ` : ""}${url} (${id})`;
}

function lastFailureText(deliveries: readonly Delivery[]): string {
  const [last] = deliveries
    .flatMap(({ attempts }) => attempts)
    .filter(({ outcome }) => outcome !== "delivered" && !isEndedWithoutAttempt({ outcome }))
    .toSorted((one, other) => Date.parse(other.at) - Date.parse(one.at));
  if (last === undefined) return "";
  const excerpt = last.response_excerpt?.trim().slice(0, 120);
  return `; the last failed attempt: ${last.outcome}, ${last.status ?? "no status"}${excerpt ? ` “${excerpt}”` : ""}`;
}
