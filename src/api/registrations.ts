import { createRoute, z } from "@hono/zod-openapi";
import { type StageRow, listRegistrationIds, stagesOf } from "../store/registrations.ts";
import { badInput, behindToken, unknownId } from "./refusals.ts";
import { type OperatorApi, cursorOf, encodeCursor, limit, noQuery, notFound } from "./requests.ts";
import { json, page, pageOf, security, time, toPage } from "./responses.ts";

const registration = z
  .object({
    registration_id: z.string(),
    stage: z.string().openapi({ example: "contract_signed" }),
    stage_at: time.nullable(),
    stages: z.array(z.object({ stage: z.string(), at: time.nullable(), event_id: z.string() })),
  })
  .openapi("Registration");

const exampleRegistration = {
  registration_id: "525817f7-93e8-4f31-a83d-20319778b4b0",
  stage: "user_started",
  stage_at: "2026-11-24T09:12:44.000Z",
  stages: [
    { stage: "pending", at: "2026-11-24T09:02:17.000Z", event_id: "75341dcb-0376-474d-97d7-d2c03ff3973c" },
    { stage: "user_started", at: "2026-11-24T09:12:44.000Z", event_id: "6c0e8a35-91b4-4f0e-8d26-aa7b1c9f5e02" },
  ],
} satisfies z.input<typeof registration>;

const listRoute = createRoute({
  operationId: "listRegistrations",
  tags: ["Registrations"],
  method: "get",
  path: "/api/registrations",
  summary: "List registrations",
  security,
  request: { query: z.strictObject({ limit, cursor: cursorOf(z.object({ id: z.string() })).optional() }) },
  responses: {
    200: json(page(registration), "In the order of their ids", pageOf(exampleRegistration)),
    ...badInput,
    ...behindToken,
  },
});

const showRoute = createRoute({
  operationId: "showRegistration",
  tags: ["Registrations"],
  method: "get",
  path: "/api/registrations/{id}",
  summary: "Show a registration's present stage and how it came there",
  security,
  request: { params: z.object({ id: z.string() }), query: noQuery },
  responses: { 200: json(registration, "Its stages, oldest first", exampleRegistration), ...behindToken, ...unknownId },
});

export function addRegistrations(api: OperatorApi): void {
  api.openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const ids = await listRegistrationIds(c.env.DB, cursor?.id ?? "", limit + 1);
    const { data: shownIds, next_cursor } = toPage(ids, limit, {
      show: (id) => id,
      cursorAt: (id) => encodeCursor({ id }),
    });
    return c.json({ data: show(await stagesOf(c.env.DB, shownIds)), next_cursor }, 200);
  });

  api.openapi(showRoute, async (c) => {
    const [found] = show(await stagesOf(c.env.DB, [c.req.valid("param").id]));
    if (found === undefined) throw notFound("registration");
    return c.json(found, 200);
  });
}

/** Registrations out of their stages, which come in the order of registration and version. */
function show(stages: readonly StageRow[]): z.input<typeof registration>[] {
  return [...Map.groupBy(stages, ({ registrationId }) => registrationId)].flatMap(([registrationId, ofOne]) => {
    const present = ofOne.at(-1);
    if (present === undefined || !ofOne.some(({ isRegistration }) => isRegistration)) return [];
    return {
      registration_id: registrationId,
      stage: present.stage,
      stage_at: present.at,
      stages: ofOne.map(({ stage, at, eventId }) => ({ stage, at, event_id: eventId })),
    };
  });
}
