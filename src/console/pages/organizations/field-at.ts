import { isObject } from "../../../platform/json.ts";

/** A field of `data`, or a field of a field: `a.b`. */
export function fieldAt(data: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((one, key) => (isObject(one) && Object.hasOwn(one, key) ? one[key] : null), data);
}
