import type { Instant } from "./instant.ts";

/** What decides which of two events of one resource is the newer. */
export interface VersionParts {
  /** When the resource came to be as the event shows it. */
  readonly versionAt: Instant | null;
  /** When Qonto made the event. */
  readonly createdAt: Instant | null;
  /** Place of what happened in the resource's life. */
  readonly lifecycleRank: number;
  readonly eventId: string;
}

/** An instant that nobody knows is older than every known one: `-` sorts before all digits. */
const UNKNOWN = "-";

/**
 * One text that sorts as the version rule says: version instant, then `created_at`, then lifecycle rank, then event id.
 * Being a total order over events, it makes the latest state independent of the order of arrival; being text, it is
 * compared by SQLite (binary collation) exactly as by JavaScript.
 */
export function versionKey({ versionAt, createdAt, lifecycleRank, eventId }: VersionParts): string {
  return [
    versionAt?.sortKey ?? UNKNOWN,
    createdAt?.sortKey ?? UNKNOWN,
    String(lifecycleRank).padStart(2, "0"),
    eventId,
  ].join("|");
}
