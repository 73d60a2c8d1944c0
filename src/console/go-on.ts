import type { Child } from "hono/jsx";
import type { ConsoleContext } from "./requests.ts";
import { showPage } from "./show-page.tsx";

/**
 * Answers with a short page from which the browser goes on by itself, where a redirect does not work. On the way to Qonto the
 * policy of the form's page forbids a form to leave the console. On the way back the redirected request lacks the session's
 * strict cookie.
 */
export function goOn(c: ConsoleContext, url: string, document: Child): Response | Promise<Response> {
  c.header("refresh", `0; url=${url}`);
  return showPage(c, document);
}
