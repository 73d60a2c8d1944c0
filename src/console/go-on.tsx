import { type ConsoleContext } from "./requests.ts";
import { showPage } from "./show-page.tsx";
import { Bare } from "./ui/layout.tsx";

interface Step {
  readonly url: string;
  readonly title: string;
  readonly text: string;
}

/**
 * Answers with a short page from which the browser goes on by itself. Where the way leads to or from another site a redirect
 * does not do: the policy of the form's page forbids it to leave the console, wherever Qonto redirects next, and after a link of
 * another site the redirected request lacks the session's strict cookie.
 */
export function goOn(c: ConsoleContext, { url, title, text }: Step): Response | Promise<Response> {
  c.header("refresh", `0; url=${url}`);
  return showPage(
    c,
    <Bare title={title}>
      <p>{text}</p>
    </Bare>,
  );
}
