import { instantAt } from "../domain/instant.ts";
import type { World } from "../platform/world.ts";
import type { QontoClient } from "../qonto/api-client.ts";
import { mayBeNewer } from "../reconciliation/compare.ts";
import { LookUps } from "../reconciliation/look-up.ts";
import { unlistedIn } from "../reconciliation/read-page.ts";
import type { Reading } from "../reconciliation/reading.ts";
import { versionsOfType } from "../store/resources.ts";
import { type Budget, hasBudget } from "./context.ts";
import { type FindContext, type Findings, findDeletions } from "./find-differences.ts";
import type { Search, SearchResult } from "./run.ts";

/** One D1 call reads as many. */
const RESOURCES_A_STEP = 1_000;

/** A step ends after so many, or the few more of its last lookup: one that is interrupted is repeated whole. */
const REQUESTS_A_STEP = 10;

/** Where a search is. */
export interface SearchPlace {
  /** Has read the list to its end. */
  readonly reading: Reading;
  readonly search: Search;
}

export interface SearchContext extends FindContext {
  readonly qonto: QontoClient;
  readonly budget: Budget;
  readonly world: Pick<World, "now">;
}

/** What a step has found: deletions, and what is extra. */
interface Searched extends Findings, SearchResult {}

/**
 * A step of the search for what the relay has of a type and its list lacks: 1 D1 call, and 2 more where something is gone. Asks
 * Qonto for each by its id, where it can be asked. Throws QontoUnavailable, and QontoRefusal for a 401.
 */
export async function searchUnlisted(
  type: string,
  { reading, search }: SearchPlace,
  context: SearchContext,
): Promise<Searched> {
  const { db, connection, run, qonto } = context;
  const { organizationId } = connection;
  const page = await versionsOfType(db, { organizationId, type }, { after: search.after, limit: RESOURCES_A_STEP });
  const asOf = instantAt(run.as_of);
  const older = page.filter((one) => !mayBeNewer(one, asOf)).map(({ resourceId }) => resourceId);
  const unlisted = await unlistedIn(reading, older);
  const lookUps = new LookUps({ type, listedId: reading.latestId, isReliable: search.is_reliable }, qonto);
  const { lookedAt, gone } = await lookUpSome(unlisted, lookUps, context);
  const endOfPage = page.length < RESOURCES_A_STEP ? undefined : page.at(-1)?.resourceId;
  const after = lookedAt === unlisted.length ? endOfPage : unlisted[lookedAt - 1];
  return {
    ...(await findDeletions(type, gone, context)),
    extra: lookedAt - gone.length,
    next: after === undefined ? null : { after, is_reliable: lookUps.isReliable },
  };
}

/** As many as the budget allows, one at least. */
async function lookUpSome(
  ids: readonly string[],
  lookUps: LookUps,
  { budget, world }: SearchContext,
): Promise<{ readonly lookedAt: number; readonly gone: readonly string[] }> {
  const gone: string[] = [];
  let lookedAt = 0;
  for (const id of ids) {
    const before = lookUps.requests;
    try {
      if (await lookUps.isGone(id)) gone.push(id);
    } catch (error) {
      if (lookedAt === 0) throw error;
      // What was found before is recorded first. The next step begins with this one, and throws if that fails again.
      break;
    } finally {
      budget.requests -= lookUps.requests - before;
    }
    lookedAt += 1;
    if (lookUps.requests >= REQUESTS_A_STEP || !hasBudget(budget, world.now())) break;
  }
  return { lookedAt, gone };
}
