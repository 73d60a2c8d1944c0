import type { MiddlewareHandler } from "hono";
import { readConfig } from "../../env.ts";
import { adminTokenOf, findCallerAgain } from "../../operator/caller.ts";
import { refuse } from "../../operator/refusals.ts";
import type { World } from "../../platform/world.ts";
import { type ConsoleEnv, FORM_TOKEN, ROOT } from "../requests.ts";
import { readCookie } from "./cookie.ts";
import { isFromOwnSite } from "./own-site.ts";
import { formTokenOf, isFormTokenOf, readSession } from "./session.ts";

/** Lets in who has a session; others are shown the login and come back. What changes something is for forms of that session. */
export function requireSession(world: Pick<World, "now">): MiddlewareHandler<ConsoleEnv> {
  return async (c, next) => {
    adminTokenOf(c.env);
    const config = readConfig(c.env);
    const session = await readSession(config, readCookie(c), world.now());
    const caller = session === null ? null : await findCallerAgain(session.tokenId, c.env);
    const isLook = ["GET", "HEAD"].includes(c.req.method);
    if (session === null || caller === null) {
      const { pathname, search } = new URL(c.req.url);
      const next = isLook ? `?next=${encodeURIComponent(pathname + search)}` : "";
      return c.redirect(`${ROOT}/login${next}`, 303);
    }
    c.set("caller", caller);
    c.set("viewer", {
      name: caller.name,
      mayChange: caller.access === "full",
      formToken: await formTokenOf(config, session),
    });
    if (!isLook) {
      const isOwnForm =
        isFromOwnSite(c) && (await isFormTokenOf(config, session, (await c.req.parseBody({ all: true }))[FORM_TOKEN]));
      if (!isOwnForm)
        throw refuse("forbidden", { detail: "This form is not one of your session. Open the page anew." });
      if (caller.access === "read" && c.req.path !== `${ROOT}/logout`) throw refuse("forbidden");
    }
    return next();
  };
}
