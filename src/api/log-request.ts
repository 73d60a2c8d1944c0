import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { logLine } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import type { Actor } from "./caller.ts";

/** One line for each request. Its query and its body can hold what no log may. */
export function logRequest<Any extends { Variables: { caller?: Actor } }>(
  world: Pick<World, "now">,
  unit: "api" | "console" = "api",
): MiddlewareHandler<Any> {
  return async (c, next) => {
    const startedAt = world.now();
    await next();
    logLine(unit, {
      method: c.req.method,
      route: matchedRoutes(c).at(-1)?.path,
      status: c.res.status,
      token: c.get("caller")?.name,
      duration_ms: world.now() - startedAt,
    });
  };
}
