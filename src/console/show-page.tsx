import { html } from "hono/html";
import { type Child, createContext, useContext } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { plainPath } from "../platform/plain-path.ts";
import type { ConsoleContext, Viewer } from "./requests.ts";

/** What every component of a page may read. Hono keeps it apart for each request. */
interface PageContext {
  /** Undefined before the login. */
  readonly viewer: Viewer | undefined;
  /** Unix milliseconds. */
  readonly now: number;
  /** Percent-encoded, as a link needs it. */
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
}

const Context = createContext<PageContext | null>(null);

export const PageContextProvider = Context.Provider;

export function usePage(): PageContext {
  const page = useContext(Context);
  if (page === null) throw new Error("A component outside of a page");
  return page;
}

/** The destination that the viewer sees alone; null before the login, and for one that sees everything. */
export function useOwnDestination(): string | null {
  return usePage().viewer?.destinationId ?? null;
}

/** Answers with a whole document. */
export function showPage(
  c: ConsoleContext,
  document: Child,
  status: ContentfulStatusCode = 200,
): Response | Promise<Response> {
  // `c.req.path` is decoded. A path that begins with `//` would name another host.
  const path = plainPath(new URL(c.req.url).pathname);
  const page = { viewer: c.get("viewer"), now: c.get("now"), path, query: c.req.query() };
  return c.html(html`<!doctype html>${(<Context.Provider value={page}>{document}</Context.Provider>)}`, status);
}
