import { Hono } from "hono";
import { z } from "zod";
import { flatError } from "./errors.ts";
import { pageOf } from "./paging.ts";

export interface Subscription {
  readonly id: string;
  /** Whose it is: the user and the client that asked for it. */
  readonly owner: string;
  callback_url: string;
  types: string[];
  secret: string;
  description: string | null;
  readonly created_at: string;
  updated_at: string;
}

const MAX_URL_LENGTH = 512;

/** The Business API's subscriptions, of which each user sees only their own. `allowHttp`: for tests on one machine. */
export function subscriptionsApi(
  subscriptions: Map<string, Subscription>,
  { ownerOf, allowHttp }: { readonly ownerOf: (request: Request) => string; readonly allowHttp: boolean },
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
  const own = (request: Request) => [...subscriptions.values()].filter(({ owner }) => owner === ownerOf(request));
  const api = new Hono();

  api.get("/v2/webhook_subscriptions", (c) =>
    pageOf(own(c.req.raw).map(show), "subscriptions", new URL(c.req.url).searchParams),
  );

  api.post("/v2/webhook_subscriptions", async (c) => {
    const input = subscriptionInput.safeParse(await json(c.req.raw));
    if (!input.success) return invalid(input.error);
    const { callback_url, types, description } = input.data;
    const secret = input.data.secret ?? `whsec_${crypto.getRandomValues(new Uint8Array(32)).toBase64()}`;
    const now = new Date().toISOString();
    const made: Subscription = {
      id: crypto.randomUUID(),
      owner: ownerOf(c.req.raw),
      callback_url,
      types,
      secret,
      description: description ?? null,
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
    // It replaces: what is not sent is not kept.
    const input = subscriptionInput.safeParse(await json(c.req.raw));
    if (!input.success) return invalid(input.error);
    const { callback_url, types, description } = input.data;
    const updated_at = new Date().toISOString();
    Object.assign(found, { callback_url, types, description: description ?? null, updated_at });
    return Response.json(show(found));
  });
  return api;
}

/** Without the secret, which is shown once. */
function show({ owner: _owner, secret: _secret, ...shown }: Subscription) {
  return shown;
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
