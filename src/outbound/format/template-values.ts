import { numberText } from "../../platform/json.ts";

/** A value of an event, numbers as they were written. */
export type Value = unknown;

/**
 * The value at a path, `data.amount`; its first name is looked up from the innermost scope outwards. `.` is the innermost scope
 * itself. Only what the event has is found: never a method, and nothing is called.
 */
export function lookUp(scopes: readonly Value[], path: string): Value {
  if (path === ".") return scopes.at(-1);
  const names = path.split(".");
  const scope = scopes.findLast((one) => has(one, names[0] ?? ""));
  return names.reduce<Value>((one, name) => (has(one, name) ? one[name] : undefined), scope);
}

function has(value: Value, name: string): value is Record<string, Value> {
  return typeof value === "object" && value !== null && !JSON.isRawJSON(value) && Object.hasOwn(value, name);
}

/** Whether a section leaves it out. A number never is, as in the specification of Mustache. */
export function isEmpty(value: Value): boolean {
  return value === undefined || value === null || value === false || value === "" || isEmptyList(value);
}

function isEmptyList(value: Value): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** For the inside of a JSON string. */
export function textOf(value: Value): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "string" ? value : jsonOf(value);
  return JSON.stringify(text).slice(1, -1);
}

export function jsonOf(value: Value): string {
  return numberText(value) ?? JSON.stringify(value ?? null);
}
