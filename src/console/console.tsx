import { Hono } from "hono";
import type { Counters } from "../domain/counters.ts";
import { boundBody } from "../api/bound-body.ts";
import { logRequest } from "../api/log-request.ts";
import { refuse } from "../api/refusals.ts";
import { logFailure } from "../platform/log.ts";
import { ProblemError } from "../platform/problem.ts";
import type { BodyFault } from "../platform/read-body.ts";
import type { World } from "../platform/world.ts";
import { addAssets } from "./assets.ts";
import { consoleHeaders } from "./headers.ts";
import { addAudit } from "./pages/audit.tsx";
import { addDeadLetters } from "./pages/dead-letters.tsx";
import { addEvents } from "./pages/events/events.tsx";
import { addOrganizations } from "./pages/organizations/organizations.tsx";
import { addOverview } from "./pages/overview/overview.tsx";
import { addQuarantine } from "./pages/quarantine.tsx";
import { Refusal } from "./pages/refusal.tsx";
import { addRegistrations } from "./pages/registrations.tsx";
import { addTail } from "./pages/tail/tail.tsx";
import { addDestinations } from "./pages/destinations/destinations.tsx";
import { explainSchemaFault, isSchemaFault } from "../store/schema.ts";
import { type Console, type ConsoleEnv, ROOT } from "./requests.ts";
import { requireSession } from "./session/guard.ts";
import { addLogin, addLogout } from "./session/login.tsx";
import { showPage } from "./show-page.ts";

const MAX_FORM_BYTES = 65_536;

/** The operator's page: what is in front of the session, and the pages behind it. */
export function operatorConsole(world: World, counters: Counters): Console {
  const pages: Console = new Hono<ConsoleEnv>().basePath(ROOT);
  pages.use(consoleHeaders, logRequest(world, "console"));
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
  addTail(pages, world);
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
    const viewer = c.get("viewer");
    if (error instanceof ProblemError) {
      for (const [name, value] of Object.entries(error.headers)) c.header(name, value);
      return showPage(c, <Refusal problem={error.problem} viewer={viewer} />, toStatus(error.problem.status));
    }
    if (isSchemaFault(error)) {
      const fault = await explainSchemaFault(c.env.DB, error);
      logFailure("console", fault);
      return showPage(c, <Refusal problem={{ title: "Not ready", detail: fault.message }} viewer={viewer} />, 503);
    }
    logFailure("console", error);
    return showPage(c, <Refusal problem={failure} viewer={viewer} />, 500);
  });
  return pages;
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
