import type { MiddlewareHandler } from "hono";
import type { World } from "../platform/world.ts";
import { adminTokenOf } from "./caller.ts";
import { recognize } from "./recognize.ts";
import { refuse } from "./refusals.ts";
import type { OperatorEnv } from "./requests.ts";
import { Throttle } from "./throttle.ts";

/** Lets in who bears a token: the admin token, or a named one. A read-only one may look. */
export function authenticate(world: Pick<World, "now">): MiddlewareHandler<OperatorEnv> {
  const throttle = new Throttle();
  return async (c, next) => {
    // What nobody can bear is said to be missing, whatever is presented.
    adminTokenOf(c.env);
    const presented = /^Bearer +(.+)$/i.exec(c.req.header("authorization") ?? "")?.[1]?.trim();
    if (presented === undefined) throw unauthorized();
    const address = c.req.header("cf-connecting-ip");
    const caller = await recognize(presented, { env: c.env, now: world.now(), throttle, address });
    if (caller === null) throw unauthorized();
    if (caller.access === "read" && !["GET", "HEAD"].includes(c.req.method)) throw refuse("forbidden");
    c.set("caller", caller);
    await next();
  };
}

function unauthorized() {
  return refuse("unauthorized", {}, { "www-authenticate": "Bearer" });
}
