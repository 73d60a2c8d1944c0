import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { type ConsoleContext, ROOT } from "../requests.ts";
import { SESSION_SECONDS } from "./session.ts";

const NAME = "relay_console";

/** `Secure` where the request came by https: by http a browser that heeds it would not send the cookie back. */
function attributesFor(c: ConsoleContext) {
  const secure = new URL(c.req.url).protocol === "https:";
  return { path: ROOT, httpOnly: true, secure, sameSite: "Strict" } as const;
}

export function readCookie(c: ConsoleContext): string {
  return getCookie(c, NAME) ?? "";
}

export function giveCookie(c: ConsoleContext, text: string): void {
  setCookie(c, NAME, text, { ...attributesFor(c), maxAge: SESSION_SECONDS });
}

export function takeCookie(c: ConsoleContext): void {
  deleteCookie(c, NAME, attributesFor(c));
}
