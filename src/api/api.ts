import { OpenAPIHono } from "@hono/zod-openapi";
import type { Counters } from "../domain/counters.ts";
import { ProblemError } from "../platform/problem.ts";
import type { BodyFault } from "../platform/read-body.ts";
import type { World } from "../platform/world.ts";
import { addAudit } from "./audit.ts";
import { authenticate } from "./authenticate.ts";
import { boundBody } from "./bound-body.ts";
import { addDeadLetters } from "./dead-letters.ts";
import { addDeliveries } from "./deliveries.ts";
import { addDiagnostics } from "./diagnostics.ts";
import { addMetrics } from "./metrics.ts";
import { addDestinations } from "./destinations.ts";
import { addDocument } from "./document.ts";
import { addEvents } from "./events.ts";
import { addHealth } from "./health.ts";
import { honourIdempotencyKeys } from "./idempotency.ts";
import { logRequest } from "./log-request.ts";
import { addLedger } from "./ledger.ts";
import { addOrganizations } from "./organizations.ts";
import { addQuarantine } from "./quarantine.ts";
import { addRegistrations } from "./registrations.ts";
import { addReplays } from "./replays.ts";
import { addSecretRotation } from "./rotate-secret.ts";
import { addTestDelivery } from "./test-delivery.ts";
import { addTokens } from "./tokens.ts";
import { type OperatorApi, type OperatorEnv, invalidRequest, refuseInvalid } from "./requests.ts";

/** Many times what any operation needs. */
const MAX_BODY_BYTES = 262_144;

/** The operator's API. The schemas that check its requests also write its document. */
export function operatorApi(world: World, counters: Counters): OperatorApi {
  const api: OperatorApi = new OpenAPIHono<OperatorEnv>({ defaultHook: refuseInvalid });
  const guards = [logRequest(world), authenticate(world)] as const;
  api.use("/api/*", ...guards);
  api.use("/metrics", ...guards);
  api.use("/api/*", boundBody(MAX_BODY_BYTES, world, refuseBody), honourIdempotencyKeys(world));
  addDestinations(api, world, counters);
  addSecretRotation(api, world);
  addTestDelivery(api, world);
  addEvents(api);
  addDeliveries(api);
  addReplays(api, world);
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
  if (fault === "body_too_large")
    throw invalidRequest([{ path: "", message: `must not exceed ${MAX_BODY_BYTES} bytes` }]);
  const detail = "The body was not complete in time. Send it again.";
  throw new ProblemError({ status: 408, code: "body_timeout", title: "Body timeout", detail });
}
