import { type Instant, parseInstant } from "../../../domain/instant.ts";
import { differingFields } from "./differing-fields.ts";
import type { Item } from "./item.ts";
import type { Known } from "./known.ts";

/**
 * How what the bank shows stands to what the relay knows. `version` tells what the bank's side is a version of: of the
 * resource's own `updated_at`, or of the run itself (`as_of`), for a thing that bears no date.
 */
export type Judgement =
  | { readonly state: "in_balance" }
  | { readonly state: "missing"; readonly version: Version }
  | { readonly state: "drifted"; readonly version: Version; readonly fields: readonly string[] };

type Version = { readonly by: "updated_at"; readonly at: Instant } | { readonly by: "as_of" };

const IN_BALANCE = { state: "in_balance" } as const;
const AS_OF = { by: "as_of" } as const;

/**
 * Where both sides bear a date, the newer one is right. Otherwise the contents decide, and the bank is right as of the
 * instant at which the run began; the relay, if it has heard something later.
 */
export function judge(item: Item, known: Known | null, asOf: Instant): Judgement {
  const bankAt = parseInstant(item["updated_at"]);
  const byDate = bankAt === null ? AS_OF : ({ by: "updated_at", at: bankAt } as const);
  if (known === null) return { state: "missing", version: byDate };

  const fields = differingFields(item, known.data);
  const knownAt = parseInstant(known.data["updated_at"]);
  if (bankAt !== null && knownAt !== null) {
    return isNewer(bankAt, knownAt, fields) ? { state: "drifted", version: byDate, fields } : IN_BALANCE;
  }
  const heardAt = parseInstant(known.version_at);
  if (heardAt !== null && heardAt.sortKey >= asOf.sortKey) return IN_BALANCE;
  return fields.length > 0 || known.deleted ? { state: "drifted", version: AS_OF, fields } : IN_BALANCE;
}

/** Webhook and API may write the same instant with and without its fraction. */
function isNewer(bankAt: Instant, knownAt: Instant, fields: readonly string[]): boolean {
  const secondOf = ({ sortKey }: Instant) => sortKey.slice(0, sortKey.indexOf("."));
  return secondOf(bankAt) === secondOf(knownAt)
    ? fields.length > 0 && bankAt.sortKey > knownAt.sortKey
    : bankAt.sortKey > knownAt.sortKey;
}
