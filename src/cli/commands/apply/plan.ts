import { z } from "zod";
import { sortKeys } from "../../../platform/json.ts";
import { Fault } from "../../fault.ts";
import type { Declared } from "./read-declarations.ts";

/** A destination as the relay shows it, with whatever fields its version has. */
export const existingDestination = z.looseObject({
  id: z.string(),
  description: z.string().nullable(),
  header_names: z.array(z.string()),
});

type Existing = z.output<typeof existingDestination>;

/** A field that differs. Of headers, which nobody can read again, `from` and `to` are the names. */
export interface Difference {
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** One call of the operator's API that brings the relay closer to the file. */
export type Step =
  | {
      readonly action: "create";
      readonly name: string;
      readonly differences: readonly Difference[];
      readonly input: object;
    }
  | {
      readonly action: "change";
      readonly name: string;
      readonly id: string;
      readonly differences: readonly Difference[];
      readonly input: object;
    }
  | { readonly action: "delete"; readonly name: string; readonly id: string };

export interface Plan {
  readonly steps: readonly Step[];
  /** Destinations that the file does not declare, and that stay. */
  readonly others: readonly Existing[];
}

interface PlanOptions {
  /** Deletes destinations that the file does not declare. */
  readonly isPruning: boolean;
  /** Writes headers again whose names are the same. */
  readonly writesHeaders: boolean;
}

/** What makes the relay's destinations as they are declared. Nothing is left to do when it has been done. */
export function planOf(
  declared: readonly Declared[],
  existing: readonly Existing[],
  { isPruning, writesHeaders }: PlanOptions,
): Plan {
  const names = new Set<string | null>(declared.map(({ name }) => name));
  const others = existing.filter(({ description }) => !names.has(description));
  const kept = declared.flatMap((one) => stepsFor(one, existing, writesHeaders));
  const deleted = others.map(({ id, description }): Step => ({ action: "delete", name: description ?? "", id }));
  return isPruning ? { steps: [...kept, ...deleted], others: [] } : { steps: kept, others };
}

function stepsFor(declared: Declared, existing: readonly Existing[], writesHeaders: boolean): Step[] {
  const { name, ...fields } = declared;
  const [found, ...more] = existing.filter(({ description }) => description === name);
  if (found === undefined) {
    const differences = differencesOf(fields, null, writesHeaders);
    return [{ action: "create", name, differences, input: { ...fields, description: name } }];
  }
  if (more.length > 0) {
    throw new Fault(`Several destinations are called ${name}: ${[found, ...more].map(({ id }) => id).join(", ")}.`, {
      remedy: "Delete all but one, or give the others another description with `destinations update`.",
    });
  }
  const differences = differencesOf(fields, found, writesHeaders);
  if (differences.length === 0) return [];
  const changed = differences.map(({ field }) => field);
  const input = Object.fromEntries(Object.entries(fields).filter(([field]) => changed.includes(field)));
  return [{ action: "change", name, id: found.id, differences, input }];
}

function differencesOf(
  { headers, ...fields }: Omit<Declared, "name">,
  existing: Existing | null,
  writesHeaders: boolean,
): Difference[] {
  const differences = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([field, to]) => ({ field, from: existing?.[field] ?? null, to }))
    .filter(({ field, from, to }) => existing === null || comparable(field, from) !== comparable(field, to));
  if (headers === undefined) return differences;
  const from = namesOf(existing?.header_names ?? []);
  const to = namesOf(Object.keys(headers ?? {}));
  const isSame = comparable("headers", from) === comparable("headers", to);
  return isSame && !(writesHeaders && to !== null) ? differences : [...differences, { field: "headers", from, to }];
}

/** Names of headers as the relay shows them; null: there are none. */
function namesOf(headers: readonly string[]): string[] | null {
  return headers.length === 0 ? null : headers.map((name) => name.toLowerCase()).toSorted();
}

/** Equal texts are equal settings: the relay writes a URL in its own way, and names have no order. */
function comparable(field: string, value: unknown): string {
  if (field === "url" && typeof value === "string") return URL.parse(value.trim())?.href ?? value;
  const isNames = Array.isArray(value) && value.every((one) => typeof one === "string");
  return JSON.stringify(isNames ? value.toSorted() : sortKeys(value));
}
