import { wholeSchemaOf } from "../qonto/event-schema.ts";
import { eventTypes } from "../qonto/event-types.ts";
import { defineRoute } from "./define-route.ts";
import { servePublicText } from "./public-text.ts";
import type { OperatorApi } from "./requests.ts";
import { json } from "./responses.ts";
import { eventTypeList, exampleEventTypeList } from "./schemas/event-type.ts";

const list = defineRoute("get", "/api/event-types", {
  operationId: "listEventTypes",
  tag: "Webhooks",
  summary: "List the event types that the relay knows, each with a JSON Schema and an example",
  access: "public",
  answers: { 200: json(eventTypeList, "All of them, Qonto's first", exampleEventTypeList) },
});

/** Public, so it comes before the guards of `/api/*`. */
export function addEventTypes(api: OperatorApi): void {
  api.openAPIRegistry.registerPath(list);
  servePublicText(api, list.path, () => {
    const data = eventTypes.map(({ example, ...eventType }) => ({
      ...eventType,
      schema: wholeSchemaOf({ ...eventType, example }),
      example,
    }));
    return JSON.stringify({ data });
  });
}
