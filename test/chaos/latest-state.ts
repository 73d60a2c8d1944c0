import type { PlannedEvent } from "./load.ts";

export interface SentVersion {
  readonly event: Pick<PlannedEvent, "id" | "resource" | "version">;
  readonly isAcknowledged: boolean;
}

/** A resource whose latest state is not that of its newest event. */
export interface StaleResource {
  readonly resource: string;
  readonly shownId: string | null;
  readonly newestId: string;
}

/**
 * Finds where the relay's latest state is not that of the newest acknowledged event. A newer one that was sent but never
 * acknowledged may have been recorded: it is accepted too.
 */
export function staleResources(
  sent: readonly SentVersion[],
  /** Event id that the relay names, by resource. */
  shown: ReadonlyMap<string, string>,
): StaleResource[] {
  const byResource = Map.groupBy(sent, ({ event }) => event.resource);
  return [...byResource].flatMap(([resource, versions]) => {
    const newest = versions
      .filter(({ isAcknowledged }) => isAcknowledged)
      .reduce<SentVersion["event"] | undefined>(
        (best, { event }) => (best === undefined || event.version > best.version ? event : best),
        undefined,
      );
    if (resource === null || newest === undefined) return [];
    const shownId = shown.get(resource);
    const shownVersion = versions.find(({ event }) => event.id === shownId)?.event.version ?? -1;
    if (shownVersion >= newest.version) return [];
    return [{ resource, shownId: shownId ?? null, newestId: newest.id }];
  });
}
