import { z } from "zod";
import { readConfig } from "../../env.ts";
import { adminTokenOf, recognize } from "../../api/authenticate.ts";
import { refuse } from "../../api/refusals.ts";
import { Throttle } from "../../api/throttle.ts";
import { ProblemError } from "../../platform/problem.ts";
import type { World } from "../../platform/world.ts";
import { TextField } from "../ui/form.tsx";
import { Bare, Notice } from "../ui/layout.tsx";
import { type Console, ROOT, readForm, readQuery } from "../requests.ts";
import { showPage } from "../show-page.tsx";
import { dropAuthorization } from "./authorization.ts";
import { isBehindAccess } from "./identity.ts";
import { beginSession, endSession, isFromOwnSite } from "./session.ts";

const query = z.object({ next: z.string().optional() });
const fields = query.extend({ token: z.string().trim().default("") });

/** In front of the session. */
export function addLogin(pages: Console, world: World): void {
  const throttle = new Throttle();

  pages.get("/login", (c) => {
    adminTokenOf(c.env);
    // After a link of another site the browser holds back a strict cookie. It sends it from this page on.
    const isFromElsewhere = c.req.header("sec-fetch-site") === "cross-site";
    return showPage(c, <Login next={safeNext(readQuery(c, query).next)} isFromElsewhere={isFromElsewhere} />);
  });

  pages.post("/login", async (c) => {
    adminTokenOf(c.env);
    if (!isFromOwnSite(c)) throw refuse("forbidden", { detail: "Log in on the relay's own page." });
    const { token, ...form } = await readForm(c, fields);
    const next = safeNext(form.next);
    try {
      const address = c.req.header("cf-connecting-ip");
      const caller = token === "" ? null : await recognize(token, { env: c.env, now: world.now(), throttle, address });
      if (caller === null) return await showPage(c, <Login next={next} fault="That is no token of this relay." />, 401);
      c.set("caller", caller);
      await beginSession(c, readConfig(c.env), caller.tokenId, world);
      return c.redirect(next, 303);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      for (const [name, value] of Object.entries(error.headers)) c.header(name, value);
      return showPage(c, <Login next={next} fault={error.problem.detail} />, 429);
    }
  });
}

/** Behind the session. */
export function addLogout(pages: Console): void {
  pages.post("/logout", (c) => {
    endSession(c);
    dropAuthorization(c);
    // Behind Cloudflare Access the viewer stays logged in, without the token.
    return c.redirect(isBehindAccess(c) ? ROOT : `${ROOT}/login`, 303);
  });
}

/** Only a page of the console: a link may hold any address. */
function safeNext(next: string | undefined): string {
  const base = "https://relay.invalid";
  if (next === undefined || !URL.canParse(next, base)) return ROOT;
  const { origin, pathname, search } = new URL(next, base);
  const isPage = origin === base && (pathname === ROOT || pathname.startsWith(`${ROOT}/`));
  return isPage && pathname !== `${ROOT}/login` ? pathname + search : ROOT;
}

interface LoginProps {
  readonly next: string;
  readonly fault?: string;
  readonly isFromElsewhere?: boolean;
}

function Login({ next, fault, isFromElsewhere = false }: LoginProps) {
  return (
    <Bare title="Log in">
      {fault === undefined ? null : <Notice kind="bad">{fault}</Notice>}
      {isFromElsewhere ? (
        <Notice kind="info">
          You followed a link of another site. If you are logged in, <a href={next}>go on to the page</a>.
        </Notice>
      ) : null}
      <form method="post" action={`${ROOT}/login`} class="stack">
        <input type="hidden" name="next" value={next} />
        <TextField
          label="Token"
          name="token"
          help="ADMIN_TOKEN, or a named token of this relay. A token with read access sees every page and changes nothing; that of a destination leads to its destination."
          type="password"
          required
          autocomplete="current-password"
        />
        <button type="submit" class="button button-main">
          Log in
        </button>
      </form>
    </Bare>
  );
}
