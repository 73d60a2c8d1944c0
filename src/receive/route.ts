import { Hono } from "hono";
import { ConfigError, type Config, type Env, readConfig } from "../env.ts";
import { logFailure, logLine } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { type Verdict, receiveEvent } from "./receive-event.ts";
import { refusalResponse } from "./refusals.ts";

/** `POST /webhooks/qonto`, for both of Qonto's webhook systems. */
export function receiveRoute(world: World) {
  const route = new Hono<{ Bindings: Env }>();

  route.post("/", async (c) => {
    const startedAt = world.now();
    const config = tryReadConfig(c.env);
    if (config === null) return refusalResponse("not_configured");
    const verdict = await receiveEvent(c.req.raw, {
      env: c.env,
      config,
      now: startedAt,
      waitUntil: (work) => c.executionCtx.waitUntil(work),
    });
    logVerdict(verdict, world.now() - startedAt);
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
    logFailure("receive", error);
    return null;
  }
}

function toResponse(verdict: Verdict): Response {
  switch (verdict.outcome) {
    case "accepted":
    case "duplicate":
      return Response.json({ status: verdict.outcome, event_id: verdict.event.id });
    case "quarantined":
      return Response.json({ status: "quarantined", reason: "unreadable" });
    case "refused":
      return refusalResponse(verdict.code);
  }
}

function logVerdict(verdict: Verdict, durationMs: number): void {
  const event = "event" in verdict ? verdict.event : undefined;
  logLine("receive", {
    outcome: verdict.outcome,
    code: verdict.outcome === "refused" ? verdict.code : undefined,
    durable_by: verdict.outcome === "refused" ? undefined : verdict.durableBy,
    body_differs: "bodyDiffers" in verdict && verdict.bodyDiffers ? true : undefined,
    source: verdict.source,
    event_id: event?.id,
    type: event?.type,
    organization_id: event?.organizationId,
    size_bytes: verdict.sizeBytes,
    duration_ms: durationMs,
  });
}
