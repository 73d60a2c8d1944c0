import { etag } from "hono/etag";
import icon from "./assets/icon.svg";
import live from "./assets/live.js";
import style from "./assets/style.css";
import type { Console } from "./requests.ts";

/** What the pages load. A browser asks each time whether it is still the same. */
export function addAssets(pages: Console): void {
  pages.get("/style.css", etag(), (c) => c.body(style, 200, headersOf("text/css")));
  pages.get("/icon.svg", etag(), (c) => c.body(icon, 200, headersOf("image/svg+xml")));
  pages.get("/live.js", etag(), (c) => c.body(live, 200, headersOf("text/javascript")));
}

function headersOf(type: string) {
  return { "content-type": `${type}; charset=utf-8`, "cache-control": "no-cache" };
}
