import { Hono } from "hono";
import { etag } from "hono/etag";
import { html } from "hono/html";
import { secureHeaders } from "hono/secure-headers";
import type { Counters } from "../domain/counters.ts";
import { boundBody, logRequest } from "../api/requests.ts";
import { refuse } from "../api/refusals.ts";
import { logFailure } from "../platform/log.ts";
import { type Problem, ProblemError } from "../platform/problem.ts";
import type { BodyFault } from "../platform/read-body.ts";
import type { World } from "../platform/world.ts";
import icon from "./assets/icon.svg";
import live from "./assets/live.js";
import style from "./assets/style.css";
import { addAudit } from "./pages/audit.tsx";
import { addDeadLetters } from "./pages/dead-letters.tsx";
import { Docs } from "./pages/docs.tsx";
import { addEvents } from "./pages/events/events.tsx";
import { addOrganizations } from "./pages/organizations/organizations.tsx";
import { addOverview } from "./pages/overview.tsx";
import { addQuarantine } from "./pages/quarantine.tsx";
import { addRegistrations } from "./pages/registrations.tsx";
import { addTail } from "./pages/tail.tsx";
import { addDestinations } from "./pages/destinations/destinations.tsx";
import { explainSchemaFault, isSchemaFault } from "../store/schema.ts";
import { type Console, type ConsoleEnv, DOCS, ROOT } from "./requests.ts";
import { requireSession } from "./session/guard.ts";
import { addLogin, addLogout } from "./session/login.tsx";
import { showPage, usePage } from "./show-page.tsx";
import { Bare, Notice, Page } from "./ui/layout.tsx";

const MAX_FORM_BYTES = 65_536;

const self = ["'self'"];
const none = ["'none'"];

/** Nothing from elsewhere, nothing inline, and no frame around it. */
const consoleHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: none,
    styleSrc: self,
    scriptSrc: self,
    imgSrc: self,
    connectSrc: self,
    formAction: self,
    frameAncestors: none,
    baseUri: none,
  },
  referrerPolicy: "no-referrer",
  xFrameOptions: "DENY",
});

/** The operator's console: the login, and the pages behind it. */
export function operatorConsole(world: World, counters: Counters): Console {
  const pages: Console = new Hono<ConsoleEnv>().basePath(ROOT);
  pages.use(consoleHeaders, logRequest(world, "console"));
  pages.use(async (c, next) => {
    c.set("now", world.now());
    await next();
  });
  addAssets(pages);
  pages.use(async (c, next) => {
    c.header("cache-control", "no-store");
    await next();
  });
  pages.use(boundBody(MAX_FORM_BYTES, world, refuseBody));
  addLogin(pages, world);
  pages.use(requireSession(world));
  addLogout(pages);
  addOverview(pages, world, counters);
  addEvents(pages, world);
  addTail(pages);
  addDestinations(pages, world, counters);
  addOrganizations(pages);
  addRegistrations(pages);
  addQuarantine(pages, world);
  addDeadLetters(pages, world);
  addAudit(pages);
  pages.all("/*", () => {
    throw refuse("not_found", { detail: "There is no page at this address." });
  });

  pages.onError(async (error, c) => {
    if (error instanceof ProblemError) {
      for (const [name, value] of Object.entries(error.headers)) c.header(name, value);
      return showPage(c, <Refusal problem={error.problem} />, toStatus(error.problem.status));
    }
    if (isSchemaFault(error)) {
      const fault = await explainSchemaFault(c.env.DB, error);
      logFailure("console", fault, { message: "request.failed" });
      return showPage(c, <Refusal problem={{ title: "Not ready", detail: fault.message }} />, 503);
    }
    logFailure("console", error, { message: "request.failed" });
    return showPage(c, <Refusal problem={failure} />, 500);
  });
  return pages;
}

/** `/docs`, for the developers of destinations: no login, and no D1 call. */
export function publicDocs(world: World): Console {
  const docs: Console = new Hono<ConsoleEnv>().basePath(DOCS);
  docs.use(consoleHeaders, logRequest(world, "console"));
  addAssets(docs);
  docs.get("/", etag(), (c) => {
    c.header("cache-control", "public, max-age=300");
    return c.html(html`<!doctype html>${(<Docs />)}`);
  });
  return docs;
}

/** A browser asks each time whether they have changed. */
function addAssets(pages: Console): void {
  const headersOf = (type: string) => ({ "content-type": `${type}; charset=utf-8`, "cache-control": "no-cache" });
  pages.get("/style.css", etag(), (c) => c.body(style, 200, headersOf("text/css")));
  pages.get("/icon.svg", etag(), (c) => c.body(icon, 200, headersOf("image/svg+xml")));
  pages.get("/live.js", etag(), (c) => c.body(live, 200, headersOf("text/javascript")));
}

function refuseBody(fault: BodyFault): never {
  if (fault !== "body_too_large") {
    const detail = "The form did not arrive whole in time. Send it again.";
    throw new ProblemError({ status: 408, code: "body_timeout", title: "Too slow", detail });
  }
  const detail = "No form of the console is that large.";
  throw new ProblemError({ status: 413, code: "body_too_large", title: "Too large", detail });
}

const failure = {
  title: "That failed",
  detail: "The page failed through a fault of the relay, or D1 does not answer; the relay's log says more. Try again.",
};

function toStatus(status: number) {
  return status as 400 | 401 | 403 | 404 | 408 | 409 | 413 | 429 | 503;
}

/** Instead of a page that cannot be shown. */
function Refusal({ problem }: { readonly problem: Pick<Problem, "title" | "detail"> }) {
  if (usePage().viewer === undefined) {
    return (
      <Bare title={problem.title}>
        <h1>{problem.title}</h1>
        <Notice kind="bad">{problem.detail}</Notice>
        <p>
          <a href={ROOT}>Go to the console</a>
        </p>
      </Bare>
    );
  }
  return (
    <Page title={problem.title}>
      <Notice kind="bad">{problem.detail}</Notice>
      <p>
        <a href={ROOT}>Go to the overview</a>
      </p>
    </Page>
  );
}
