import { deliveryHeaders, ownHeaders } from "../outbound/delivery-contract.ts";
import { schemaOf } from "../qonto/event-schema.ts";
import { type EventType, eventTypes } from "../qonto/event-types.ts";
import type { OperatorApi } from "./requests.ts";

const TAG = "Webhooks";

const tag = {
  name: TAG,
  description: `What a destination receives, by event type; verification, retries and order are explained at \`/docs\`. Qonto adds types: they arrive in the same envelope. A body is described as it is sent in the format \`qonto\`. ${ownHeaders}`,
};

const answers = {
  Taken: { description: "The event is delivered." },
  Gone: { description: "The destination wants no more events: the relay pauses it until the operator resumes it." },
  Retried: { description: "The event is retried by the destination's retry schedule, redirects included." },
};

/** Adds schemas, headers and answers of deliveries to the document's components. */
export function registerDeliveries({ openAPIRegistry: registry }: OperatorApi): void {
  for (const [name, { description, example, isAlways }] of Object.entries(deliveryHeaders)) {
    const header = { name, in: "header", description, required: isAlways, schema: { type: "string" } } as const;
    registry.registerComponent("parameters", name, { ...header, example });
  }
  for (const [name, answer] of Object.entries(answers)) registry.registerComponent("responses", name, answer);
  for (const eventType of eventTypes) {
    registry.registerComponent("schemas", schemaNameOf(eventType), schemaOf(eventType));
  }
}

/** What a destination receives, as OpenAPI describes it: one webhook for each event type. */
export function describeDeliveries() {
  const headers = Object.keys(deliveryHeaders).map((name) => reference("parameters", name));
  const responses = {
    "2XX": reference("responses", "Taken"),
    "410": reference("responses", "Gone"),
    default: reference("responses", "Retried"),
  };
  const webhooks = eventTypes.map((eventType) => {
    const { type, description, example } = eventType;
    const schema = reference("schemas", schemaNameOf(eventType));
    const requestBody = { required: true, content: { "application/json": { schema, example } } };
    return [type, { post: { tags: [TAG], summary: description, parameters: headers, requestBody, responses } }];
  });
  return { tags: [tag], webhooks: Object.fromEntries(webhooks) };
}

/** `v1/transactions` becomes `V1TransactionsEvent`: a name for the classes that generators make. */
function schemaNameOf({ type }: EventType): string {
  const words = type.split(/[^a-zA-Z\d]+/);
  return `${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("")}Event`;
}

function reference(kind: "parameters" | "responses" | "schemas", name: string) {
  return { $ref: `#/components/${kind}/${name}` };
}
