import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Delivery } from "../../../src/domain/delivery.ts";
import { isBalanced } from "../../../src/domain/ledger.ts";
import { operationalEvent, operationalSamples } from "../../../src/domain/operational-event.ts";
import { MS_PER_HOUR } from "../../../src/store/counters.ts";
import { insertDestination } from "../../../src/store/destinations.ts";
import { recordEvents } from "../../../src/store/events.ts";
import { countLedger, countLedgerFromRows, countNewest } from "../../../src/store/ledger.ts";
import { recordOperationalEvent } from "../../../src/store/operational-events.ts";
import { emptyDatabase } from "../support/relay.ts";
import { database, someDestination, someEvent, writeDeliveries } from "../support/store.ts";

const HOURS = 3;
const span = { since: 0, until: HOURS * MS_PER_HOUR };

/** An event of one hour, and what became of its delivery, if it has one. */
const drawnEvent = fc.record({
  kind: fc.constantFrom("operational", "card", "client"),
  hour: fc.nat(HOURS - 1),
  end: fc.constantFrom("delivered", "pending", "dead", "unwritten"),
});

/** Gets operational events and cards; nobody gets clients. */
const destination = { ...someDestination, types: ["relay.*", "v1/cards"] };

type DrawnEvent = typeof drawnEvent extends fc.Arbitrary<infer Drawn> ? Drawn : never;

async function write({ kind, hour, end }: DrawnEvent, index: number): Promise<void> {
  const at = hour * MS_PER_HOUR + index;
  const event = { ...someEvent, id: `e${index}`, type: `v1/${kind}s`, organizationId: null, receivedAt: at };
  const told = operationalEvent("relay.source.silent", {
    transition: String(index),
    organizationId: null,
    at,
    data: operationalSamples["relay.source.silent"],
  });
  if (kind === "operational") await database.batch([recordOperationalEvent(database, told)]);
  else await recordEvents(database, [event], false);
  if (kind === "client" || end === "unwritten") return;
  const delivery: Delivery = {
    destinationId: destination.id,
    eventId: kind === "operational" ? told.id : event.id,
    receivedAt: at,
    status: end,
    attempts: [],
    step: 0,
    nextAttemptAt: end === "pending" ? 1 : null,
  };
  await writeDeliveries([delivery]);
}

it("the ledger is the same with operational events as without, whatever became of their deliveries", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(drawnEvent, { minLength: 1, maxLength: 8 }), async (drawn) => {
      await emptyDatabase();
      await insertDestination(database, destination);
      const inOrder = drawn.toSorted((one, other) => one.hour - other.hour);
      for (const [index, one] of inOrder.entries()) await write(one, index);

      const counted = await countLedgerFromRows(database, span);
      expect(isBalanced(counted)).toBe(true);
      expect(counted.received).toBe(drawn.filter(({ kind }) => kind !== "operational").length);
      // Counted, and then remembered.
      expect(await countLedger(database, span, span.until)).toEqual(counted);
      expect(await countLedger(database, span, span.until)).toEqual(counted);
      expect((await countNewest(database, span)).ledger).toEqual(counted);

      await env.DB.batch([
        env.DB.prepare("DELETE FROM events WHERE type GLOB 'relay.*'"),
        env.DB.prepare("DELETE FROM deliveries WHERE event_id NOT IN (SELECT id FROM events)"),
      ]);
      expect(await countLedgerFromRows(database, span)).toEqual(counted);
    }),
    { numRuns: 25 },
  );
});
