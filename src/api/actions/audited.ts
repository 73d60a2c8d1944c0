import { ProblemError } from "../../platform/problem.ts";
import { makeSortableId } from "../../platform/sortable-id.ts";
import type { World } from "../../platform/world.ts";
import { AUDIT_PREFIX, beginRecord, dropRecord, endRecord } from "../../store/audit.ts";
import type { ActionContext } from "../requests.ts";

/** Every action that the audit trail names. */
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
  | "connection.created"
  | "connection.reconciled"
  | "connection.removed"
  | "token.created"
  | "token.revoked";

/** Fields by the names that the API gives them, without secrets. */
type Shown = Readonly<Record<string, unknown>>;

interface Change<Result> {
  readonly action: Action;
  /** Id of what is changed. */
  readonly subject: string;
  /** The id once it is known, of what has none before; until then the record bears `subject`. */
  readonly subjectOf?: (result: Result) => string | undefined;
  /** The fields that will change, as they are; absent: it does not exist. */
  readonly before?: Shown;
  readonly make: () => Promise<Result>;
  /** The same fields afterwards; absent: it was removed, or did not change. After `unchanged` no record stays. */
  readonly after?: (result: Result) => Shown | "unchanged";
}

/**
 * Makes a change and records it in the audit trail. The record is written first and completed afterwards, so that no
 * change is unrecorded, even one that is cut short: its record stays `begun`. A refused change leaves no record.
 */
export async function audited<Result>(
  c: ActionContext,
  world: Pick<World, "now" | "randomBytes">,
  { action, subject, subjectOf, before, make, after }: Change<Result>,
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
    // If this fails as well, the record stays `begun`, which is true.
    else await endRecord(DB, id, { outcome: "failed", after: null }).catch(() => undefined);
    throw error;
  }
  const shown = after?.(result);
  if (shown === "unchanged") await dropRecord(DB, id);
  else await endRecord(DB, id, { outcome: "done", after: toText(shown), subject: subjectOf?.(result) });
  return result;
}

function toText(shown: Shown | undefined): string | null {
  return shown === undefined ? null : JSON.stringify(shown, maskUrl);
}

/** A URL's user, password, query and fragment can be secrets, and so is the path of Slack's. */
function maskUrl(key: string, value: unknown): unknown {
  if (key !== "url" || typeof value !== "string" || !URL.canParse(value)) return value;
  const url = new URL(value);
  if (url.username !== "") url.username = "***";
  if (url.password !== "") url.password = "***";
  for (const name of new Set(url.searchParams.keys())) url.searchParams.set(name, "***");
  if (url.hash !== "") url.hash = "***";
  if (url.hostname === "hooks.slack.com") url.pathname = "/***";
  return url.href;
}
