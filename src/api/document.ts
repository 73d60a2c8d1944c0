import { etag } from "hono/etag";
import { MAX_KEY_CHARACTERS } from "./idempotency.ts";
import { documented } from "./refusals.ts";
import type { OperatorApi } from "./requests.ts";

/** `GET /openapi.json`: what the schemas say, written once by each isolate. */
export function addDocument(api: OperatorApi): void {
  api.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  let text: string | undefined;
  api.get("/openapi.json", etag(), (c) => {
    text ??= JSON.stringify(writeDocument(api));
    return c.body(text, 200, { "content-type": "application/json" });
  });
}

function writeDocument(api: OperatorApi) {
  const info = { title: "Qonto relay, operator's API", version: "1" };
  const document = api.getOpenAPI31Document({ openapi: "3.1.0", info });
  for (const { post } of Object.values(document.paths ?? {})) {
    if (post?.responses === undefined) continue;
    const { responses } = post;
    // It stands in front of the operations, as none of them asks for it.
    post.parameters = [...(post.parameters ?? []), idempotencyKey];
    const conflict = refusal("idempotency_in_progress");
    const other: unknown = responses[409];
    responses[409] = isDescribed(other)
      ? { ...other, description: `${other.description}. Or: ${conflict.description}` }
      : conflict;
    responses[422] = refusal("idempotency_key_reused");
  }
  return document;
}

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  description:
    "The same request with the same key is done once within a day, and has the same answer each time; a repeated answer bears `idempotency-replayed: true`.",
  schema: { type: "string", minLength: 1, maxLength: MAX_KEY_CHARACTERS, pattern: "^[\\x21-\\x7e]+$" },
  example: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
} as const;

function refusal(code: Parameters<typeof documented>[0]) {
  const { description, content } = documented(code);
  const { example } = content["application/problem+json"];
  const schema = { $ref: "#/components/schemas/Problem" };
  return { description, content: { "application/problem+json": { schema, example } } };
}

function isDescribed(response: unknown): response is { readonly description: string } {
  return typeof response === "object" && response !== null && "description" in response;
}
