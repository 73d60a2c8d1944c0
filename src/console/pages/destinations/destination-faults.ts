import type { z } from "zod";
import { destinationChange, destinationInput } from "../../../api/schemas/destination.ts";
import { ProblemError } from "../../../platform/problem.ts";
import { type TypedDestination, toWishes } from "./typed-destination.ts";

/** What is wrong with a form of a destination: a sentence by the field at which it stands. */
export type DestinationFaults = Readonly<Partial<Record<keyof TypedDestination, string>>>;

/** What a field takes. The schemas say it for programs. */
const sentences: Readonly<Partial<Record<string, string>>> = {
  url: "Give the URL to which the destination's events are posted, of at most 2,048 characters.",
  description: "A description has at most 1,000 characters.",
  types: "A type has at most 255 characters, no spaces, and a * at its end or nowhere. A team names at most 100 types.",
  organizations: "An organization's id has at most 255 characters. A team names at most 1,000.",
  retry_schedule_seconds: "Give at most 50 whole numbers of seconds, each from 0 to 86400, such as 5, 60, 3600.",
  timeout_ms: "Give a whole number of milliseconds, from 100 to 30000.",
  max_per_second: "Give a number from 0.01 to 1000.",
};

type Checked<Wishes> =
  { readonly wishes: Wishes; readonly faults: null } | { readonly wishes: null; readonly faults: DestinationFaults };

export function checkNewDestination(typed: TypedDestination): Checked<z.output<typeof destinationInput>> {
  return check(destinationInput, { ...toWishes(typed), enabled: typed.enabled === "yes" }, typed);
}

/** Pausing has a button of its own. */
export function checkChange(typed: TypedDestination): Checked<z.output<typeof destinationChange>> {
  return check(destinationChange, toWishes(typed), typed);
}

function check<Wishes extends z.ZodType>(
  schema: Wishes,
  wishes: object,
  typed: TypedDestination,
): Checked<z.output<Wishes>> {
  const result = schema.safeParse(wishes);
  const paths = result.success ? [] : result.error.issues.map(({ path }) => String(path[0]));
  const faults = {
    ...Object.fromEntries(paths.map((path) => [fieldOf(path), sentences[path] ?? "That is not possible."])),
    ...(typed.url.trim() === "" ? { url: sentences["url"] } : {}),
    ...(wantsNothing(typed) ? { scope: "Choose at least one type, or all of them." } : {}),
  };
  if (result.success && Object.keys(faults).length === 0) return { wishes: result.data, faults: null };
  return { wishes: null, faults };
}

/** Types that are ticked are in the catalogue: a wrong one was written. */
function fieldOf(path: string): string {
  return path === "types" ? "other_types" : path;
}

/** For the API an empty list is all types: in a form it is one that was lost. */
function wantsNothing({ scope, types, other_types }: TypedDestination): boolean {
  return scope === "some" && types.length === 0 && other_types.trim() === "";
}

/** What an action refuses about the fields; null: it is another refusal. */
export function faultsOf(error: unknown): DestinationFaults | null {
  if (!(error instanceof ProblemError) || error.problem.errors === undefined) return null;
  return Object.fromEntries(
    error.problem.errors.map(({ path, message }) => [
      fieldOf(path),
      path === "url" ? sayUrlFault(message) : (sentences[path] ?? message),
    ]),
  );
}

function sayUrlFault(message: string): string {
  return message === "must be a URL"
    ? "That is no URL, such as https://accounting.example.com/qonto."
    : `The URL ${message}.`;
}
