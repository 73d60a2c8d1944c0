import { Hono } from "hono";
import { z } from "zod";
import { type SampleType, isSampleType } from "../../../src/qonto/sample-event.ts";
import { type Bank, isListedType } from "./bank.ts";
import { isScope } from "./scopes.ts";
import type { Delivery } from "./sender.ts";
import type { SimulatedQonto } from "./simulated-qonto.ts";

interface Change {
  readonly type: SampleType;
  readonly changes: { readonly [field: string]: unknown };
}

/** Makes things happen at a simulated Qonto, by HTTP. Qonto has nothing of this. */
export function controls(qonto: SimulatedQonto): Hono {
  const app = new Hono();
  const on = <Input>(path: string, schema: z.ZodType<Input>, act: (input: Input) => object | Promise<object>) =>
    app.post(path, async (c) => {
      const input = schema.safeParse(parseJson(await c.req.text()));
      if (!input.success) return c.json({ error: z.prettifyError(input.error) }, 400);
      return c.json(await act(input.data));
    });
  /** The first one, unless another is meant. */
  const organization_id = z
    .string()
    .refine((id) => qonto.banks.has(id), "is no organization")
    .default(qonto.bank.organizationId);

  const eventsInput = z.object({
    organization_id,
    type: z.string().refine(isSampleType, "is no type of the catalogue"),
    count: z.int().min(1).max(1_000).default(1),
    changes: z.record(z.string(), z.unknown()).default({}),
  });
  on("/simulate/events", eventsInput, async ({ count, ...change }) => {
    const bank = qonto.bankOf(change.organization_id);
    return show(await Promise.all(Array.from({ length: count }, () => happen(qonto, bank, change))));
  });

  app.get("/simulate/deliveries", (c) =>
    c.json(qonto.sender.deliveries.map(({ body: _body, ...delivery }) => delivery)),
  );

  on("/simulate/webhooks", z.object({ lost: z.boolean() }), ({ lost }) => {
    qonto.faults.losesWebhooks = lost;
    return { lost };
  });

  const subscriptionInput = z.object({
    id: z
      .string()
      .refine((id) => qonto.subscriptions.has(id), "is no subscription")
      .optional(),
  });
  on("/simulate/subscriptions/lose", subscriptionInput, ({ id }) => {
    const lost = id === undefined ? [...qonto.subscriptions.keys()] : [id];
    for (const one of lost) qonto.loseSubscription(one);
    return { lost };
  });

  on("/simulate/consents/revoke", z.object({ organization_id }), async (input) =>
    show([await qonto.revokeConsent(input.organization_id)]),
  );

  const scopesInput = z.object({ organization_id, scopes: z.array(z.string().refine(isScope, "is no scope")) });
  on("/simulate/consents/scopes", scopesInput, (input) => {
    qonto.reduceScopes(input.organization_id, input.scopes);
    return input;
  });
  return app;
}

/** Something changes in the bank, if the bank has such things, and its event is sent. */
function happen(qonto: SimulatedQonto, bank: Bank, { type, changes }: Change): Promise<Delivery[]> {
  if (type === "v1/organizations") {
    const item = bank.change(type, bank.organizationId, changes);
    return qonto.emit(qonto.eventOf(type, item, "updated", bank));
  }
  if (isListedType(type)) return qonto.emit(qonto.eventOf(type, bank.make(type, changes), "created", bank));
  if (!type.startsWith("v1/")) return qonto.emit(qonto.event(type, changes));
  const { id, data: sample } = qonto.event(type);
  const data = { ...Object(sample), id, ...changes };
  return qonto.emit(qonto.event(type, { data }, bank));
}

function show(deliveries: readonly Delivery[][]) {
  return deliveries.flat().map(({ eventId, url, outcome, tries }) => ({ event_id: eventId, url, outcome, tries }));
}

/** No text is no input. */
function parseJson(text: string): unknown {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
}
