import { secureHeaders } from "hono/secure-headers";

const self = ["'self'"];
const none = ["'none'"];

/** Nothing from elsewhere, nothing inline, nobody's frame; and nothing of a page stays in a cache. */
export const consoleHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: none,
    styleSrc: self,
    scriptSrc: self,
    imgSrc: self,
    connectSrc: self,
    formAction: self,
    frameAncestors: none,
    baseUri: none,
  },
  referrerPolicy: "no-referrer",
  xFrameOptions: "DENY",
});
