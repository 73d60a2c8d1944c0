import type { Attempt } from "../../domain/delivery.ts";
import { readConfig } from "../../env.ts";
import { sendTest } from "../../outbound/test-delivery.ts";
import { drainNow } from "../../deliver/drain-messages.ts";
import type { World } from "../../platform/world.ts";
import { findDestination } from "../../store/destinations.ts";
import { audited } from "../audited.ts";
import { type Acting, notFound } from "../requests.ts";

/** Sends a destination one signed sample event, now. */
export async function testDestination(c: Acting, world: World, id: string): Promise<Attempt> {
  const destination = await findDestination(c.env.DB, id);
  if (destination === null) throw notFound("destination");
  const attempt = await audited(c, world, {
    action: "destination.tested",
    subject: destination.id,
    make: () => sendTest(destination, { world, config: readConfig(c.env) }),
    after: ({ outcome, status }) => ({ outcome, status }),
  });
  // A destination that answers again need not wait for its next probe.
  if (attempt.outcome === "delivered" && destination.circuitOpenedAt !== null) {
    await drainNow(c.env, [destination.id], world.now());
  }
  return attempt;
}
