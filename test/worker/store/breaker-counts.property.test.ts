import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { countAttempt, newBreaker } from "../../../src/domain/breaker.ts";
import type { Attempt } from "../../../src/domain/delivery.ts";
import { breakerColumnsSql, readBreakerRow, recordHealth } from "../../../src/store/destination-health.ts";
import { insertDestination } from "../../../src/store/destinations.ts";
import { emptyDatabase } from "../support/relay.ts";
import { database, someDestination } from "../support/store.ts";

const outcome = fc.constantFrom<Attempt["outcome"]>("delivered", "rejected", "timed_out");

/** Some writes of some attempts each. */
const writes = fc.array(fc.array(outcome, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });

it("SQL and the domain agree on what a breaker counts", async () => {
  await fc.assert(
    fc.asyncProperty(writes, async (outcomes) => {
      await emptyDatabase();
      await insertDestination(database, someDestination);
      let at = 0;
      let breaker = newBreaker;
      for (const some of outcomes) {
        const attempts = some.map((one): Attempt => {
          at += 1_000;
          const answer = { status: null, durationMs: 1, responseExcerpt: null, retryAfterSeconds: null };
          return { attempt: 1, at, outcome: one, ...answer };
        });
        const made = attempts.map((attempt) => ({ destination: someDestination, attempt }));
        await recordHealth(database, made, { holds: new Map(), withDead: new Set() }, at).run();
        breaker = attempts.reduce(countAttempt, breaker);
      }
      const row = await env.DB.prepare(`SELECT ${breakerColumnsSql} FROM destinations`).first();
      expect(readBreakerRow(row)).toEqual({ destinationId: someDestination.id, ...breaker });
    }),
    { numRuns: 60 },
  );
});
