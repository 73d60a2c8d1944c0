import { Hono } from "hono";
import { z } from "zod";
import { listedError } from "./errors.ts";
import { type QontoWorld, isoAt } from "./world.ts";

export interface OnboardingWebhook {
  readonly id: string;
  readonly callback_url: string;
  readonly secret: string;
  readonly enabled: boolean;
  readonly created_at: string;
  readonly updated_at: string;
}

/** The guide names the first, the reference the second. */
const paths = ["/data_api/webhooks", "/register/webhooks"];

const webhookInput = z.object({ callback_url: z.url(), secret: z.string().min(1), enabled: z.boolean().default(true) });

/** The Onboarding API's single webhook of each partner. */
export function onboardingApi(
  webhooks: Map<string, OnboardingWebhook>,
  world: Pick<QontoWorld, "now" | "randomId">,
): Hono {
  const api = new Hono();
  for (const path of paths) {
    api.post(path, async (c) => {
      const partner = c.req.header("qonto-partner-id");
      if (partner === undefined) return listedError(401, "unauthorized", "Qonto-Partner-Id is missing");
      const input = webhookInput.safeParse(await c.req.json().catch(() => undefined));
      if (!input.success) {
        const [issue] = input.error.issues;
        return listedError(422, "invalid", `${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
      }
      const now = isoAt(world.now());
      const made = { id: world.randomId(), ...input.data, created_at: now, updated_at: now };
      webhooks.set(partner, made);
      return c.json(made, 201);
    });
  }
  return api;
}
