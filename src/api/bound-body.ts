import type { MiddlewareHandler } from "hono";
import { type BodyFault, readBody } from "../platform/read-body.ts";
import type { Timers } from "../platform/timeout.ts";

/** Reads the body before anybody else does, within bounds of size and time; `refuse` throws. */
export function boundBody(maxBytes: number, timers: Timers, refuse: (fault: BodyFault) => never): MiddlewareHandler {
  return async (c, next) => {
    const { raw } = c.req;
    const body = await readBody(raw, maxBytes, timers);
    if (typeof body === "string") refuse(body);
    if (raw.body !== null) c.req.raw = new Request(raw.url, { method: raw.method, headers: raw.headers, body });
    await next();
  };
}
