import { z } from "@hono/zod-openapi";
import { readData } from "../qonto/resource.ts";
import { type OrganizationRow, findOrganization, listOrganizations } from "../store/organizations.ts";
import { type ResourceRow, findResource, findResources, listResources } from "../store/resources.ts";
import { defineRoute } from "./define-route.ts";
import { type OperatorApi, encodeCursor, existing, invalidRequest, paging } from "./requests.ts";
import { json, page, show, toPage } from "./responses.ts";
import {
  exampleOrganization,
  exampleOrganizationProfile,
  exampleResource,
  organization,
  organizationProfile,
  resource,
} from "./schemas/organization.ts";

/** As many as a page holds. */
const MOST_RESOURCE_IDS = 100;

const resourceId = z.string().min(1);

const tag = "Organizations";

const list = defineRoute("get", "/api/organizations", {
  operationId: "listOrganizations",
  tag,
  summary: "List organizations",
  query: paging(z.object({ id: z.string() })),
  answers: { 200: page(organization, "In order of their ids", exampleOrganization) },
});

const profile = defineRoute("get", "/api/organizations/{id}", {
  operationId: "showOrganization",
  tag,
  summary: "Show an organization's profile and the number of its resources by type",
  answers: {
    200: json(
      organizationProfile,
      "`profile` is the latest `data` of `v1/organizations`, null before the first",
      exampleOrganizationProfile,
    ),
  },
});

const resources = defineRoute("get", "/api/organizations/{id}/resources", {
  operationId: "listResources",
  tag,
  summary: "List the latest state of an organization's resources",
  query: {
    type: z.string().min(1).optional(),
    resource_id: z
      .union([resourceId.transform((id) => [id]), z.array(resourceId).max(MOST_RESOURCE_IDS)])
      .optional()
      .openapi({
        type: "array",
        items: { type: "string" },
        description: "Only the resources with these ids, on one page. Needs `type`.",
      }),
    ...paging(z.object({ type: z.string(), resourceId: z.string().nullable() })),
  },
  answers: { 200: page(resource, "In order of type and id, tombstones included", exampleResource) },
});

const resourceDetail = defineRoute("get", "/api/organizations/{id}/resources/{resource_id}", {
  operationId: "showResource",
  tag,
  summary: "Show the latest state of one resource",
  query: { type: z.string().min(1).optional() },
  answers: {
    200: json(
      resource,
      "Without `type`: the newest resource of that id. A resource without an id is found under the id of its organization",
      exampleResource,
    ),
  },
});

export function addOrganizations(api: OperatorApi): void {
  api.openapi(list, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const rows = await listOrganizations(c.env.DB, cursor?.id ?? "", limit + 1);
    const cursorAt = ({ organizationId: id }: OrganizationRow) => encodeCursor({ id });
    return c.json(toPage(rows, limit, { show: showOrganization, cursorAt }), 200);
  });

  api.openapi(profile, async (c) => {
    const found = existing(await findOrganization(c.env.DB, c.req.valid("param").id), "organization");
    return c.json(show(organizationProfile, { ...found, profile: profileOf(found) }), 200);
  });

  api.openapi(resources, async (c) => {
    const { id } = c.req.valid("param");
    const { type, resource_id: resourceIds, limit, cursor } = c.req.valid("query");
    if (resourceIds !== undefined) {
      if (type === undefined) throw invalidRequest([{ path: "type", message: "is needed with resource_id" }]);
      const found = await findResources(c.env.DB, id, type, resourceIds);
      return c.json({ data: found.map(showResource), next_cursor: null }, 200);
    }
    const rows = await listResources(c.env.DB, id, { type, after: cursor, limit: limit + 1 });
    const cursorAt = ({ type, resourceId }: ResourceRow) => encodeCursor({ type, resourceId });
    return c.json(toPage(rows, limit, { show: showResource, cursorAt }), 200);
  });

  api.openapi(resourceDetail, async (c) => {
    const { id, resource_id } = c.req.valid("param");
    const { type } = c.req.valid("query");
    const found =
      (await findResource(c.env.DB, id, resource_id, type)) ??
      (resource_id === id ? await findResource(c.env.DB, id, null, type) : null);
    return c.json(showResource(existing(found, "resource")), 200);
  });
}

function profileOf({ profileBody }: Pick<OrganizationRow, "profileBody">) {
  return profileBody === null ? null : readData(profileBody);
}

function showOrganization(row: OrganizationRow) {
  const name = profileOf(row)?.["legal_name"];
  return show(organization, { ...row, name: typeof name === "string" ? name : null });
}

function showResource(row: ResourceRow) {
  return show(resource, { ...row, data: readData(row.body) });
}
