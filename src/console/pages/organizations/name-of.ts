import { readData } from "../../../qonto/resource.ts";
import { summaryOf } from "../../../qonto/summary.ts";

/** What an organization is called, out of the event of its profile; null while nobody knows. */
export function nameOf(profileBody: string | null): string | null {
  return profileBody === null ? null : summaryOf("v1/organizations", readData(profileBody)).title;
}
