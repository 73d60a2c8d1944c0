import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { matches } from "../../../src/domain/destination.ts";
import { insertDestination } from "../../../src/store/destinations.ts";
import { recordEvents } from "../../../src/store/events.ts";
import { emptyDatabase } from "../support/relay.ts";
import { database, someDestination, someEvent } from "../support/store.ts";

const type = fc.constantFrom(
  "v1/cards",
  "v1/card",
  "v1/transactions",
  "registrations.completed",
  "relay.source.silent",
);
const organization = fc.constantFrom("org-1", "org-2", "öre 😀", `it's "quoted"`);

const destination = fc.record({
  enabled: fc.boolean(),
  types: fc.array(fc.oneof(type, fc.constantFrom("v1/*", "*", "v1/card*", "relay.*")), { maxLength: 2 }),
  organizations: fc.option(fc.array(organization, { minLength: 1, maxLength: 2 })),
});

const given = fc.record({
  drawn: fc.array(destination, { maxLength: 4 }),
  event: fc.record({ type, organizationId: fc.option(organization) }),
});

it("an event is recorded with the recipients that want it, as the domain says; null when nobody does", async () => {
  await fc.assert(
    fc.asyncProperty(given, async ({ drawn, event }) => {
      await emptyDatabase();
      const destinations = drawn.map((one, index) => ({ ...someDestination, ...one, id: `dst_${index}` }));
      for (const destination of destinations) await insertDestination(database, destination);
      await recordEvents(database, [{ ...someEvent, ...event }], false);
      const recipients = await env.DB.prepare("SELECT recipients FROM events").first<string>("recipients");
      const matching = destinations.filter((one) => matches(one, event)).map(({ id }) => id);
      expect(recipients && Object.keys(JSON.parse(recipients)).toSorted()).toEqual(
        matching.length === 0 ? null : matching,
      );
    }),
    { numRuns: 100 },
  );
});
