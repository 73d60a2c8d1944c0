import { z } from "zod";
import { DEFAULT_TIMEOUT_MS } from "../../../api/actions/destinations.ts";
import { cataloguedTypes } from "../../../qonto/catalogue.ts";
import type { DestinationReport } from "../../../store/destinations.ts";

const text = z.string().default("");
const texts = z.union([z.array(z.string()), z.string().transform((one) => [one])]).default([]);

/** What a form of a destination sends: as it was typed, so that it can be shown again. */
export const typedDestination = z.object({
  url: text,
  description: text,
  scope: z.enum(["all", "some"]).default("some"),
  /** Those that were ticked. */
  types: texts,
  /** Others, in one text. */
  other_types: text,
  organizations: text,
  retry_schedule_seconds: text,
  timeout_ms: text,
  max_per_second: text,
  enabled: z.literal("yes").optional(),
});

export type TypedDestination = z.output<typeof typedDestination>;

/** A form that nobody has filled in. */
export const untypedDestination: TypedDestination = { ...typedDestination.parse({}), scope: "all", enabled: "yes" };

const catalogued: readonly string[] = [...cataloguedTypes.business, ...cataloguedTypes.onboarding];

/** The form of a destination that is there. */
export function typeDestination(destination: DestinationReport): TypedDestination {
  return {
    url: destination.url,
    description: destination.description ?? "",
    scope: destination.types.length === 0 ? "all" : "some",
    types: destination.types.filter((type) => catalogued.includes(type)),
    other_types: destination.types.filter((type) => !catalogued.includes(type)).join(", "),
    organizations: (destination.organizations ?? []).join("\n"),
    retry_schedule_seconds: typeSchedule(destination.retryScheduleSeconds),
    timeout_ms: String(destination.timeoutMs),
    max_per_second: destination.maxPerSecond === null ? "" : String(destination.maxPerSecond),
    enabled: destination.enabled ? "yes" : undefined,
  };
}

/** The same as the API would be sent it, to be checked by its schemas. */
export function toWishes(typed: TypedDestination) {
  const organizations = linesOf(typed.organizations);
  return {
    url: typed.url.trim(),
    description: typed.description.trim() === "" ? null : typed.description.trim(),
    types: typed.scope === "all" ? [] : [...typed.types, ...wordsOf(typed.other_types)],
    organizations: organizations.length === 0 ? null : organizations,
    retry_schedule_seconds: toSchedule(wordsOf(typed.retry_schedule_seconds)),
    timeout_ms: typed.timeout_ms.trim() === "" ? DEFAULT_TIMEOUT_MS : toNumber(typed.timeout_ms),
    max_per_second: typed.max_per_second.trim() === "" ? null : toNumber(typed.max_per_second),
  };
}

/** Instead of waits: there are none, so that there is one attempt. */
const NO_WAITS = "none";

function typeSchedule(seconds: readonly number[] | null): string {
  return seconds?.length === 0 ? NO_WAITS : (seconds ?? []).join(", ");
}

function toSchedule(words: readonly string[]): (number | string)[] | null {
  if (words.length === 0) return null;
  return words.length === 1 && words[0] === NO_WAITS ? [] : words.map(toNumber);
}

function linesOf(typed: string): string[] {
  return typed
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Whatever stands between them. */
function wordsOf(typed: string): string[] {
  return typed.split(/[\s,;]+/).filter((word) => word !== "");
}

/** What is no number stays what it is, for the schema to refuse. */
function toNumber(typed: string): number | string {
  const number = Number(typed.trim());
  return Number.isNaN(number) ? typed : number;
}
