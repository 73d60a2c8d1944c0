import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { type ConsoleContext, ROOT } from "../requests.ts";
import { SESSION_SECONDS } from "./session.ts";

const NAME = "relay_console";

const attributes = { path: ROOT, httpOnly: true, secure: true, sameSite: "Strict" } as const;

export function readCookie(c: ConsoleContext): string {
  return getCookie(c, NAME) ?? "";
}

export function giveCookie(c: ConsoleContext, text: string): void {
  setCookie(c, NAME, text, { ...attributes, maxAge: SESSION_SECONDS });
}

export function takeCookie(c: ConsoleContext): void {
  deleteCookie(c, NAME, attributes);
}
