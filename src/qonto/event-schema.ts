import { isObject } from "../platform/json.ts";
import { bareEventName, rulesOf } from "./catalogue.ts";
import type { EventType } from "./event-types.ts";

/** A JSON Schema, 2020-12. */
export type Schema = Readonly<Record<string, unknown>>;

/**
 * The schema of an event's body, made from the envelope of its source and, for `data`, from the catalogue's rules and the sample.
 * It is open, because Qonto's catalogue grows: nothing is required but what every event has, and by default an object may have
 * more fields. To say so by `additionalProperties` would keep TypeScript from telling events of a union by their type.
 */
export function schemaOf({ type, source, description, example }: EventType): Schema {
  const { properties, required } = envelopes[source](type, example["data"]);
  return { title: type, description, ...objectOf(properties, required) };
}

/** The same as a document of its own. */
export function wholeSchemaOf(eventType: EventType): Schema {
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...schemaOf(eventType) };
}

interface Fields {
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required: readonly string[];
}

const id = text("Id of the event: deduplicate on it. It is also in the header `webhook-id`.");
const createdAt = text("When the event was created, in ISO 8601.");

/** The fields around `data`, by who tells the event. */
const envelopes: Readonly<Record<EventType["source"], (type: string, data: unknown) => Fields>> = {
  business: (type, data) => ({
    properties: {
      id,
      subscription_id: text("Qonto's webhook subscription. A reconciled event has none."),
      organization_id: text("The organization that the event is about."),
      membership_id: text("The member who made the subscription. A reconciled event has none."),
      type: { const: type },
      created_at: createdAt,
      data: resource(type, isObject(data) ? data : {}),
    },
    required: ["id", "organization_id", "type", "created_at", "data"],
  }),
  onboarding: (type) => ({
    properties: {
      id,
      event_type: { const: type },
      resource_type: text("What the event is about: `registration` or `organization`."),
      resource_id: text("Id of the registration or the organization. Ask Qonto's API for the rest."),
      created_at: createdAt,
    },
    required: ["id", "event_type", "resource_type", "resource_id", "created_at"],
  }),
  relay: (type, data) => ({
    properties: {
      id,
      type: { const: type },
      organization_id: text("The organization that the event is about, if it is about one."),
      created_at: { ...createdAt, format: "date-time" },
      data: facts(isObject(data) ? data : {}),
    },
    required: ["id", "type", "created_at", "data"],
  }),
};

/**
 * A resource of Qonto's. The sample says which fields there are and of which kind. Each may be absent or null, but for the name
 * of the change and the id.
 */
function resource(type: string, sample: Readonly<Record<string, unknown>>): Schema {
  const { resourceId, instant, lifecycle } = rulesOf(type);
  const fields = Object.entries(sample).map(([name, value]): [string, Schema] => {
    if (name === "event") return [name, text(changesOf(lifecycle, value))];
    if (name === resourceId && name === "id") return [name, text("Names the resource, with organization and type.")];
    if (name === resourceId) return [name, orNull(text("Names the resource, with organization and type."))];
    if (name === "updated_at" || name === instant) {
      return [name, orNull(text("Dates this version of the resource, in ISO 8601: keep the newest."))];
    }
    return [name, orNull(kindOf(value))];
  });
  const description =
    "The resource as Qonto documents it. Any field that is not required may be absent or null. An amount may be a number or a text. Qonto adds fields.";
  // Where another field names the resource, what Qonto's API lists may have `id` instead.
  const required = ["event", "id"].filter((name) => name in sample && (name === "event" || name === resourceId));
  return { description, ...objectOf(Object.fromEntries(fields), required) };
}

/** `data` of an operational event: the relay itself writes each field. Only a name may be null. */
function facts(sample: Readonly<Record<string, unknown>>): Schema {
  const fields = Object.entries(sample).map(([name, value]): [string, Schema] => {
    const kind = typeof value === "number" ? { type: "number" } : kindOf(value);
    return [name, name.endsWith("_name") ? orNull(kind) : kind];
  });
  return objectOf(Object.fromEntries(fields), Object.keys(sample));
}

/** Names of changes are documented but not closed: Qonto adds some. */
function changesOf(lifecycle: readonly string[], sample: unknown): string {
  const names = new Set([...lifecycle, ...(typeof sample === "string" ? [bareEventName(sample)] : [])]);
  return `What happened: ${[...names].map((name) => `\`${name}\``).join(", ")}, or something that Qonto has added.`;
}

/** The kind of a sample's value. Qonto has written amounts as numbers and as texts, and resources know both. */
function kindOf(value: unknown): Schema {
  if (Array.isArray(value)) return { type: "array", items: value.length === 0 ? {} : kindOf(value[0]) };
  if (isObject(value)) {
    const fields = Object.entries(value).map(([name, inner]): [string, Schema] => {
      const isMoney = "currency" in value && ["value", "amount"].includes(name) && !isObject(inner);
      return [name, orNull(isMoney ? amount : kindOf(inner))];
    });
    return objectOf(Object.fromEntries(fields), []);
  }
  if (typeof value === "boolean") return { type: "boolean" };
  return isAmount(value) ? amount : { type: "string" };
}

const amount: Schema = { type: ["number", "string"] };

function isAmount(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" && /^-?\d+\.\d+$/.test(value));
}

function orNull(schema: Schema): Schema {
  return { ...schema, type: [schema["type"], "null"].flat() };
}

function text(description: string): Schema {
  return { type: "string", description };
}

function objectOf(properties: Fields["properties"], required: Fields["required"]): Schema {
  return {
    type: "object",
    properties,
    ...(required.length === 0 ? {} : { required }),
  };
}
