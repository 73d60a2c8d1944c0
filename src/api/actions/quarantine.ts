import type { World } from "../../platform/world.ts";
import { release } from "../../quarantine/release.ts";
import { dropQuarantined, findQuarantined } from "../../store/quarantine.ts";
import { type ActionContext, notFound } from "../requests.ts";
import { show } from "../responses.ts";
import { quarantined } from "../schemas/quarantine.ts";
import { audited } from "./audited.ts";

/** Accepts an event in quarantine as if it had just arrived, once; returns the event's id. */
export function releaseFromQuarantine(c: ActionContext, world: World, id: string): Promise<string> {
  return audited(c, world, {
    action: "quarantine.released",
    subject: id,
    make: async () => {
      const released = await release(id, { env: c.env, now: world.now() });
      if (released === null) throw notFound("event in quarantine");
      return released;
    },
    after: (released) => ({ event_id: released }),
  });
}

/** Deletes an event in quarantine. */
export async function dropFromQuarantine(c: ActionContext, world: World, id: string): Promise<void> {
  const found = await findQuarantined(c.env.DB, id);
  if (found === null) throw notFound("event in quarantine");
  await audited(c, world, {
    action: "quarantine.dropped",
    subject: found.id,
    before: show(quarantined, found),
    make: () => dropQuarantined(c.env.DB, found.id),
  });
}
