import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { matches } from "../../../src/domain/destination.ts";
import { matchesSql } from "../../../src/store/matches.ts";

const type = fc.constantFrom(
  "v1/cards",
  "v1/card",
  "v1/transactions",
  "registrations.completed",
  "v1/",
  "V1/cards",
  "relay.connection.lost",
  "relay.source.silent",
  "relay",
  "Relay.source.silent",
);
const organization = fc.constantFrom("org-1", "org-2", "ORG-1");
const pattern = fc.oneof(
  type,
  fc.constantFrom(
    "v1/*",
    "*",
    "v1/card*",
    "registrations.*",
    "v1/cards*",
    "%",
    "v1/_ards",
    "relay.*",
    "relay*",
    "r*",
    "relay.connection.*",
  ),
);

const given = fc.record({
  types: fc.array(pattern, { maxLength: 3 }),
  organizations: fc.option(fc.array(organization, { minLength: 1, maxLength: 2 })),
  type,
  organizationId: fc.option(organization),
  resourceId: fc.option(fc.constantFrom("dst_1", "dst_2")),
});

const sql = `
  SELECT ${matchesSql("event")} AS isMatch
  FROM (SELECT 'dst_1' AS id, ?1 AS types, ?2 AS organizations) AS destinations,
    (SELECT ?3 AS type, ?4 AS organization_id, ?5 AS resource_id) AS event`;

it("SQL and the domain agree on which events match a destination", async () => {
  await fc.assert(
    fc.asyncProperty(given, async ({ types, organizations, ...event }) => {
      const row = await env.DB.prepare(sql)
        .bind(
          JSON.stringify(types),
          organizations && JSON.stringify(organizations),
          event.type,
          event.organizationId,
          event.resourceId,
        )
        .first<{ isMatch: number | null }>();
      // Null, as of an event without an organization, is not true.
      expect(row?.isMatch === 1).toBe(matches({ id: "dst_1", enabled: true, types, organizations }, event));
    }),
    { numRuns: 300 },
  );
});
