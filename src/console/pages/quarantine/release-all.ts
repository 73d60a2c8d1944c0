import { releaseFromQuarantine } from "../../../api/actions/quarantine.ts";
import type { Acting } from "../../../api/requests.ts";
import { logFailure } from "../../../platform/log.ts";
import type { World } from "../../../platform/world.ts";

/** A release asks D1 four times, and one request may ask it a thousand times. */
export const MOST_AT_ONCE = 50;

const AT_A_TIME = 5;

/** Releases each, the first that is named last; what fails does not hold up the others. */
export async function releaseAll(
  c: Acting,
  world: World,
  ids: readonly string[],
): Promise<{ readonly released: number; readonly failed: number }> {
  const oldestFirst = ids.toReversed();
  let released = 0;
  for (let start = 0; start < oldestFirst.length; start += AT_A_TIME) {
    const results = await Promise.allSettled(
      oldestFirst.slice(start, start + AT_A_TIME).map((id) => releaseFromQuarantine(c, world, id)),
    );
    for (const result of results) {
      if (result.status === "fulfilled") released += 1;
      else logFailure("console-release", result.reason);
    }
  }
  return { released, failed: ids.length - released };
}
