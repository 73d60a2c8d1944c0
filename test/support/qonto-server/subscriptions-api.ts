import { Hono } from "hono";
import { z } from "zod";
import type { Consent } from "./consents.ts";
import { flatError, missingScope } from "./errors.ts";
import type { QontoFaults } from "./faults.ts";
import { pageOf } from "./paging.ts";
import { scopeOfType } from "./scopes.ts";
import { type QontoWorld, isoAt } from "./world.ts";

export interface Subscription {
  readonly id: string;
  readonly organization_id: string;
  /** Of the member that asked for it. */
  readonly membership_id: string;
  /** The application by which it was asked for. */
  readonly clientId: string;
  callback_url: string;
  types: string[];
  secret: string;
  description: string | null;
  /** Qonto documents no such field: it is shown of one that somebody has disabled. */
  enabled: boolean;
  readonly created_at: string;
  updated_at: string;
}

const MAX_URL_LENGTH = 512;

export interface SubscriptionsApiOptions {
  readonly world: Pick<QontoWorld, "now" | "randomId">;
  readonly faults: Pick<QontoFaults, "refusedTypes">;
  readonly consentOf: (request: Request) => Consent;
  /** For tests on one machine. */
  readonly allowHttp: boolean;
}

/** The Business API's subscriptions, of which each member sees only their own, of the same application. */
export function subscriptionsApi(
  subscriptions: Map<string, Subscription>,
  { world, faults, consentOf, allowHttp }: SubscriptionsApiOptions,
): Hono {
  const subscriptionInput = z.object({
    callback_url: z
      .string()
      .max(MAX_URL_LENGTH)
      .refine((url) => isAllowed(url, allowHttp), "must be an https URL"),
    types: z.array(z.string().min(1)).min(1),
    secret: z.string().min(32).max(128).optional(),
    description: z.string().max(256).nullish(),
  });
  const own = (request: Request) => {
    const { clientId, membershipId } = consentOf(request);
    return [...subscriptions.values()].filter((one) => one.membership_id === membershipId && one.clientId === clientId);
  };
  const api = new Hono();

  api.get("/v2/webhook_subscriptions", (c) =>
    pageOf(own(c.req.raw).map(show), "subscriptions", new URL(c.req.url).searchParams),
  );

  api.post("/v2/webhook_subscriptions", async (c) => {
    const consent = consentOf(c.req.raw);
    const input = subscriptionInput.safeParse(await json(c.req.raw));
    if (!input.success) return invalid(input.error);
    const { callback_url, types, description = null, secret = randomSecret(world) } = input.data;
    const refusal = refuseTypes(types, consent, faults);
    if (refusal !== null) return refusal;
    const now = isoAt(world.now());
    const made: Subscription = {
      id: world.randomId(),
      organization_id: consent.organizationId,
      membership_id: consent.membershipId,
      clientId: consent.clientId,
      callback_url,
      types,
      secret,
      description,
      enabled: true,
      created_at: now,
      updated_at: now,
    };
    subscriptions.set(made.id, made);
    return Response.json({ ...show(made), secret }, { status: 201 });
  });

  api.on(["GET", "PUT", "DELETE"], "/v2/webhook_subscriptions/:id", async (c) => {
    const found = own(c.req.raw).find(({ id }) => id === c.req.param("id"));
    if (found === undefined) return flatError(404, "not_found", "There is no such webhook subscription");
    if (c.req.method === "GET") return Response.json(show(found));
    if (c.req.method === "DELETE") {
      subscriptions.delete(found.id);
      return new Response(null, { status: 204 });
    }
    // It replaces what it shows. The secret, which it does not show, is kept unless another is given.
    const input = subscriptionInput.safeParse(await json(c.req.raw));
    if (!input.success) return invalid(input.error);
    const { callback_url, types, description = null, secret = found.secret } = input.data;
    const refusal = refuseTypes(types, consentOf(c.req.raw), faults);
    if (refusal !== null) return refusal;
    Object.assign(found, { callback_url, types, description, secret, updated_at: isoAt(world.now()) });
    return Response.json(show(found));
  });
  return api;
}

function refuseTypes(
  types: readonly string[],
  consent: Consent,
  { refusedTypes }: Pick<QontoFaults, "refusedTypes">,
): Response | null {
  if (refusedTypes?.types.some((type) => types.includes(type)) === true) {
    return flatError(refusedTypes.status, "invalid_request", "types are invalid", { pointer: "/types" });
  }
  const missing = types.map(scopeOfType).find((scope) => scope !== null && !consent.scopes.includes(scope));
  return missing === undefined || missing === null ? null : missingScope(missing);
}

/** As Qonto makes them: 32 bytes. */
function randomSecret({ randomId }: Pick<QontoWorld, "randomId">): string {
  return `whsec_${new TextEncoder().encode(randomId().replaceAll("-", "")).toBase64()}`;
}

/** Without the secret, which is shown once. */
function show({ clientId: _clientId, secret: _secret, enabled, ...shown }: Subscription) {
  return enabled ? shown : { ...shown, enabled };
}

function isAllowed(url: string, allowHttp: boolean): boolean {
  const protocol = URL.parse(url)?.protocol;
  return protocol === "https:" || (allowHttp && protocol === "http:");
}

async function json(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
}

function invalid({ issues }: z.ZodError): Response {
  const [issue] = issues;
  return flatError(400, "invalid_request", issue?.message ?? "", { pointer: `/${issue?.path.join("/") ?? ""}` });
}
