import { OpenAPIHono } from "@hono/zod-openapi";
import type { Counters } from "../domain/counters.ts";
import type { BodyFault } from "../platform/read-body.ts";
import type { World } from "../platform/world.ts";
import { addAudit } from "./audit.ts";
import { authenticate } from "./authenticate.ts";
import { addConnections } from "./connections.ts";
import { addDeadLetters } from "./dead-letters.ts";
import { addDestinations } from "./destinations.ts";
import { addDiagnostics } from "./diagnostics.ts";
import { addEventTypes } from "./event-types.ts";
import { addEvents } from "./events.ts";
import { addHealth } from "./health.ts";
import { honourIdempotencyKeys } from "./idempotency.ts";
import { addLedger } from "./ledger.ts";
import { addMetrics } from "./metrics.ts";
import { addOrganizations } from "./organizations.ts";
import { servePublicText } from "./public-text.ts";
import { addQuarantine } from "./quarantine.ts";
import { refuse } from "./refusals.ts";
import { addRegistrations } from "./registrations.ts";
import {
  type OperatorApi,
  type OperatorEnv,
  boundBody,
  invalidRequest,
  logRequest,
  refuseInvalid,
} from "./requests.ts";
import { addTokens } from "./tokens.ts";
import { describeDeliveries, registerDeliveries } from "./webhooks.ts";

/** Many times what any operation needs. */
const MAX_BODY_BYTES = 262_144;

/** The operator's API. The schemas that check its requests also write its document. */
export function operatorApi(world: World, counters: Counters): OperatorApi {
  const api: OperatorApi = new OpenAPIHono<OperatorEnv>({ defaultHook: refuseInvalid });
  addEventTypes(api);
  const guards = [logRequest(world), authenticate(world)] as const;
  api.use("/api/*", ...guards);
  api.use("/metrics", ...guards);
  api.use("/api/*", boundBody(MAX_BODY_BYTES, world, refuseBody), honourIdempotencyKeys(world));
  addDestinations(api, world, counters);
  addConnections(api, world);
  addEvents(api, world);
  addOrganizations(api);
  addRegistrations(api);
  addQuarantine(api, world);
  addDeadLetters(api, world);
  addLedger(api, world);
  addTokens(api, world);
  addAudit(api);
  addDiagnostics(api, world);
  addMetrics(api, world, counters);
  addHealth(api, world);
  addDocument(api);
  return api;
}

function refuseBody(fault: BodyFault): never {
  throw fault === "body_too_large"
    ? invalidRequest([{ path: "", message: `must not exceed ${MAX_BODY_BYTES} bytes` }])
    : refuse("body_timeout");
}

/** `GET /openapi.json`: the operations, and what a destination receives. */
function addDocument(api: OperatorApi): void {
  api.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  const info = { title: "Qonto relay, operator's API", version: "1" };
  servePublicText(api, "/openapi.json", () => {
    registerDeliveries(api);
    return JSON.stringify({ ...api.getOpenAPI31Document({ openapi: "3.1.0", info }), ...describeDeliveries() });
  });
}
