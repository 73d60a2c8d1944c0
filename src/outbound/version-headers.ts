import type { ShownVersion } from "../domain/version.ts";

/** Headers by which a destination keeps the newest version of each resource, whatever the order of arrival. */
export function versionHeaders(shown: ShownVersion | null): Record<string, string> {
  if (shown === null) return {};
  return {
    "x-relay-resource-version": shown.version,
    ...(shown.isSuperseded ? { "x-relay-superseded": "true" } : {}),
  };
}
