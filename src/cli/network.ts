import { type Outcome, send } from "../platform/http.ts";
import type { World } from "./world.ts";

/** Sends one request. It comes to nothing when no answer came in time. */
export function sendInTime(
  url: string,
  { answersWithinMs, ...init }: Omit<RequestInit, "redirect" | "signal"> & { readonly answersWithinMs: number },
  world: World,
): Promise<Outcome> {
  return send(url, { ...init, signal: world.timeout(answersWithinMs) }, world);
}
