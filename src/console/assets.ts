import { etag } from "hono/etag";
import icon from "./assets/icon.svg";
import live from "./assets/live.js";
import style from "./assets/style.css";
import eventsStyle from "./assets/events.css";
import organizationsStyle from "./assets/organizations.css";
import setAsideStyle from "./assets/set-aside.css";
import destinationsStyle from "./assets/destinations.css";
import type { Console } from "./requests.ts";

/** What all pages share, and then each kind of page its own. */
const styles = [style, eventsStyle, destinationsStyle, organizationsStyle, setAsideStyle].join("\n");

/** What the pages load. A browser asks each time whether it is still the same. */
export function addAssets(pages: Console): void {
  pages.get("/style.css", etag(), (c) => c.body(styles, 200, headersOf("text/css")));
  pages.get("/icon.svg", etag(), (c) => c.body(icon, 200, headersOf("image/svg+xml")));
  pages.get("/live.js", etag(), (c) => c.body(live, 200, headersOf("text/javascript")));
}

function headersOf(type: string) {
  return { "content-type": `${type}; charset=utf-8`, "cache-control": "no-cache" };
}
