import type { ConsoleContext } from "../requests.ts";

/**
 * Whether a form was sent by a page of this relay, as far as the browser says. `Origin` says nothing where there is the
 * other: without a referrer it is "null".
 */
export function isFromOwnSite(c: ConsoleContext): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined) return site === "same-origin";
  const origin = c.req.header("origin");
  return origin === undefined || origin === new URL(c.req.url).origin;
}
