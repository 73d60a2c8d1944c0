import { type Hook, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { Env } from "../env.ts";
import { isObject, parseJsonLosslessly } from "../platform/json.ts";
import { logLine } from "../platform/log.ts";
import type { Problem, ProblemError } from "../platform/problem.ts";
import { type BodyFault, readBody } from "../platform/read-body.ts";
import type { Timers } from "../platform/timeout.ts";
import type { World } from "../platform/world.ts";
import type { Access } from "../store/tokens.ts";
import { refuse } from "./refusals.ts";

/** Who acts. */
export interface Actor {
  /** For the audit trail and the log: the token's name, or the e-mail address of a person whom Cloudflare Access let in. */
  readonly name: string;
  readonly access: Access;
  /** The destination that the access ends at; null unless it is that of a destination. */
  readonly destinationId: string | null;
}

/** The bearer of a token. */
export interface Caller extends Actor {
  /** Null for the bearer of ADMIN_TOKEN. */
  readonly tokenId: string | null;
}

export interface OperatorEnv {
  Bindings: Env;
  /** Set by `authenticate`. */
  Variables: {
    caller?: Caller;
    /** Set under an Idempotency-Key. */
    firstTry?: World;
  };
}

/** A request that was let in, by the API or by the console: who acts, and on what. */
export interface ActionContext {
  readonly env: Env;
  readonly req: { readonly url: string };
  get(key: "caller"): Actor | undefined;
}

export type OperatorApi = OpenAPIHono<OperatorEnv>;

/** A request whose parameters or body are not what the operation takes. */
export function invalidRequest(errors: NonNullable<Problem["errors"]>): ProblemError {
  const detail = errors.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
  return refuse("invalid_request", { detail, errors });
}

export function notFound(what: string): ProblemError {
  return refuse("not_found", { detail: `There is no such ${what}.` });
}

/** What was looked for; throws `not_found` when there is no such thing. */
export function existing<Found>(found: Found | null | undefined, what: string): Found {
  if (found === null || found === undefined) throw notFound(what);
  return found;
}

export const refuseInvalid: Hook<unknown, OperatorEnv, string, unknown> = (result) => {
  if (result.success) return;
  throw invalidRequest(
    result.error.issues.flatMap((issue) =>
      // One error for each field that the operation does not know, named by its own path.
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => ({ path: [...issue.path, key].join("."), message: "is not a known field" }))
        : { path: issue.path.join("."), message: issue.message },
    ),
  );
};

/** Logs one line for each request. Its query and body are left out: they can hold what no log may. */
export function logRequest<Any extends { Variables: { caller?: Actor } }>(
  world: Pick<World, "now">,
  unit: "api" | "console" = "api",
): MiddlewareHandler<Any> {
  return async (c, next) => {
    const startedAt = world.now();
    await next();
    logLine(unit, {
      message: "request.answered",
      method: c.req.method,
      route: routeOf(c),
      status: c.res.status,
      token: c.get("caller")?.name,
      duration_ms: world.now() - startedAt,
    });
  };
}

/** The path of the route that answers, with the names of its parameters. A middleware matches all methods: it is no route. */
function routeOf(c: Context): string | undefined {
  const routes = matchedRoutes(c);
  return (routes.findLast(({ method }) => method !== "ALL") ?? routes.at(-1))?.path;
}

/** Reads the body before the handlers do, within bounds of size and time; `refuse` throws. */
export function boundBody(maxBytes: number, timers: Timers, refuse: (fault: BodyFault) => never): MiddlewareHandler {
  return async (c, next) => {
    const { raw } = c.req;
    const body = await readBody(raw, maxBytes, timers);
    if (typeof body === "string") refuse(body);
    if (raw.body !== null) c.req.raw = new Request(raw.url, { method: raw.method, headers: raw.headers, body });
    await next();
  };
}

/** Refuses a body without JSON's content type: the validator would take it for an empty object. A `filter` keeps its digits. */
export const requireJson: MiddlewareHandler<OperatorEnv> = async (c, next) => {
  if (!/^application\/([\w.-]+\+)?json\b/i.test(c.req.header("content-type") ?? "")) {
    throw invalidRequest([{ path: "", message: "must be sent as application/json" }]);
  }
  const { req } = c;
  req.json = async <T>() => parseRequest(await req.text()) as T;
  await next();
};

/** Numbers in a filter may have more digits than a number of JavaScript. Throws SyntaxError. */
function parseRequest(text: string): unknown {
  const json: unknown = JSON.parse(text);
  if (!isObject(json) || !Object.hasOwn(json, "filter")) return json;
  return { ...json, filter: Object(parseJsonLosslessly(text))["filter"] as unknown };
}

/** The same for an optional body: a request without one is read as `{}`. */
export const absentBodyIsEmpty: MiddlewareHandler<OperatorEnv> = async (c, next) => {
  const { raw } = c.req;
  const text = await raw.clone().text();
  if (text.trim() === "" || !raw.headers.has("content-type")) {
    const headers = { ...Object.fromEntries(raw.headers), "content-type": "application/json" };
    c.req.raw = new Request(raw.url, { method: raw.method, headers, body: text.trim() === "" ? "{}" : text });
  }
  await requireJson(c, next);
};

/** The query of a list: how many items, and the cursor after the page before. */
export function paging<Position extends z.ZodType>(position: Position) {
  return { limit, cursor: cursorOf(position).optional() };
}

const limit = z
  .string()
  .regex(/^\d{1,4}$/, "must be a whole number")
  .transform(Number)
  .pipe(z.number().int().min(1).max(100))
  .default(50)
  .openapi({ type: "integer", minimum: 1, maximum: 100, default: 50 });

/** `cursor` of a list: where the page before ended. Opaque to clients. */
export function cursorOf<Position extends z.ZodType>(position: Position) {
  return z
    .string()
    .transform((text, context): z.output<Position> => {
      const parsed = position.safeParse(tryDecode(text));
      if (parsed.success) return parsed.data;
      context.addIssue({ code: "custom", message: "is not a cursor of this list" });
      return z.NEVER;
    })
    .openapi({ type: "string" });
}

export function encodeCursor(position: object): string {
  return new TextEncoder().encode(JSON.stringify(position)).toBase64({ alphabet: "base64url", omitPadding: true });
}

function tryDecode(text: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(text, { alphabet: "base64url" })));
  } catch {
    return undefined;
  }
}
