import { createRoute, z } from "@hono/zod-openapi";
import { type StageRow, listRegistrationIds, stagesOf } from "../store/registrations.ts";
import { type OperatorApi, cursorOf, encodeCursor, limit, noQuery, notFound } from "./requests.ts";
import { badInput, behindToken, json, page, security, time, toPage, unknownId } from "./responses.ts";

const registration = z
  .object({
    registration_id: z.string(),
    stage: z.string().openapi({ example: "contract_signed" }),
    stage_at: time.nullable(),
    stages: z.array(z.object({ stage: z.string(), at: time.nullable(), event_id: z.string() })),
  })
  .openapi("Registration");

const listRoute = createRoute({
  method: "get",
  path: "/api/registrations",
  summary: "List registrations",
  security,
  request: { query: z.strictObject({ limit, cursor: cursorOf(z.object({ id: z.string() })).optional() }) },
  responses: { 200: json(page(registration), "In the order of their ids"), ...badInput, ...behindToken },
});

const showRoute = createRoute({
  method: "get",
  path: "/api/registrations/{id}",
  summary: "Show a registration's present stage and how it came there",
  security,
  request: { params: z.object({ id: z.string() }), query: noQuery },
  responses: { 200: json(registration, "Its stages, oldest first"), ...behindToken, ...unknownId },
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
