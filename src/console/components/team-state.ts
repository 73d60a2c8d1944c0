import type { DestinationBacklog } from "../../store/backlog.ts";

type Standing = Pick<DestinationBacklog, "enabled" | "isResting" | "isFailing">;

/** How a team fares, in a word; one that was removed a moment ago gets nothing either. */
export function teamState(standing: Standing | undefined): "healthy" | "failing" | "resting" | "paused" {
  if (standing === undefined || !standing.enabled) return "paused";
  if (standing.isResting) return "resting";
  return standing.isFailing ? "failing" : "healthy";
}

interface Judged {
  readonly backlog: Standing | undefined;
}

/** Those that do not take what they are owed; a paused one is not sent it. */
export function failingTeams<Team extends Judged>(teams: readonly Team[]): Team[] {
  return teams.filter(({ backlog }) => ["failing", "resting"].includes(teamState(backlog)));
}

export function countPaused(teams: readonly Judged[]): number {
  return teams.filter(({ backlog }) => teamState(backlog) === "paused").length;
}
