import { Hono } from "hono";
import { type Env, tryReadConfig } from "../env.ts";
import { logLine } from "../platform/log.ts";
import { CANARY_HEADER } from "../domain/canary.ts";
import type { Counters } from "../domain/counters.ts";
import { isCatalogued } from "../qonto/catalogue.ts";
import type { World } from "../platform/world.ts";
import { type ReceiveResult, receiveEvent } from "./receive-event.ts";
import { refusalResponse } from "./refusals.ts";

/** `POST /webhooks/qonto`, for both of Qonto's webhook systems. */
export function receiveRoute(world: World, counters: Counters) {
  const route = new Hono<{ Bindings: Env }>();

  route.post("/", async (c) => {
    const startedAt = world.now();
    const config = tryReadConfig(c.env, "receive");
    if (config === null) return refusalResponse("not_configured");
    const result = await receiveEvent(c.req.raw, {
      env: c.env,
      config,
      now: world.now,
      timers: world,
      waitUntil: (work) => c.executionCtx.waitUntil(work),
    });
    // Without the time that the sender took for the body.
    const durationMs = world.now() - startedAt - (result.bodyMs ?? 0);
    logResult(result, durationMs);
    countResult(result, { durationMs, ofDoctor: c.req.header(CANARY_HEADER) !== undefined }, counters);
    return toResponse(result);
  });

  route.all("/", () => refusalResponse("method_not_allowed"));
  return route;
}

function toResponse(result: ReceiveResult): Response {
  switch (result.outcome) {
    case "accepted":
    case "duplicate":
      return Response.json({ status: result.outcome, event_id: result.event.id });
    case "canary":
      return Response.json({ status: "accepted", event_id: result.event.id });
    case "quarantined":
      return Response.json({ status: "quarantined", reason: "unreadable" });
    case "refused":
      return refusalResponse(result.code);
    case "broken_off":
      // For a sender that has closed one direction only.
      return refusalResponse("body_timeout");
  }
}

/** Refusals that the doctor provokes have their own counter, so a stranger who claims to be the doctor is still counted. */
function countResult(
  result: ReceiveResult,
  { durationMs, ofDoctor }: { readonly durationMs: number; readonly ofDoctor: boolean },
  counters: Counters,
): void {
  // An incomplete body has no acknowledgement.
  const isWhole = result.outcome !== "broken_off" && !(result.outcome === "refused" && result.code === "body_timeout");
  if (isWhole) counters.observe("qonto_relay_acknowledgement_seconds", durationMs);
  switch (result.outcome) {
    case "accepted":
    case "duplicate": {
      // Types are unlimited; labels of a metric are not.
      const { source, type } = result.event;
      const label = isCatalogued(type) ? type : "other";
      return counters.count("qonto_relay_events_total", { source, type: label, outcome: result.outcome });
    }
    case "quarantined":
      return counters.count("qonto_relay_events_total", {
        source: result.source,
        type: "unreadable",
        outcome: result.outcome,
      });
    case "refused":
      return counters.count(ofDoctor ? "qonto_relay_canary_refusals_total" : "qonto_relay_refusals_total", {
        code: result.code,
      });
    case "canary":
    case "broken_off":
  }
}

function logResult(result: ReceiveResult, durationMs: number): void {
  const event = "event" in result ? result.event : null;
  logLine("receive", {
    message: "request.answered",
    outcome: result.outcome,
    code: result.outcome === "refused" ? result.code : undefined,
    durable_by: "durableBy" in result ? result.durableBy : undefined,
    conflict: "isConflict" in result && result.isConflict ? true : undefined,
    source: result.source,
    event_id: event?.id,
    type: event?.type,
    organization_id: event?.organizationId,
    size_bytes: result.sizeBytes,
    body_ms: result.bodyMs,
    duration_ms: durationMs,
  });
}
