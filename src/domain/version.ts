import type { Instant } from "./instant.ts";

/** What decides which of two events of one resource is the newer. */
export interface VersionParts {
  /** When the resource got the state that the event shows. */
  readonly versionAt: Instant | null;
  /** When Qonto made the event. */
  readonly createdAt: Instant | null;
  /** Place of the event's name in the lifecycle of the resource. */
  readonly lifecycleRank: number;
  readonly eventId: string;
}

/** An unknown instant is older than every known one: `-` sorts before all digits. */
const UNKNOWN = "-";

/**
 * A text that sorts by the version rule: version instant, then `created_at`, then lifecycle rank, then event id. The order is
 * total, so the latest state does not depend on the order of arrival. SQLite (binary collation) and JavaScript compare texts
 * alike.
 */
export function versionKey({ versionAt, createdAt, lifecycleRank, eventId }: VersionParts): string {
  return [
    versionAt?.sortKey ?? UNKNOWN,
    createdAt?.sortKey ?? UNKNOWN,
    String(lifecycleRank).padStart(2, "0"),
    eventId,
  ].join("|");
}

/** The version of a resource that an event shows. */
export interface ShownVersion {
  readonly version: string;
  /** The relay knows a newer version of the resource. */
  readonly isSuperseded: boolean;
}

/** Compares the version that an event shows with those that are known of its resource; null for an event without a resource. */
export function showVersion(
  version: string | null,
  known: readonly (string | null | undefined)[],
): ShownVersion | null {
  if (version === null) return null;
  return { version, isSuperseded: known.some((one) => (one ?? "") > version) };
}
