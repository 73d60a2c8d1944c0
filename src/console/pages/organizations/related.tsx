import { readData } from "../../../qonto/resource.ts";
import type { ResourceRow } from "../../../store/resources.ts";
import { resourceAddress } from "../../addresses.ts";
import { ShortId } from "../../ui/values.tsx";
import { summaryOf } from "./summary.ts";

/** What it belongs with: the account, the beneficiary, … that it names. */
export function Related({ resources }: { readonly resources: readonly ResourceRow[] }) {
  if (resources.length === 0) return null;
  return (
    <section aria-labelledby="related">
      <h2 id="related">What it belongs with</h2>
      <ul class="known-counts">
        {resources.map(({ organizationId, type, resourceId, body }) => (
          <li>
            <bdi class="known-aside">{type}</bdi>
            <a href={resourceAddress(organizationId, type, resourceId ?? "")}>
              <bdi>{summaryOf(type, readData(body)).title ?? <ShortId id={resourceId ?? ""} />}</bdi>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
