import { createRoute, z } from "@hono/zod-openapi";
import { readData } from "../qonto/resource.ts";
import { type OrganizationRow, findOrganization, listOrganizations } from "../store/organizations.ts";
import { type ResourceRow, findResource, findResources, listResources } from "../store/resources.ts";
import { badInput, behindToken, unknownId } from "./refusals.ts";
import { type OperatorApi, cursorOf, encodeCursor, invalidRequest, limit, noQuery, notFound } from "./requests.ts";
import { isoTime, json, page, pageOf, security, time, toPage } from "./responses.ts";

const organization = z
  .object({ organization_id: z.string(), name: z.string().nullable(), last_event_at: time })
  .openapi("Organization");

const profile = z
  .object({
    organization_id: z.string(),
    profile: z.record(z.string(), z.unknown()).nullable(),
    counts: z.record(z.string(), z.number()),
    last_event_at: time,
  })
  .openapi("OrganizationProfile");

const resource = z
  .object({
    type: z.string(),
    resource_id: z.string().nullable(),
    event: z.string().nullable(),
    deleted: z.boolean(),
    version_at: time.nullable(),
    event_id: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi("Resource");

const exampleOrganization = {
  organization_id: "8f4c2b1a-5d3e-4f6a-9b7c-1e2d3c4b5a69",
  name: "Elektro Tesla GmbH",
  last_event_at: "2026-11-24T10:05:00.000Z",
} satisfies z.input<typeof organization>;

const exampleProfile = {
  organization_id: exampleOrganization.organization_id,
  profile: { legal_name: "Elektro Tesla GmbH", legal_country: "DE", status: "activated" },
  counts: { "v1/organizations": 1, "v1/transactions": 420 },
  last_event_at: exampleOrganization.last_event_at,
} satisfies z.input<typeof profile>;

const exampleResource = {
  type: "v1/beneficiaries",
  resource_id: "ce91bc4e-68d6-4ab0-bfab-4a9403f7f316",
  event: "updated",
  deleted: false,
  version_at: "2026-11-24T10:04:58.000Z",
  event_id: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
  data: { event: "updated", id: "ce91bc4e-68d6-4ab0-bfab-4a9403f7f316", name: "Alice In Wonderland", trusted: true },
} satisfies z.input<typeof resource>;

/** As many as a page has at most. */
const MOST_NAMED = 100;

const params = z.object({ id: z.string() });

const listRoute = createRoute({
  operationId: "listOrganizations",
  tags: ["Organizations"],
  method: "get",
  path: "/api/organizations",
  summary: "List organizations",
  security,
  request: { query: z.strictObject({ limit, cursor: cursorOf(z.object({ id: z.string() })).optional() }) },
  responses: {
    200: json(page(organization), "In the order of their ids", pageOf(exampleOrganization)),
    ...badInput,
    ...behindToken,
  },
});

const showRoute = createRoute({
  operationId: "showOrganization",
  tags: ["Organizations"],
  method: "get",
  path: "/api/organizations/{id}",
  summary: "Show an organization's profile and what is known of it",
  security,
  request: { params, query: noQuery },
  responses: {
    200: json(profile, "`profile` is the latest `data` of `v1/organizations`, null before the first", exampleProfile),
    ...behindToken,
    ...unknownId,
  },
});

const resourcesRoute = createRoute({
  operationId: "listResources",
  tags: ["Organizations"],
  method: "get",
  path: "/api/organizations/{id}/resources",
  summary: "List the latest state of an organization's resources",
  security,
  request: {
    params,
    query: z.strictObject({
      type: z.string().min(1).optional(),
      resource_id: z
        .union([
          z
            .string()
            .min(1)
            .transform((id) => [id]),
          z.array(z.string().min(1)).max(MOST_NAMED),
        ])
        .optional()
        .openapi({
          type: "array",
          items: { type: "string" },
          description: "Those alone of some ids, with `type`: one page",
        }),
      limit,
      cursor: cursorOf(z.object({ type: z.string(), resourceId: z.string().nullable() })).optional(),
    }),
  },
  responses: {
    200: json(page(resource), "In the order of type and id, tombstones included", pageOf(exampleResource)),
    ...badInput,
    ...behindToken,
  },
});

const resourceRoute = createRoute({
  operationId: "showResource",
  tags: ["Organizations"],
  method: "get",
  path: "/api/organizations/{id}/resources/{resource_id}",
  summary: "Show the latest state of one resource",
  security,
  request: {
    params: params.extend({ resource_id: z.string() }),
    query: z.strictObject({ type: z.string().min(1).optional() }),
  },
  responses: {
    200: json(
      resource,
      "Without `type` the newest of that id. A resource without an id is found under its organization's",
      exampleResource,
    ),
    ...badInput,
    ...behindToken,
    ...unknownId,
  },
});

export function addOrganizations(api: OperatorApi): void {
  api.openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const rows = await listOrganizations(c.env.DB, cursor?.id ?? "", limit + 1);
    const cursorAt = (row: OrganizationRow) => encodeCursor({ id: row.organizationId });
    return c.json(toPage(rows, limit, { show: showOrganization, cursorAt }), 200);
  });

  api.openapi(showRoute, async (c) => {
    const found = await findOrganization(c.env.DB, c.req.valid("param").id);
    if (found === null) throw notFound("organization");
    return c.json(
      {
        organization_id: found.organizationId,
        profile: found.profileBody === null ? null : readData(found.profileBody),
        counts: { ...found.counts },
        last_event_at: isoTime(found.lastEventAt),
      },
      200,
    );
  });

  api.openapi(resourcesRoute, async (c) => {
    const { type, resource_id: ids, limit, cursor } = c.req.valid("query");
    if (ids !== undefined) {
      if (type === undefined) throw invalidRequest([{ path: "type", message: "is needed with resource_id" }]);
      const found = await findResources(c.env.DB, c.req.valid("param").id, type, ids);
      return c.json({ data: found.map(showResource), next_cursor: null }, 200);
    }
    const rows = await listResources(c.env.DB, c.req.valid("param").id, { type, after: cursor, limit: limit + 1 });
    const cursorAt = (row: ResourceRow) => encodeCursor({ type: row.type, resourceId: row.resourceId });
    return c.json(toPage(rows, limit, { show: showResource, cursorAt }), 200);
  });

  api.openapi(resourceRoute, async (c) => {
    const { id, resource_id } = c.req.valid("param");
    const { type } = c.req.valid("query");
    const found =
      (await findResource(c.env.DB, id, resource_id, type)) ??
      (resource_id === id ? await findResource(c.env.DB, id, null, type) : null);
    if (found === null) throw notFound("resource");
    return c.json(showResource(found), 200);
  });
}

function showOrganization(row: OrganizationRow): z.input<typeof organization> {
  const name = row.profileBody === null ? null : readData(row.profileBody)["legal_name"];
  return {
    organization_id: row.organizationId,
    name: typeof name === "string" ? name : null,
    last_event_at: isoTime(row.lastEventAt),
  };
}

function showResource(row: ResourceRow): z.input<typeof resource> {
  return {
    type: row.type,
    resource_id: row.resourceId,
    event: row.event,
    deleted: row.deleted,
    version_at: row.versionAt,
    event_id: row.eventId,
    data: readData(row.body),
  };
}
