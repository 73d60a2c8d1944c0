import { type RouteConfig, z } from "@hono/zod-openapi";
import { describeDestinationAccess, keepToDestination } from "./destination-access.ts";
import { MAX_KEY_CHARACTERS, keyPattern } from "./idempotency.ts";
import { type RefusalCode, describeRefusals } from "./refusals.ts";
import { absentBodyIsEmpty, requireJson } from "./requests.ts";

interface Definition<Query extends z.ZodRawShape, Body extends z.ZodType, Answers extends RouteConfig["responses"]> {
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Who may call it; a bearer of a token by default. */
  readonly access?: "token" | "public";
  readonly query?: Query;
  /** JSON; an optional one is `{}` when the request has none. */
  readonly body?: { readonly schema: Body; readonly example: z.input<Body>; readonly isOptional?: boolean };
  readonly answers: Answers;
  /** What this operation refuses, beside what its access, path, body and method imply. */
  readonly refusals?: readonly RefusalCode[];
}

type ParameterNames<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | ParameterNames<Rest> : never;

/**
 * An operation as `api.openapi` takes it. Each `{name}` in its path is a text parameter. A handler's type knows its answers only:
 * refusals are thrown.
 */
export function defineRoute<
  const Path extends string,
  Answers extends RouteConfig["responses"],
  Query extends z.ZodRawShape = Record<string, never>,
  Body extends z.ZodType = never,
>(method: "get" | "post" | "patch" | "delete", path: Path, definition: Definition<Query, Body, Answers>) {
  const { operationId, tag, summary, description, access = "token", query, body, answers } = definition;
  const operation = `${method} ${path}`;
  const texts = [description, describeDestinationAccess(operation)].filter((text) => text !== undefined);
  const parameterNames = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = ""]) => name);
  // A list below an id that nobody knows is empty.
  const namesOne = parameterNames.length > 0 && query?.["cursor"] === undefined;
  const codes: readonly RefusalCode[] = [
    ...(access === "token" ? behindToken : []),
    // A request may have a body that its operation does not read.
    ...(method === "get" ? [] : (["body_timeout"] as const)),
    ...(namesOne ? (["not_found"] as const) : []),
    ...(definition.refusals ?? []),
    ...(method === "post" ? underIdempotencyKey : []),
  ];
  const middleware = [
    ...(access === "token" ? [keepToDestination(operation)] : []),
    ...(body === undefined ? [] : [body.isOptional === true ? absentBodyIsEmpty : requireJson]),
  ];
  const route = {
    method,
    path,
    operationId,
    tags: [tag],
    summary,
    ...(texts.length > 0 && { description: texts.join(" ") }),
    ...(access === "token" && { security: [{ bearer: [] }] }),
    ...(method === "post" && { parameters: [idempotencyKey] }),
    ...(middleware.length > 0 && { middleware }),
    request: {
      params: z.object(Object.fromEntries(parameterNames.map((name) => [name, z.string()]))),
      // A public operation ignores what strangers add.
      query: access === "public" ? z.object({}) : z.strictObject(query ?? {}),
      ...(body !== undefined && {
        body: {
          required: body.isOptional !== true,
          content: { "application/json": { schema: body.schema, example: body.example } },
        },
      }),
    },
    responses: { ...answers, ...describeRefusals(codes) },
  };
  return route as unknown as {
    method: typeof method;
    path: Path;
    request: {
      params: z.ZodObject<Record<ParameterNames<Path>, z.ZodString>>;
      query: z.ZodObject<Query, z.core.$strict>;
    } & ([Body] extends [never] ? unknown : { body: { content: { "application/json": { schema: Body } } } });
    responses: Answers;
  };
}

/** Every query is checked, even that of an operation that takes none. */
const behindToken = [
  "invalid_request",
  "unauthorized",
  "forbidden",
  "too_many_requests",
  "not_configured",
  "not_ready",
] as const;

const underIdempotencyKey = ["idempotency_in_progress", "idempotency_key_reused"] as const;

/** Read before the operation, by `honourIdempotencyKeys`. */
const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  description:
    "A request that is repeated with the same key within a day is done once and gets the same answer. A repeated answer has the header `idempotency-replayed: true`.",
  schema: { type: "string", minLength: 1, maxLength: MAX_KEY_CHARACTERS, pattern: keyPattern.source },
  example: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
} as const;
