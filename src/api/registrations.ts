import { z } from "@hono/zod-openapi";
import { type StageRow, listRegistrationIds, stagesOf } from "../store/registrations.ts";
import { defineRoute } from "./define-route.ts";
import { type OperatorApi, encodeCursor, existing, paging } from "./requests.ts";
import { json, page, show, toPage } from "./responses.ts";
import { exampleRegistration, registration } from "./schemas/registration.ts";

const list = defineRoute("get", "/api/registrations", {
  operationId: "listRegistrations",
  tag: "Registrations",
  summary: "List registrations",
  query: paging(z.object({ id: z.string() })),
  answers: { 200: page(registration, "In order of their ids", exampleRegistration) },
});

const detail = defineRoute("get", "/api/registrations/{id}", {
  operationId: "showRegistration",
  tag: "Registrations",
  summary: "Show a registration's present stage and the stages before",
  answers: { 200: json(registration, "Its stages, oldest first", exampleRegistration) },
});

export function addRegistrations(api: OperatorApi): void {
  api.openapi(list, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const ids = await listRegistrationIds(c.env.DB, cursor?.id ?? "", limit + 1);
    const idPage = toPage(ids, limit, { show: (id) => id, cursorAt: (id) => encodeCursor({ id }) });
    return c.json({ ...idPage, data: showRegistrations(await stagesOf(c.env.DB, idPage.data)) }, 200);
  });

  api.openapi(detail, async (c) => {
    const [found] = showRegistrations(await stagesOf(c.env.DB, [c.req.valid("param").id]));
    return c.json(existing(found, "registration"), 200);
  });
}

/** Groups stages, which come in the order of registration and version, by registration. */
function showRegistrations(stages: readonly StageRow[]): z.input<typeof registration>[] {
  return [...Map.groupBy(stages, ({ registrationId }) => registrationId).values()].flatMap((ofOne) => {
    const present = ofOne.at(-1);
    if (present === undefined || !ofOne.some(({ isRegistration }) => isRegistration)) return [];
    return show(registration, { ...present, stageAt: present.at, stages: ofOne });
  });
}
