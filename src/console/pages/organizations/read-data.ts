import { isObject, parseJsonLosslessly } from "../../../platform/json.ts";
import { gistOf } from "./gist.ts";

/** The object that a row holds as JSON text, each number as it was written. */
export function readData(text: string): Record<string, unknown> {
  const json = parseJsonLosslessly(text);
  return isObject(json) ? json : {};
}

/** What an organization is called; null while nobody knows. */
export function nameOf(profile: string | null): string | null {
  return profile === null ? null : gistOf("v1/organizations", readData(profile)).title;
}
