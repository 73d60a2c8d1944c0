import type { MiddlewareHandler } from "hono";
import { type Config, readConfig } from "../../env.ts";
import { adminTokenOf, findCallerAgain } from "../../api/authenticate.ts";
import { refuse } from "../../api/refusals.ts";
import type { Actor } from "../../api/requests.ts";
import type { World } from "../../platform/world.ts";
import { type ConsoleContext, type ConsoleEnv, FORM_TOKEN, ROOT, type Viewer, readOnlyReason } from "../requests.ts";
import { findEmail, isNamed } from "./identity.ts";
import { formTokenOf, isFormTokenOf, isFromOwnSite, readSession } from "./session.ts";

/** Who may enter. */
interface Entrant {
  readonly caller: Actor;
  readonly by: Viewer["by"];
  /** The form token is made of it. No session has the id of an identity. */
  readonly id: string;
}

/**
 * Lets in a session, else an identity of Cloudflare Access; others go to the login and come back. A change needs a form of
 * the same entrant.
 */
export function requireSession(world: Pick<World, "now" | "setTimer">): MiddlewareHandler<ConsoleEnv> {
  return async (c, next) => {
    adminTokenOf(c.env);
    const config = readConfig(c.env);
    const entrant = (await entrantOfSession(c, config, world)) ?? (await entrantOfIdentity(c, config, world));
    const isLook = ["GET", "HEAD"].includes(c.req.method);
    if (entrant === null) {
      const { pathname, search } = new URL(c.req.url);
      const next = isLook ? `?next=${encodeURIComponent(pathname + search)}` : "";
      return c.redirect(`${ROOT}/login${next}`, 303);
    }
    const { caller, by, id } = entrant;
    c.set("caller", caller);
    const formToken = await formTokenOf(config, id);
    c.set("viewer", { name: caller.name, by, mayChange: caller.access === "full", formToken });
    if (!isLook) {
      const isOwnForm =
        isFromOwnSite(c) && (await isFormTokenOf(config, id, (await c.req.parseBody({ all: true }))[FORM_TOKEN]));
      if (!isOwnForm)
        throw refuse("forbidden", { detail: "This form is not one of your session. Open the page again." });
      if (caller.access === "read" && c.req.path !== `${ROOT}/logout`)
        throw refuse("forbidden", { detail: readOnlyReason(by) });
    }
    return next();
  };
}

async function entrantOfSession(
  c: ConsoleContext,
  config: Config,
  { now }: Pick<World, "now">,
): Promise<Entrant | null> {
  const session = await readSession(c, config, now());
  if (session === null) return null;
  const caller = await findCallerAgain(session.tokenId, c.env);
  if (caller === null) return null;
  return { caller, by: caller.tokenId === null ? "ADMIN_TOKEN" : "token", id: session.id };
}

async function entrantOfIdentity(
  c: ConsoleContext,
  { consoleFullAccess }: Config,
  world: Pick<World, "setTimer">,
): Promise<Entrant | null> {
  const email = await findEmail(c, world);
  if (email === null) return null;
  const access = isNamed(email, consoleFullAccess) ? "full" : "read";
  return { caller: { name: email, access }, by: "Cloudflare Access", id: `access:${email}` };
}
