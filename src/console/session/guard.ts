import type { MiddlewareHandler } from "hono";
import { type Config, readConfig } from "../../env.ts";
import { adminTokenOf, findCallerAgain } from "../../api/authenticate.ts";
import { notItsOwn } from "../../api/destination-access.ts";
import { refuse } from "../../api/refusals.ts";
import type { Actor } from "../../api/requests.ts";
import type { World } from "../../platform/world.ts";
import {
  type ConsoleContext,
  type ConsoleEnv,
  type Credential,
  FORM_TOKEN,
  ROOT,
  type Viewer,
  readOnlyReason,
} from "../requests.ts";
import { destinationAddress } from "../addresses.ts";
import { opensPath } from "../destination-pages.ts";
import { readAuthorization } from "./authorization.ts";
import { findEmail, isNamed } from "./identity.ts";
import { type Session, isFromOwnSite, readSession } from "./session.ts";
import { formTokenOf, isFormTokenOf } from "./signed.ts";

/** Who may enter. */
interface Entrant {
  readonly caller: Actor;
  readonly by: Viewer["by"];
  readonly credential: Credential;
  /** The form token is made of it. No session has the id of an identity. */
  readonly id: string;
}

/**
 * Lets in a session, else an identity of Cloudflare Access; others go to the login and come back. A change needs a form of
 * the same entrant. The token of a destination enters its own pages alone, and the others lead nowhere.
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
    const { caller, by, credential, id } = entrant;
    c.set("caller", caller);
    c.set("credential", credential);
    const formToken = await formTokenOf(config, id);
    const { name, access, destinationId } = caller;
    c.set("viewer", { name, by, mayChange: access !== "read", destinationId, formToken });
    if (destinationId !== null && !opensPath(destinationId, isLook ? "look" : "change", c.req.path)) {
      if (isLook && c.req.path === ROOT) return c.redirect(destinationAddress(destinationId), 303);
      throw notItsOwn();
    }
    if (!isLook) {
      const isOwnForm =
        isFromOwnSite(c) && (await isFormTokenOf(config, id, (await c.req.parseBody({ all: true }))[FORM_TOKEN]));
      if (!isOwnForm)
        throw refuse("forbidden", { detail: "This form is not one of your session. Open the page again." });
      if (access === "read" && c.req.path !== `${ROOT}/logout`)
        throw refuse("forbidden", { detail: readOnlyReason(by) });
    }
    return next();
  };
}

/**
 * The browser that began an authorization, let in without its session while its operator may still change something. Null for
 * every other one, and for one with the session of another operator.
 */
export async function findAuthorization(
  c: ConsoleContext,
  config: Config,
  world: Pick<World, "now" | "setTimer">,
): Promise<{ readonly owner: string; readonly caller: Actor } | null> {
  const authorization = await readAuthorization(c, config, world.now());
  if (authorization === null) return null;
  const { owner, credential } = authorization;
  const session = await readSession(c, config, world.now());
  if (session !== null && !isOf(session, credential)) return null;
  const caller = await findBearer(c, credential, config, world);
  return caller?.access === "full" ? { owner, caller } : null;
}

function isOf(session: Session, credential: Credential): boolean {
  return credential.kind === "token" && credential.tokenId === session.tokenId;
}

/** Who has the credential now; null once the token is revoked, or while another identity asks. */
async function findBearer(
  c: ConsoleContext,
  credential: Credential,
  config: Config,
  world: Pick<World, "setTimer">,
): Promise<Actor | null> {
  if (credential.kind === "token") return findCallerAgain(credential.tokenId, c.env);
  const email = await findEmail(c, world);
  return email === credential.email ? actorOf(email, config) : null;
}

async function entrantOfSession(
  c: ConsoleContext,
  config: Config,
  { now }: Pick<World, "now">,
): Promise<Entrant | null> {
  const session = await readSession(c, config, now());
  if (session === null) return null;
  const { id, tokenId } = session;
  const caller = await findCallerAgain(tokenId, c.env);
  if (caller === null) return null;
  return { caller, by: tokenId === null ? "ADMIN_TOKEN" : "token", credential: { kind: "token", tokenId }, id };
}

async function entrantOfIdentity(
  c: ConsoleContext,
  config: Config,
  world: Pick<World, "setTimer">,
): Promise<Entrant | null> {
  const email = await findEmail(c, world);
  if (email === null) return null;
  const caller = actorOf(email, config);
  return { caller, by: "Cloudflare Access", credential: { kind: "identity", email }, id: `access:${email}` };
}

function actorOf(email: string, { consoleFullAccess }: Config): Actor {
  return { name: email, access: isNamed(email, consoleFullAccess) ? "full" : "read", destinationId: null };
}
