import type { Database } from "../../../store/database.ts";
import { sumOf } from "../../../domain/counters.ts";
import type { DestinationReport } from "../../../store/destinations.ts";
import {
  backlogOf,
  readBacklogRow,
  edgesOf,
  latestAttempt,
  readEdges,
  readLatestAttempt,
} from "../../../store/destination-deliveries.ts";
import { readKindRow, recentKinds } from "../../../store/traffic.ts";
import { readReplayRow, replaysOf } from "../../../store/replay-list.ts";
import { countsByHour, readCountsOfHour } from "../../../store/counters.ts";
import type { DestinationFacts } from "./judge-destination.ts";

const HOUR_MS = 3_600_000;
const HOURS = 24;

const ATTEMPTS = "qonto_relay_attempts_total";

const nothing = { pending: 0, oldestPendingAt: null, dead: 0 };

/** What the page of a destination shows of it. One D1 call. */
export async function readDestinationFigures(db: Database, destination: DestinationReport, now: number) {
  const daySince = (Math.floor(now / HOUR_MS) - HOURS + 1) * HOUR_MS;
  const [backlog, latest, edges, kinds, hours, replays] = await db.batch([
    backlogOf(db, destination.id),
    latestAttempt(db, destination.id),
    edgesOf(db, destination.id),
    recentKinds(db, Math.max(destination.createdAt, now - HOURS * HOUR_MS)),
    countsByHour(db, daySince),
    replaysOf(db, destination.id),
  ]);
  const [standing] = (backlog?.results ?? []).map(readBacklogRow);
  const [attempt] = (latest?.results ?? []).map(readLatestAttempt);
  const facts: DestinationFacts = {
    destination,
    backlog: standing ?? nothing,
    latest: attempt?.attempt ?? null,
    ...readEdges(edges?.results[0]),
    kinds: (kinds?.results ?? []).map(readKindRow),
    now,
  };
  return {
    facts,
    latestEventId: attempt?.eventId ?? null,
    replays: (replays?.results ?? []).map(readReplayRow),
    day: {
      endsAt: daySince + HOURS * HOUR_MS,
      slots: toSlots((hours?.results ?? []).map(readCountsOfHour), destination.id, daySince),
    },
  };
}

export type DestinationFigures = Awaited<ReturnType<typeof readDestinationFigures>>;

function toSlots(hours: readonly ReturnType<typeof readCountsOfHour>[], id: string, since: number) {
  return Array.from({ length: HOURS }, (_, hour) => {
    const startsAt = since + hour * HOUR_MS;
    const counts = hours.find((one) => one.startsAt === startsAt)?.counts ?? {};
    const of = (outcome: string) => sumOf(counts, ATTEMPTS, { destination_id: id, outcome });
    return {
      startsAt,
      counts: {
        delivered: of("delivered"),
        refused: of("rejected") + of("redirected") + of("gone"),
        unanswered: of("timed_out") + of("unreachable") + of("refused"),
      },
    };
  });
}
