import { isHTTPError } from "ky";
import { networkReason } from "./network.ts";

/** What kept Qonto's API from answering well, and whether to ask again. */

/** A request that was refused for its number has done nothing. Of others, only those that change nothing may come twice. */
export function isWorthRetrying(error: Error, longestWaitMs: number, nowMs: number): boolean {
  if ((retryAfterMs(error, nowMs) ?? 0) > longestWaitMs) return false;
  if (isLimited(error)) return true;
  const method = "request" in error && error.request instanceof Request ? error.request.method : "";
  if (method !== "GET") return false;
  return !isHTTPError(error) || error.response.status >= 500;
}

/** For anyone waits for the next try. */
export function troubleOf(error: Error): string {
  if (isLimited(error)) return "Qonto's rate limit is reached";
  return isHTTPError(error) ? "Qonto does not answer well" : `Qonto does not answer (${networkReason(error)})`;
}

function isLimited(error: Error): boolean {
  return isHTTPError(error) && error.response.status === 429;
}

/** What `Retry-After` asks for; null when nothing does. */
export function retryAfterMs(error: Error, nowMs: number): number | null {
  const text = isHTTPError(error) ? error.response.headers.get("retry-after") : null;
  if (text === null) return null;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? null : Math.max(ms, 0);
}
