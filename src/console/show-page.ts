import type { HtmlEscapedString } from "hono/utils/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { ConsoleContext } from "./requests.ts";

/** Answers with a whole document. */
export async function showPage(
  c: ConsoleContext,
  document: HtmlEscapedString | Promise<HtmlEscapedString>,
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  return c.html(`<!doctype html>${String(await document)}`, status);
}
