import { etag } from "hono/etag";
import type { OperatorApi } from "./requests.ts";

/** Serves JSON that everybody may read and that is the same for all: each isolate writes it once, at the first request. */
export function servePublicText(api: OperatorApi, path: string, write: () => string): void {
  let text: string | undefined;
  api.get(path, etag(), (c) => {
    text ??= write();
    return c.body(text, 200, { "content-type": "application/json" });
  });
}
