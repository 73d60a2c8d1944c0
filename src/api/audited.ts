import { ProblemError } from "../platform/problem.ts";
import type { World } from "../platform/world.ts";
import { AUDIT_PREFIX, beginRecord, dropRecord, endRecord } from "../store/audit.ts";
import type { Acting } from "./requests.ts";
import { makeSortableId } from "../platform/sortable-id.ts";

/** What can be done, as the trail names it. */
export type Action =
  | "destination.created"
  | "destination.changed"
  | "destination.deleted"
  | "destination.secret_rotated"
  | "destination.tested"
  | "destination.replayed"
  | "event.replayed"
  | "quarantine.released"
  | "quarantine.dropped"
  | "dead_letter.replayed"
  | "dead_letter.dropped"
  | "token.created"
  | "token.revoked";

/** What may be shown of something, by the names that the API gives its fields. */
type Shown = Readonly<Record<string, unknown>>;

interface Change<Result> {
  readonly action: Action;
  /** Id of what is changed. */
  readonly subject: string;
  /** What of it will be otherwise; absent: it is not there. */
  readonly before?: Shown;
  readonly make: () => Promise<Result>;
  /** How it is now; absent: it is gone, or as it was. */
  readonly after?: (result: Result) => Shown;
}

/**
 * Makes a change and has it in the audit trail. The record is written before, for a change can take several steps, and
 * nothing may change unrecorded; it is ended behind. One that says `begun` for good was cut short. What is refused, because
 * there is nothing to change, leaves no record.
 */
export async function audited<Result>(
  c: Acting,
  world: Pick<World, "now" | "randomBytes">,
  { action, subject, before, make, after }: Change<Result>,
): Promise<Result> {
  const { DB } = c.env;
  const caller = c.get("caller");
  if (caller === undefined) throw new Error("A change without a caller");
  const id = makeSortableId(AUDIT_PREFIX, world);
  await beginRecord(DB, { id, token: caller.name, action, subject, before: toText(before) });
  let result: Result;
  try {
    result = await make();
  } catch (error) {
    if (error instanceof ProblemError) await dropRecord(DB, id);
    // Should this fail as well, the record says `begun`, which is true.
    else await endRecord(DB, id, { outcome: "failed", after: null }).catch(() => undefined);
    throw error;
  }
  await endRecord(DB, id, { outcome: "done", after: toText(after?.(result)) });
  return result;
}

function toText(shown: Shown | undefined): string | null {
  return shown === undefined ? null : JSON.stringify(shown, maskUrl);
}

/** What stands in a URL before its host or behind its path can be a secret. */
function maskUrl(key: string, value: unknown): unknown {
  if (key !== "url" || typeof value !== "string" || !URL.canParse(value)) return value;
  const url = new URL(value);
  if (url.username !== "") url.username = "***";
  if (url.password !== "") url.password = "***";
  for (const name of new Set(url.searchParams.keys())) url.searchParams.set(name, "***");
  if (url.hash !== "") url.hash = "***";
  return url.href;
}
