import type { World } from "../../platform/world.ts";
import { release } from "../../quarantine/release.ts";
import { dropQuarantined, findQuarantined } from "../../store/quarantine.ts";
import { type ActionContext, existing } from "../requests.ts";
import { show } from "../responses.ts";
import { quarantined } from "../schemas/quarantine.ts";
import { audited } from "./audited.ts";

/** Accepts an event in quarantine as if it had just arrived, once; returns the event's id. */
export function releaseFromQuarantine(c: ActionContext, world: World, id: string): Promise<string> {
  return audited(c, world, {
    action: "quarantine.released",
    subject: id,
    make: async () => existing(await release(id, { env: c.env, now: world.now() }), "event in quarantine"),
    after: (released) => ({ event_id: released }),
  });
}

/** Deletes an event in quarantine. */
export async function dropFromQuarantine(c: ActionContext, world: World, id: string): Promise<void> {
  const found = existing(await findQuarantined(c.env.DB, id), "event in quarantine");
  await audited(c, world, {
    action: "quarantine.dropped",
    subject: id,
    before: show(quarantined, found),
    make: () => dropQuarantined(c.env.DB, id),
  });
}
