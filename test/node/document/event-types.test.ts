import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { operatorApi } from "../../../src/api/api.ts";
import { eventTypeList } from "../../../src/api/schemas/event-type.ts";
import { Counters } from "../../../src/domain/counters.ts";
import { operationalSamples, operationalTypes } from "../../../src/domain/operational-event.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { cataloguedTypes } from "../../../src/qonto/catalogue.ts";
import { deliveryHeaders } from "../../../src/outbound/delivery-contract.ts";

/** What the API says of the events that a destination receives. */

const api = operatorApi({ ...realWorld, fetch: () => Promise.reject(new Error("no network")) }, new Counters());
const read = async (path: string): Promise<unknown> => (await api.request(path)).json();

const { data: eventTypes } = eventTypeList.parse(await read("/api/event-types"));

const referenceTo = (kind: string) => z.object({ $ref: z.string().startsWith(`#/components/${kind}/`) });
const { webhooks, components } = z
  .object({
    webhooks: z.record(
      z.string(),
      z.object({
        post: z.object({
          summary: z.string(),
          parameters: z.array(referenceTo("parameters")),
          requestBody: z.object({
            content: z.object({
              "application/json": z.object({ schema: referenceTo("schemas"), example: z.unknown() }),
            }),
          }),
          responses: z.record(z.string(), referenceTo("responses")),
        }),
      }),
    ),
    components: z.object({
      schemas: z.record(z.string(), z.record(z.string(), z.unknown())),
      parameters: z.record(z.string(), z.object({ name: z.string(), in: z.literal("header") })),
      responses: z.record(z.string(), z.object({ description: z.string() })),
    }),
  })
  .parse(await read("/openapi.json"));

const nameIn = ({ $ref }: { $ref: string }) => $ref.split("/").at(-1) ?? "";

const ajv = new Ajv2020({ strict: true, strictTypes: false, formats: { "date-time": true } });

/** It compiles each schema once. */
function faultsOf(schema: object, value: unknown): unknown {
  const validate = ajv.compile(schema);
  validate(value);
  return validate.errors;
}

describe("the event types", () => {
  it("are those of the catalogue in its order, then the relay's own", () => {
    const { business, onboarding } = cataloguedTypes;
    const typesOf = (wanted: string) => eventTypes.filter(({ source }) => source === wanted).map(({ type }) => type);
    expect(typesOf("business")).toEqual(business);
    expect(typesOf("onboarding")).toEqual(onboarding);
    expect(typesOf("relay")).toEqual(operationalTypes);
    expect(eventTypes.map(({ type }) => type)).toEqual([...business, ...onboarding, ...operationalTypes]);
  });

  it("are each a webhook of the document, with the same schema and example", () => {
    expect(Object.keys(webhooks)).toEqual(eventTypes.map(({ type }) => type));
    for (const { type, description, schema, example } of eventTypes) {
      const { summary, requestBody } = webhooks[type]?.post ?? {};
      const described = requestBody?.content["application/json"];
      expect(summary).toBe(description);
      expect(described?.example).toEqual(example);
      const { $schema, ...rest } = schema;
      expect($schema).toBe("https://json-schema.org/draft/2020-12/schema");
      expect(components.schemas[nameIn(described?.schema ?? { $ref: "" })]).toEqual(rest);
    }
  });
});

describe.each(eventTypes)("$type", ({ type, source, description, schema, example }) => {
  it("is described by one sentence", () => {
    expect(description).toMatch(/^[A-Z][^.]+\.$/);
  });

  it("has an example that its schema takes, also with fields that nobody knows yet", () => {
    expect(faultsOf(schema, example)).toBeNull();
    const grown = { ...example, new_field: 1, data: { ...Object(example["data"]), new_field: [{ deep: true }] } };
    expect(faultsOf(schema, grown)).toBeNull();
  });

  it("is told from the others by its type", () => {
    const field = source === "onboarding" ? "event_type" : "type";
    expect(faultsOf(schema, { ...example, [field]: "v1/other" })).not.toBeNull();
  });

  it("has an id and a date in every event", () => {
    for (const field of ["id", "created_at"]) {
      const { [field]: _left, ...rest } = example;
      expect(faultsOf(schema, rest), field).not.toBeNull();
    }
  });

  it("comes with the headers of a delivery, and says what each answer means", () => {
    const webhook = webhooks[type]?.post;
    const headers = webhook?.parameters.map((one) => components.parameters[nameIn(one)]?.name);
    expect(headers).toEqual(Object.keys(deliveryHeaders));
    const responses = Object.entries(webhook?.responses ?? {});
    expect(responses.map(([status]) => status).toSorted()).toEqual(["2XX", "410", "default"]);
    for (const [, one] of responses) expect(components.responses[nameIn(one)]).toBeDefined();
  });
});

describe.each(eventTypes.filter(({ source }) => source === "business"))(
  "a resource of $type",
  ({ schema, example }) => {
    const data = z.record(z.string(), z.unknown()).parse(example["data"]);

    it("may lack or null every field but its id and the change", () => {
      const optional = Object.keys(data).filter((name) => !["id", "event"].includes(name));
      const least = Object.fromEntries(Object.entries(data).filter(([name]) => !optional.includes(name)));
      const nulled = { ...data, ...Object.fromEntries(optional.map((name) => [name, null])) };
      expect(faultsOf(schema, { ...example, data: least })).toBeNull();
      expect(faultsOf(schema, { ...example, data: nulled })).toBeNull();
      if ("event" in data) expect(faultsOf(schema, { ...example, data: { ...data, event: undefined } })).not.toBeNull();
    });

    it("may have a change that Qonto has added", () => {
      expect(faultsOf(schema, { ...example, data: { ...data, event: "reversed" } })).toBeNull();
    });

    it("has amounts as numbers or as texts", () => {
      const other = (value: unknown): unknown => {
        if (typeof value === "number") return String(value);
        if (typeof value === "string" && /^\d+\.\d+$/.test(value)) return Number(value);
        if (Array.isArray(value)) return value.map(other);
        if (typeof value !== "object" || value === null) return value;
        return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, other(inner)]));
      };
      expect(faultsOf(schema, { ...example, data: other(data) })).toBeNull();
    });
  },
);

describe.each(operationalTypes)("an event %s", (type) => {
  it("has every field of the relay's own", () => {
    const { schema = {}, example = {} } = eventTypes.find((one) => one.type === type) ?? {};
    const data: Record<string, unknown> = { ...operationalSamples[type] };
    for (const field of Object.keys(data)) {
      const { [field]: _left, ...rest } = data;
      expect(faultsOf(schema, { ...example, data: rest }), field).not.toBeNull();
    }
  });
});
