import { HTTPException } from "hono/http-exception";
import { Hono } from "hono";
import type { RouterRoute } from "hono/types";
import type { Tally } from "./domain/tally.ts";
import { operatorConsole } from "./console/console.tsx";
import type { Env } from "./env.ts";
import { operatorApi } from "./operator/api.ts";
import { logFailure } from "./platform/log.ts";
import { ProblemError, problemResponse } from "./platform/problem.ts";
import type { World } from "./platform/world.ts";
import { receiveRoute } from "./receive/route.ts";

/** Everything the Worker answers over HTTP. */
export function createApp(world: World, tally: Tally) {
  const app = new Hono<{ Bindings: Env }>();
  app.route("/webhooks/qonto", receiveRoute(world, tally));
  app.route("/", operatorConsole(world, tally));
  app.route("/", operatorApi(world, tally));

  app.notFound((c) => {
    const methods = methodsAt(c.req.path, app.routes);
    return methods.length === 0 ? problemResponse(nothingHere) : methodNotAllowed(methods);
  });
  app.onError((error) => {
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
    logFailure("request", error);
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

/** The methods with which there is something at a path; what stands in front of many paths is not counted. */
function methodsAt(path: string, routes: readonly RouterRoute[]): string[] {
  const isAt = (route: RouterRoute) =>
    route.method !== "ALL" && new RegExp(`^${route.path.replaceAll(/:\w+/g, "[^/]+")}$`).test(path);
  return [...new Set(routes.filter(isAt).map(({ method }) => method))].toSorted();
}
