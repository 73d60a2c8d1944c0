import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Counters } from "../../../src/domain/counters.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { operatorApi } from "../../../src/api/api.ts";

/** What the tests look at in an OpenAPI document; that it is one, a validator says. */
const media = z.object({ schema: z.unknown().optional(), example: z.unknown().optional() });
const content = z.record(z.string(), media);
const operationSchema = z.object({
  operationId: z.string().optional(),
  summary: z.string().optional(),
  tags: z.array(z.string()).optional(),
  security: z.array(z.unknown()).optional(),
  parameters: z.array(z.object({ name: z.string(), in: z.string() })).default([]),
  requestBody: z.object({ content }).optional(),
  responses: z.record(z.string(), z.object({ description: z.string(), content: content.optional() })),
});
const documentSchema = z.object({
  openapi: z.literal("3.1.0"),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

const api = operatorApi({ ...realWorld, fetch: () => Promise.reject(new Error("no network")) }, new Counters());
const text = await (await api.request("/openapi.json")).text();
const { paths, components } = documentSchema.parse(JSON.parse(text));

const publicPaths = ["/health", "/api/event-types"];

const operations = Object.entries(paths).flatMap(([path, ofPath]) =>
  Object.entries(ofPath).map(([method, operation]) => ({
    title: `${method.toUpperCase()} ${path}`,
    method,
    path,
    operation,
  })),
);

describe("the document of the operator's API", () => {
  it("is valid OpenAPI 3.1", async () => {
    expect(await new Validator().validate(JSON.parse(text))).toEqual({ valid: true });
  });

  it("has every route, and no other", () => {
    const routes = api.routes
      .filter(({ method, path }) => method !== "ALL" && path !== "/openapi.json")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    expect([...new Set(routes)].toSorted()).toEqual(operations.map(({ title }) => title).toSorted());
    expect(operations.length).toBeGreaterThan(25);
  });

  it("names each operation once, for the clients that are made from it", () => {
    const names = operations.map(({ operation }) => operation.operationId);
    expect(names.filter((name) => name === undefined || !/^[a-z][A-Za-z]+$/.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe.each(operations)("$title", ({ method, path, operation }) => {
  it("says what it does and what it belongs to", () => {
    expect(operation.summary).toBeTruthy();
    expect(operation.tags).toHaveLength(1);
  });

  it("asks for a token, unless it is public, and names what comes without the right one", () => {
    const isPublic = publicPaths.includes(path);
    expect(operation.security).toEqual(isPublic ? undefined : [{ bearer: [] }]);
    if (!isPublic)
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(["401", "403", "429", "503"]));
  });

  it("names the refusals that its input can meet", () => {
    // An unknown query parameter is refused, except where everybody may ask.
    expect("400" in operation.responses).toBe(!publicPaths.includes(path));
    expect("408" in operation.responses).toBe(method !== "get");
    const namesOne = operation.parameters.some((parameter) => parameter.in === "path");
    // What an organization that nobody knows has is an empty list.
    expect("404" in operation.responses).toBe(namesOne && !path.endsWith("/resources"));
  });

  const examples = [
    ...Object.entries(operation.requestBody?.content ?? {}).map(([type, one]) => [`request, ${type}`, one] as const),
    ...Object.entries(operation.responses).flatMap(([status, { content: answer = {} }]) =>
      Object.entries(answer).map(([type, one]) => [`${status}, ${type}`, one] as const),
    ),
  ];
  it.each(examples)("has an example that is as its schema says: %s", (_where, { schema, example }) => {
    expect(example).toBeDefined();
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const validate = ajv.compile({ ...Object(schema), components });
    validate(example);
    expect(validate.errors).toBeNull();
  });

  it("has a body in each of its answers but 204", () => {
    const without = Object.entries(operation.responses).filter(([, { content: answer }]) => answer === undefined);
    expect(without.map(([status]) => status).filter((status) => status !== "204")).toEqual([]);
  });
});
