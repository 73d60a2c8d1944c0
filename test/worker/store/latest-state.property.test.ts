import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { parseInstant } from "../../../src/domain/instant.ts";
import { versionKey } from "../../../src/domain/version.ts";
import { recordOnce } from "../../../src/store/events.ts";
import { upsertResources } from "../../../src/store/resources.ts";
import { database, someEvent } from "../support/store.ts";

/** Few values, so that all but the last part of the rule often decide nothing. */
const instant = fc.constantFrom(null, "2026-03-01T12:00:00Z", "2026-03-01T13:00:00.5+01:00", "2026-03-01T12:00:01Z");

const event = fc.record({
  id: fc.constantFrom("a", "b", "c", "d", "e", "f"),
  versionAt: instant,
  createdAt: instant,
  lifecycleRank: fc.nat(3),
});

/** Some events, and an order in which they come, each at least once. */
const arrivals = fc.uniqueArray(event, { minLength: 1, maxLength: 6, selector: ({ id }) => id }).chain((events) =>
  fc.record({
    events: fc.constant(events),
    order: fc
      .array(fc.nat(events.length - 1), { maxLength: 6 })
      .chain((repeated) =>
        fc.shuffledSubarray([...events.keys(), ...repeated], { minLength: events.length + repeated.length }),
      ),
  }),
);

it("any order and any repetition of some events ends in the state of the one that the rule says", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(arrivals, async ({ events, order }) => {
      run += 1;
      const versions = events.map(({ id, versionAt, createdAt, lifecycleRank }) => ({
        id,
        version: versionKey({
          versionAt: parseInstant(versionAt),
          createdAt: parseInstant(createdAt),
          lifecycleRank,
          eventId: id,
        }),
      }));
      const statements = order.flatMap((index) => {
        const one = versions[index];
        return one === undefined ? [] : show(`org-${run}`, one.id, one.version);
      });
      const cards = { type: "v1/cards", organizationId: null };
      await env.DB.batch([
        ...events.map(({ id }) => recordOnce(database, { ...someEvent, ...cards, id })),
        ...statements,
      ]);
      const row = await env.DB.prepare(
        "SELECT events.id FROM resources JOIN events ON events.seq = event_seq WHERE resources.organization_id = ?1",
      )
        .bind(`org-${run}`)
        .first();
      const newest = versions.toSorted((one, other) => (one.version < other.version ? -1 : 1)).at(-1);
      expect(row).toEqual({ id: newest?.id });
    }),
    { numRuns: 150 },
  );
});

function show(organizationId: string, eventId: string, version: string): D1PreparedStatement[] {
  return upsertResources(database, [
    {
      organizationId,
      type: "v1/cards",
      resourceId: "card-1",
      event: null,
      deleted: false,
      version,
      versionAt: null,
      eventId,
      body: null,
    },
  ]);
}
