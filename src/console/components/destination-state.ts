import type { DestinationBacklog } from "../../store/destination-deliveries.ts";

type Standing = Pick<DestinationBacklog, "enabled" | "isCircuitOpen" | "isFailing">;

/** How a destination fares, in a word; one that was removed a moment ago gets nothing either. */
export function destinationState(standing: Standing | undefined): "healthy" | "failing" | "resting" | "paused" {
  if (standing === undefined || !standing.enabled) return "paused";
  if (standing.isCircuitOpen) return "resting";
  return standing.isFailing ? "failing" : "healthy";
}

interface Judged {
  readonly backlog: Standing | undefined;
}

/** Those that do not take what they are owed; a paused one is not sent it. */
export function failingDestinations<Destination extends Judged>(destinations: readonly Destination[]): Destination[] {
  return destinations.filter(({ backlog }) => ["failing", "resting"].includes(destinationState(backlog)));
}

export function countPaused(destinations: readonly Judged[]): number {
  return destinations.filter(({ backlog }) => destinationState(backlog) === "paused").length;
}
