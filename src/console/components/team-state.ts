import type { DestinationBacklog } from "../../store/backlog.ts";

type Standing = Pick<DestinationBacklog, "enabled" | "isResting" | "isFailing">;

/** How a team fares, in a word; one that was removed a moment ago gets nothing either. */
export function teamState(standing: Standing | undefined): "healthy" | "failing" | "resting" | "paused" {
  if (standing === undefined || !standing.enabled) return "paused";
  if (standing.isResting) return "resting";
  return standing.isFailing ? "failing" : "healthy";
}
