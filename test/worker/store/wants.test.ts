import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { wants } from "../../../src/domain/destination.ts";
import { wantsSql } from "../../../src/store/wants.ts";

const type = fc.constantFrom("v1/cards", "v1/card", "v1/transactions", "registrations.completed", "v1/", "V1/cards");
const organization = fc.constantFrom("org-1", "org-2", "ORG-1");
const pattern = fc.oneof(
  type,
  fc.constantFrom("v1/*", "*", "v1/card*", "registrations.*", "v1/cards*", "%", "v1/_ards"),
);

const given = fc.record({
  types: fc.array(pattern, { maxLength: 3 }),
  organizations: fc.option(fc.array(organization, { minLength: 1, maxLength: 2 })),
  type,
  organizationId: fc.option(organization),
});

const sql = `
  SELECT ${wantsSql("event")} AS wanted
  FROM (SELECT ?1 AS types, ?2 AS organizations) AS destinations, (SELECT ?3 AS type, ?4 AS organization_id) AS event`;

it("SQL and the domain agree on which events a destination wants", async () => {
  await fc.assert(
    fc.asyncProperty(given, async ({ types, organizations, ...event }) => {
      const row = await env.DB.prepare(sql)
        .bind(JSON.stringify(types), organizations && JSON.stringify(organizations), event.type, event.organizationId)
        .first<{ wanted: number | null }>();
      // Null, as of an event without an organization, is not true.
      expect(row?.wanted === 1).toBe(wants({ enabled: true, types, organizations }, event));
    }),
    { numRuns: 300 },
  );
});
