import { Ajv2020 } from "ajv/dist/2020.js";
import { OpenAPIClientAxios, type OpenAPIClient } from "openapi-client-axios";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { DestinationServer } from "../../demo/destination-server.ts";
import { businessRequest, makePayload, onboardingRequest } from "../../support/qonto.ts";
import { type ServedRelay, serveRelay, variables } from "../support/served-relay.ts";

const now = () => Math.floor(Date.now() / 1000);

let relay: ServedRelay;
let destination: DestinationServer;
let client: OpenAPIClient;
let document: z.output<typeof documentSchema>;

const documentSchema = z.looseObject({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        operationId: z.string(),
        responses: z.record(
          z.string(),
          z.looseObject({ content: z.record(z.string(), z.looseObject({ schema: z.unknown() })).optional() }),
        ),
      }),
    ),
  ),
  components: z.unknown(),
});

beforeAll(async () => {
  relay = await serveRelay();
  destination = await DestinationServer.start();
  const definition: unknown = await (await fetch(`${relay.url}/openapi.json`)).json();
  document = documentSchema.parse(definition);
  const factory = new OpenAPIClientAxios({
    definition: definition as never,
    withServer: { url: relay.url },
    axiosConfigDefaults: { headers: { authorization: `Bearer ${variables.ADMIN_TOKEN}` }, validateStatus: () => true },
  });
  client = await factory.init();
});

afterAll(async () => {
  destination?.stop();
  await relay?.stop();
});

const called = new Set<string>();

/** Calls an operation by its name; its answer must be one that the document describes. */
async function call(
  operationId: string,
  parameters: Record<string, string | number> = {},
  body?: unknown,
): Promise<{ status: number; data: any }> {
  called.add(operationId);
  const operate = client[operationId];
  if (operate === undefined) throw new Error(`The client knows no ${operationId}`);
  const { status, data } = await operate(parameters, body);
  const operation = Object.values(document.paths)
    .flatMap((ofPath) => Object.values(ofPath))
    .find((one) => one.operationId === operationId);
  const described = operation?.responses[String(status)];
  expect(described, `${operationId} answered ${status}`).toBeDefined();
  const schema = described?.content?.["application/json"]?.schema;
  if (schema !== undefined) {
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile({
      ...Object(schema),
      components: document.components,
    });
    validate(data);
    expect(validate.errors, operationId).toBeNull();
  }
  return { status, data };
}

async function send(request: RequestInit): Promise<void> {
  const response = await fetch(`${relay.url}/webhooks/qonto`, request);
  expect([200, 401]).toContain(response.status);
}

describe("a client made from the document", () => {
  it("can do all that the API can", async () => {
    const { data: created } = await call("createDestination", {}, { url: destination.url, types: ["v1/*"] });
    const { id } = created;
    expect((await call("testDestination", { id })).data.outcome).toBe("delivered");
    expect((await call("rotateSecret", { id }, { overlap_seconds: 60 })).data.secret).toMatch(/^whsec_/);
    expect((await call("changeDestination", { id }, { description: "Accounting" })).data.description).toBe(
      "Accounting",
    );
    expect((await call("showDestination", { id })).status).toBe(200);
    expect((await call("listDestinations", { limit: 10 })).data.data).toHaveLength(1);

    const secret = variables.QONTO_WEBHOOK_SECRETS;
    const payload = makePayload("v1/organizations");
    await send(await businessRequest(payload, { secret, timestamp: now() }));
    await send(
      await onboardingRequest(makePayload("registrations.pending"), { secret: variables.QONTO_ONBOARDING_SECRETS }),
    );
    await send(await businessRequest(makePayload("v1/cards"), { secret, timestamp: now() - 3_600 }));
    await send(await businessRequest("not JSON", { secret, timestamp: now() }));
    await expect.poll(async () => (await call("showEvent", { id: payload.id })).data.state).toBe("settled");
    expect((await call("listEvents", { type: "v1/organizations" })).data.data).toHaveLength(1);
    expect((await call("replayEvent", { id: payload.id }, { destination_id: id })).data).toEqual({ count: 1 });
    const { data: preview } = await call("previewDestination", { id }, { filter: { type: "v1/organizations" } });
    expect(preview.rendered.event_id).toBe(payload.id);
    const replay = await call("replayDestination", { id }, { since: "2020-01-01T00:00:00Z", which: "all" });
    expect((await call("showReplay", { id: replay.data.replay_id })).data.destination_id).toBe(id);
    expect((await call("listDeliveries", { destination_id: id })).data.data.length).toBeGreaterThan(0);

    const [organization] = (await call("listOrganizations")).data.data;
    const organizationId = organization.organization_id;
    expect((await call("showOrganization", { id: organizationId })).data.profile).not.toBeNull();
    const [resource] = (await call("listResources", { id: organizationId })).data.data;
    await call("showResource", { id: organizationId, resource_id: resource.resource_id });
    const [registration] = (await call("listRegistrations")).data.data;
    expect((await call("showRegistration", { id: registration.registration_id })).data.stage).toBe("pending");

    const [one, other] = (await call("listQuarantine")).data.data;
    await call("showQuarantined", { id: one.id });
    expect((await call("releaseQuarantined", { id: one.id })).status).toBe(202);
    expect((await call("dropQuarantined", { id: other.id })).status).toBe(204);

    expect((await call("listDeadLetters")).data.data).toEqual([]);
    expect((await call("replayDeadLetter", { id: "none" })).status).toBe(404);
    expect((await call("dropDeadLetter", { id: "none" })).status).toBe(404);
    expect((await call("listConnections")).data.data).toEqual([]);
    expect((await call("reconcileConnection", { id: "none" }, {})).status).toBe(404);
    expect((await call("removeConnection", { id: "none" })).status).toBe(404);
    const { data: token } = await call("createToken", {}, { name: "grafana", access: "read" });
    expect((await call("listTokens")).data.data).toHaveLength(1);
    expect((await call("revokeToken", { id: token.id })).status).toBe(204);
    expect((await call("sendCanary")).status).toBe(202);
    expect((await call("showDiagnostics")).data.migrations.missing).toEqual([]);
    expect((await call("showMetrics")).data).toContain("qonto_relay_events_total");
    expect((await call("listAudit", { subject: id })).data.data.length).toBeGreaterThan(3);
    expect((await call("showLedger")).data.balanced).toBe(true);
    await call("showHealth");
    expect((await call("listEventTypes")).data.data.length).toBeGreaterThan(27);
    expect((await call("deleteDestination", { id })).status).toBe(204);
  });

  it("was asked for every operation that there is", () => {
    const all = Object.values(document.paths).flatMap((ofPath) => Object.values(ofPath));
    expect([...called].toSorted()).toEqual(all.map(({ operationId }) => operationId).toSorted());
  });
});
