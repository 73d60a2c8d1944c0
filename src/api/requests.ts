import { type Hook, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { parseInstant } from "../domain/instant.ts";
import type { Env } from "../env.ts";
import type { ProblemError } from "../platform/problem.ts";
import type { World } from "../platform/world.ts";
import type { Actor, Caller } from "./caller.ts";
import { refuse } from "./refusals.ts";

export interface OperatorEnv {
  Bindings: Env;
  /** Set behind the token. */
  Variables: {
    caller?: Caller;
    /** Set under an Idempotency-Key. */
    firstTry?: World;
  };
}

/** Who acts, and on what: a request that was let in, by the API or by the console. */
export interface Acting {
  readonly env: Env;
  get(key: "caller"): Actor | undefined;
}

export type OperatorApi = OpenAPIHono<OperatorEnv>;

export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** A request whose parameters or body are not what the operation takes. */
export function invalidRequest(errors: readonly FieldError[]): ProblemError {
  const detail = errors.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
  return refuse("invalid_request", { detail, errors });
}

export function notFound(what: string): ProblemError {
  return refuse("not_found", { detail: `There is no such ${what}.` });
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

/** The query of an operation that takes none. */
export const noQuery = z.strictObject({});

/** A body that the validator would take for an empty object because nothing says it is JSON. */
export const requireJson: MiddlewareHandler<OperatorEnv> = async (c, next) => {
  if (!/^application\/([\w.-]+\+)?json\b/i.test(c.req.header("content-type") ?? "")) {
    throw invalidRequest([{ path: "", message: "must be sent as application/json" }]);
  }
  await next();
};

/** For an operation whose body says only what differs from the usual: none at all is as good as an empty one. */
export const absentBodyIsEmpty: MiddlewareHandler<OperatorEnv> = async (c, next) => {
  const { raw } = c.req;
  const text = await raw.clone().text();
  if (text.trim() === "" || !raw.headers.has("content-type")) {
    const headers = { ...Object.fromEntries(raw.headers), "content-type": "application/json" };
    c.req.raw = new Request(raw.url, { method: raw.method, headers, body: text.trim() === "" ? "{}" : text });
  }
  await requireJson(c, next);
};

/** `limit` of a list. */
export const limit = z
  .string()
  .regex(/^\d{1,4}$/, "must be a whole number")
  .transform(Number)
  .pipe(z.number().int().min(1).max(100))
  .default(50)
  .openapi({ type: "integer", minimum: 1, maximum: 100, default: 50 });

/** The text of an instant, as Unix milliseconds; without a zone it is UTC. */
export function instantText(message: string) {
  return z.string().transform((text, context) => {
    // A `+` that a query does not escape arrives as a blank.
    const read = parseInstant(text) ?? parseInstant(text.replace(/ (?=[\d:]+$)/, "+"));
    if (read !== null) return Date.parse(read.iso);
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

/** An instant in a query or a body. */
export const instant = instantText("must be an ISO 8601 instant, as 2026-11-29T10:00:00Z").openapi({
  type: "string",
  format: "date-time",
});

/** `cursor` of a list: where the page before ended. Opaque to its bearer. */
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
