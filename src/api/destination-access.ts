import type { MiddlewareHandler } from "hono";
import type { ProblemError } from "../platform/problem.ts";
import { refuse } from "./refusals.ts";
import type { ActionContext, OperatorEnv } from "./requests.ts";

/**
 * How an operation keeps the token of a destination to its own.
 *
 *   own id    the `{id}` of the path is the destination's
 *   narrowed  its handler shows and changes what is the destination's alone, with the functions below
 */
type Keeping = "own id" | "narrowed";

/** What the token of a destination may call. Every other operation is closed to it, so a new one is until it stands here. */
const openToDestinations: ReadonlyMap<string, Keeping> = new Map<string, Keeping>([
  ["get /api/destinations", "narrowed"],
  ["get /api/destinations/{id}", "own id"],
  ["post /api/destinations/{id}/test", "own id"],
  ["post /api/destinations/{id}/replay", "own id"],
  ["post /api/destinations/{id}/rotate-secret", "own id"],
  ["get /api/destinations/{id}/pull", "own id"],
  ["post /api/destinations/{id}/ack", "own id"],
  ["post /api/destinations/{id}/nack", "own id"],
  ["get /api/replays/{id}", "narrowed"],
  ["get /api/deliveries", "narrowed"],
  ["get /api/events/{id}", "narrowed"],
  ["post /api/events/{id}/replay", "narrowed"],
]);

/** Refuses the token of a destination what is not open to it, before anything is looked up: unknown ids get the same answer. */
export function keepToDestination(operation: string): MiddlewareHandler<OperatorEnv> {
  const keeping = openToDestinations.get(operation);
  return async (c, next) => {
    const own = ownDestinationOf(c);
    const isOpen = keeping === "narrowed" || (keeping === "own id" && c.req.param("id") === own);
    if (own !== null && !isOpen) throw notItsOwn();
    await next();
  };
}

/** A sentence for the document; undefined for an operation that is closed to destinations. */
export function describeDestinationAccess(operation: string): string | undefined {
  if (!openToDestinations.has(operation)) return undefined;
  return "The token of a destination may call it for its own.";
}

/** The destination whose token the caller has; null for a caller that may see every destination. */
export function ownDestinationOf(c: Pick<ActionContext, "get">): string | null {
  const caller = c.get("caller");
  if (caller === undefined) throw new Error("Nobody has been let in");
  return caller.destinationId;
}

/** The destination that a call names. With the token of a destination it is that one, named or not, and no other. */
export function narrowed(c: Pick<ActionContext, "get">, named: string | undefined): string | undefined {
  const own = ownDestinationOf(c);
  if (own === null) return named;
  if (named !== undefined && named !== own) throw notItsOwn();
  return own;
}

/** For what is another destination's, and for what does not exist: the answer does not tell them apart. */
export function notItsOwn(): ProblemError {
  return refuse("forbidden", { detail: "This token is for one destination, and this is not part of it." });
}
