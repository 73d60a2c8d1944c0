import { Hono } from "hono";
import { etag } from "hono/etag";
import { html } from "hono/html";
import { secureHeaders } from "hono/secure-headers";
import type { ContentfulStatusCode } from "hono/utils/http-status";
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
import { addQontoCallback } from "./pages/qonto/callback.tsx";
import { addQonto } from "./pages/qonto/qonto.tsx";
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
  addQontoCallback(pages, world);
  pages.use(requireSession(world));
  addLogout(pages);
  addOverview(pages, world, counters);
  addEvents(pages, world);
  addTail(pages);
  addDestinations(pages, world, counters);
  addQonto(pages, world);
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
      return showPage(c, <Refusal problem={error.problem} />, error.problem.status as ContentfulStatusCode);
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

const assets = [
  { path: "/style.css", text: style, type: "text/css" },
  { path: "/icon.svg", text: icon, type: "image/svg+xml" },
  { path: "/live.js", text: live, type: "text/javascript" },
];

/** A browser asks each time whether they have changed. */
function addAssets(pages: Console): void {
  for (const { path, text, type } of assets) {
    const headers = { "content-type": `${type}; charset=utf-8`, "cache-control": "no-cache" };
    pages.get(path, etag(), (c) => c.body(text, 200, headers));
  }
}

function refuseBody(fault: BodyFault): never {
  throw new ProblemError(
    fault === "body_too_large"
      ? { status: 413, code: fault, title: "Too large", detail: "No form of the console is that large." }
      : {
          status: 408,
          code: "body_timeout",
          title: "Too slow",
          detail: "The form did not arrive whole in time. Send it again.",
        },
  );
}

const failure = {
  title: "That failed",
  detail: "The page failed through a fault of the relay, or D1 does not answer; the relay's log says more. Try again.",
};

/** Instead of a page that cannot be shown. */
function Refusal({ problem: { title, detail } }: { readonly problem: Pick<Problem, "title" | "detail"> }) {
  const { viewer } = usePage();
  const Frame = viewer === undefined ? Bare : Page;
  const start =
    viewer === undefined ? "the console" : viewer.destinationId === null ? "the overview" : "your destination";
  return (
    <Frame title={title}>
      <Notice kind="bad">{detail}</Notice>
      <p>
        <a href={ROOT}>{`Go to ${start}`}</a>
      </p>
    </Frame>
  );
}
