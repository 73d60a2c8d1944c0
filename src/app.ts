import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { getPath } from "hono/utils/url";
import type { Counters } from "./domain/counters.ts";
import type { Env } from "./env.ts";
import { logFailure } from "./platform/log.ts";
import { plainPath } from "./platform/plain-path.ts";
import { ProblemError, problemResponse } from "./platform/problem.ts";
import type { World } from "./platform/world.ts";
import { receiveRoute } from "./receive/route.ts";
import { explainSchemaFault, isSchemaFault } from "./store/schema.ts";

type App = Hono<{ Bindings: Env }>;

/** The stage that answers a request, as the log names it. */
type Unit = "receive" | "api";

/** Everything that the Worker answers over HTTP. */
export function createApp(world: World, counters: Counters) {
  // Always loaded, so it also answers 404 for unknown paths.
  const receiver = addAnswers(newApp().route("/webhooks/qonto", receiveRoute(world, counters)), "receive");
  const api = loadedOnce(async () => {
    const { operatorApi } = await import("./api/api.ts");
    return newApp().route("/", operatorApi(world, counters));
  });
  const pages = loadedOnce(async () => {
    const { operatorConsole, publicDocs } = await import("./console/console.tsx");
    return newApp().route("/", operatorConsole(world, counters)).route("/", publicDocs(world));
  });
  const appsByFirstSegment = new Map([
    ["api", api],
    ["metrics", api],
    ["health", api],
    ["openapi.json", api],
    ["console", pages],
    ["docs", pages],
  ]);
  const loaderOf = (request: Request) => appsByFirstSegment.get(addressOf(request).split("/", 2)[1] ?? "");
  return {
    fetch: async (request: Request, env: Env, context: ExecutionContext): Promise<Response> => {
      const app = (await loaderOf(request)?.()) ?? receiver;
      return app.fetch(request, env, context);
    },
    unitOf: (request: Request): Unit => (loaderOf(request) === undefined ? "receive" : "api"),
  };
}

/**
 * The first request for an app loads it: Qonto waits for one second, and an isolate that begins with a webhook does not evaluate
 * API and console. Requests share the finished app, never a promise: the runtime fails a request that waits for the work of
 * another.
 */
function loadedOnce(load: () => Promise<App>): () => Promise<App> {
  let loaded: App | undefined;
  return async () => {
    if (loaded !== undefined) return loaded;
    const app = await load();
    return (loaded ??= addAnswers(app, "api"));
  };
}

function newApp(): App {
  return new Hono({ getPath: addressOf });
}

/** Doubled slashes and one at the end are easily typed: the address is the same without them. */
function addressOf(request: Request): string {
  return plainPath(getPath(request));
}

/** Adds the answers for requests that no route answers, and for errors. */
function addAnswers(app: App, unit: Unit): App {
  const methods = [...new Set(app.routes.map(({ method }) => method))].filter(isMethod).toSorted();
  app.notFound((c) => {
    // A middleware matches all methods: it is no route.
    const isAt = (method: string) =>
      app.router.match(method, c.req.path)[0].some(([[, route]]) => isMethod(route.method));
    const allowed = methods.filter(isAt);
    return allowed.length === 0 ? problemResponse(nothingHere) : methodNotAllowed(allowed);
  });
  app.onError(async (error, c) => {
    if (error instanceof ProblemError) return problemResponse(error.problem, error.headers);
    if (error instanceof HTTPException && error.status < 500) {
      return problemResponse({
        status: 400,
        code: "invalid_request",
        title: "Invalid request",
        detail: error.message,
        errors: [{ path: "", message: error.message }],
      });
    }
    if (isSchemaFault(error)) {
      const fault = await explainSchemaFault(c.env.DB, error);
      logFailure(unit, fault, { message: "request.failed" });
      return problemResponse({ status: 503, code: "not_ready", title: "Not ready", detail: fault.message });
    }
    logFailure(unit, error, { message: "request.failed" });
    return problemResponse({
      status: 500,
      code: "internal_error",
      title: "Internal error",
      detail: "The request failed through a fault of the relay; its log says more.",
    });
  });
  return app;
}

const nothingHere = {
  status: 404,
  code: "not_found",
  title: "Not found",
  detail: "There is nothing at this address.",
};

function methodNotAllowed(methods: readonly string[]): Response {
  const allow = methods.join(", ");
  const detail = `This address takes ${allow}.`;
  return problemResponse({ status: 405, code: "method_not_allowed", title: "Method not allowed", detail }, { allow });
}

function isMethod(method: string): boolean {
  return method !== "ALL";
}
