import { z } from "zod";
import { isAttempt } from "../../../../domain/delivery.ts";
import type { Destination } from "../../destinations/destination.ts";
import { countText } from "../count-text.ts";
import { type Finding, type Result, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";

const DEAD_LOOKED_AT = 500;
const NEWEST_LOOKED_AT = 20;

const deliveryFacts = z.object({
  destination_id: z.string(),
  received_at: z.string(),
  attempts: z.array(
    z.object({
      at: z.string(),
      status: z.number().nullable(),
      outcome: z.string(),
      response_excerpt: z.string().nullable(),
    }),
  ),
});

type Delivery = z.output<typeof deliveryFacts>;

interface DestinationSeen {
  readonly destination: Destination;
  /** The newest ones, of a destination that is not healthy. */
  readonly deliveries: readonly Delivery[];
  readonly dead: readonly Delivery[];
}

/** Whether each destination gets what it is owed, and if not, what it answered. */
export async function examineDestinations(patient: Patient): Promise<Result> {
  const destinations = await patient.destinations();
  const dead = await patient.inside((relay) =>
    Array.fromAsync(relay.list("/api/deliveries", deliveryFacts, { status: "dead", limit: DEAD_LOOKED_AT })),
  );
  const seen: DestinationSeen[] = [];
  for (const destination of destinations) {
    // Those that its own settings have ended are as they are to be.
    const deadHere = dead.filter(
      ({ destination_id, attempts }) => destination_id === destination.id && attempts.at(-1)?.outcome !== "filtered",
    );
    const isWell = destination.health.state === "healthy" && !destination.health.circuit_opened_at;
    const deliveries = isWell
      ? []
      : await patient.inside((relay) =>
          Array.fromAsync(
            relay.list("/api/deliveries", deliveryFacts, { destination_id: destination.id, limit: NEWEST_LOOKED_AT }),
          ),
        );
    seen.push({ destination, deliveries, dead: deadHere });
  }
  return judgeDestinations(seen, dead.length >= DEAD_LOOKED_AT);
}

/** `isCut`: more deliveries are dead than were looked at. */
export function judgeDestinations(destinations: readonly DestinationSeen[], isCut: boolean): Result {
  const healthy = destinations.filter(({ destination }) => destination.health.state === "healthy").length;
  return judged(
    destinations.flatMap((destination) => [...judgeHealth(destination), ...judgeDead(destination, isCut)]),
    destinations.length === 0
      ? "There is no destination yet."
      : `${healthy} of ${destinations.length} healthy, nothing dead.`,
    destinations.length === 0 ? ["npm run qonto -- destinations create adds one."] : [],
  );
}

function judgeHealth({ destination, deliveries }: DestinationSeen): Finding[] {
  const { id, health, enabled } = destination;
  const { consecutive_failures, last_success_at, last_failure_at, circuit_opened_at, next_probe_at, held_until } =
    health;
  const failures = `${consecutive_failures} failures in a row, last success ${last_success_at ?? "never"}, last failure ${last_failure_at ?? "never"}`;
  const last = lastFailureText(deliveries);
  if (!enabled) {
    return [
      {
        fault: "destination_paused",
        what: `${nameOf(destination)} is paused: it gets nothing.`,
        seen: `enabled is false; ${failures}${last}.`,
        remedy: "Resume it: it gets what has waited. A destination that answers 410 is paused by that answer.",
        commands: [`npm run qonto -- destinations resume ${id}`],
      },
    ];
  }
  if (circuit_opened_at) {
    return [
      {
        fault: "destination_circuit_open",
        what: `${nameOf(destination)} has failed for so long that it rests: what it is owed waits, in order.`,
        seen: `Since ${circuit_opened_at}, ${failures}${last}.`,
        remedy: `Have the destination mend what that answer says. It is probed again at ${next_probe_at ?? "its turn"}, and gets all of it when it is back; or try now.`,
        commands: [`npm run qonto -- destinations test ${id}`],
      },
    ];
  }
  if (health.state === "healthy") return [];
  if (held_until) {
    return [
      {
        fault: "destination_failing",
        what: `${nameOf(destination)} asked for less: nothing is sent to it before ${held_until}, then what waits comes out.`,
        seen: `${failures}${last}.`,
        remedy: "If it does that often, give it a pace that it can keep up with.",
        commands: [`npm run qonto -- destinations update ${id} --max-per-second 10`],
      },
    ];
  }
  return [
    {
      fault: "destination_failing",
      what: `${nameOf(destination)} fails; what it is owed is tried again.`,
      seen: `${failures}${last}.`,
      remedy: "Have the destination mend what that answer says, and try.",
      commands: [`npm run qonto -- destinations test ${id}`],
    },
  ];
}

function judgeDead({ destination, dead }: DestinationSeen, isCut: boolean): Finding[] {
  if (dead.length === 0) return [];
  const count = isCut ? `${dead.length} or more` : countText(dead.length, DEAD_LOOKED_AT);
  const since = dead.map(({ received_at }) => received_at).toSorted()[0];
  return [
    {
      fault: "deliveries_dead",
      what: `${nameOf(destination)} never got some events: all attempts failed, and no more will be made.`,
      seen: `${count === "1" ? "One delivery is" : `${count} deliveries are`} dead${lastFailureText(dead)}.`,
      remedy: "When the destination is well, send them again.",
      commands: [`npm run qonto -- replay destination ${destination.id} --since ${since ?? "30d"}`],
    },
  ];
}

function nameOf({ id, description, url }: Destination): string {
  return `${description === null || description === "" ? "" : `${description}, `}${url} (${id})`;
}

function lastFailureText(deliveries: readonly Delivery[]): string {
  const failures = deliveries
    .flatMap(({ attempts }) => attempts)
    .filter(({ outcome }) => outcome !== "delivered" && isAttempt({ outcome }))
    .toSorted((one, other) => Date.parse(other.at) - Date.parse(one.at));
  const [last] = failures;
  if (last === undefined) return "";
  const excerpt = last.response_excerpt?.trim().slice(0, 120);
  return `; the last attempt that failed was ${last.outcome}, ${last.status ?? "no status"}${excerpt ? ` “${excerpt}”` : ""}`;
}
