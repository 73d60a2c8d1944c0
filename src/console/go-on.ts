import type { Child } from "hono/jsx";
import type { ConsoleContext } from "./requests.ts";
import { showPage } from "./show-page.tsx";

/**
 * Answers with a short page from which the browser goes on by itself. Where the way leads to or from another site a redirect
 * does not do: the policy of the form's page forbids it to leave the console, wherever Qonto redirects next, and after a link of
 * another site the redirected request lacks the session's strict cookie.
 */
export function goOn(c: ConsoleContext, url: string, document: Child): Response | Promise<Response> {
  c.header("refresh", `0; url=${url}`);
  return showPage(c, document);
}
