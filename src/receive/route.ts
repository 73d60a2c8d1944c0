import { Hono } from "hono";
import { ConfigError, type Config, type Env, readConfig } from "../env.ts";
import { logFailure, logLine } from "../platform/log.ts";
import { CANARY_HEADER } from "../domain/canary.ts";
import type { Counters } from "../domain/counters.ts";
import { isCatalogued } from "../qonto/catalogue.ts";
import type { World } from "../platform/world.ts";
import { type Verdict, receiveEvent } from "./receive-event.ts";
import { refusalResponse } from "./refusals.ts";

/** `POST /webhooks/qonto`, for both of Qonto's webhook systems. */
export function receiveRoute(world: World, counters: Counters) {
  const route = new Hono<{ Bindings: Env }>();

  route.post("/", async (c) => {
    const startedAt = world.now();
    const config = tryReadConfig(c.env);
    if (config === null) return refusalResponse("not_configured");
    const verdict = await receiveEvent(c.req.raw, {
      env: c.env,
      config,
      now: world.now,
      timers: world,
      waitUntil: (work) => c.executionCtx.waitUntil(work),
    });
    // Without the time that the sender took for the body.
    const durationMs = world.now() - startedAt - (verdict.bodyMs ?? 0);
    logVerdict(verdict, durationMs);
    countVerdict(verdict, { durationMs, ofDoctor: c.req.header(CANARY_HEADER) !== undefined }, counters);
    return toResponse(verdict);
  });

  route.all("/", () => refusalResponse("method_not_allowed"));
  return route;
}

function tryReadConfig(env: Env): Config | null {
  try {
    return readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    logFailure("receive", error, { message: "configuration.read_failed" });
    return null;
  }
}

function toResponse(verdict: Verdict): Response {
  switch (verdict.outcome) {
    case "accepted":
    case "duplicate":
      return Response.json({ status: verdict.outcome, event_id: verdict.event.id });
    case "canary":
      return Response.json({ status: "accepted", event_id: verdict.event.id });
    case "quarantined":
      return Response.json({ status: "quarantined", reason: "unreadable" });
    case "refused":
      return refusalResponse(verdict.code);
    case "broken_off":
      // For a sender that has closed one direction only.
      return refusalResponse("body_timeout");
  }
}

/** Refusals that the doctor provokes are counted too, apart: so a stranger who claims to be the doctor hides nothing. */
function countVerdict(
  verdict: Verdict,
  { durationMs, ofDoctor }: { readonly durationMs: number; readonly ofDoctor: boolean },
  counters: Counters,
): void {
  // An incomplete body has no acknowledgement.
  const isWhole =
    verdict.outcome !== "broken_off" && !(verdict.outcome === "refused" && verdict.code === "body_timeout");
  if (isWhole) counters.observe("qonto_relay_acknowledgement_seconds", durationMs);
  switch (verdict.outcome) {
    case "accepted":
    case "duplicate": {
      // Types are unlimited; labels of a metric are not.
      const { source, type } = verdict.event;
      const label = isCatalogued(type) ? type : "other";
      return counters.count("qonto_relay_events_total", { source, type: label, outcome: verdict.outcome });
    }
    case "quarantined":
      return counters.count("qonto_relay_events_total", {
        source: verdict.source ?? "business",
        type: "unreadable",
        outcome: verdict.outcome,
      });
    case "refused":
      return counters.count(ofDoctor ? "qonto_relay_canary_refusals_total" : "qonto_relay_refusals_total", {
        code: verdict.code,
      });
    case "canary":
    case "broken_off":
  }
}

function logVerdict(verdict: Verdict, durationMs: number): void {
  const event = "event" in verdict ? verdict.event : undefined;
  logLine("receive", {
    message: "request.answered",
    outcome: verdict.outcome,
    code: verdict.outcome === "refused" ? verdict.code : undefined,
    durable_by: "durableBy" in verdict ? verdict.durableBy : undefined,
    body_differs: "bodyDiffers" in verdict && verdict.bodyDiffers ? true : undefined,
    source: verdict.source,
    event_id: event?.id,
    type: event?.type,
    organization_id: event?.organizationId,
    size_bytes: verdict.sizeBytes,
    body_ms: verdict.bodyMs,
    duration_ms: durationMs,
  });
}
