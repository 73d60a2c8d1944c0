import { etag } from "hono/etag";
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
  return api.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Qonto relay, operator's API", version: "1" } });
}
