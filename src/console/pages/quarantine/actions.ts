import { z } from "zod";
import { dropFromQuarantine, releaseFromQuarantine } from "../../../api/actions/quarantine.ts";
import type { World } from "../../../platform/world.ts";
import { isWaitingInQuarantine } from "../../../store/quarantine.ts";
import { addresses, quarantinedAddress } from "../../addresses.ts";
import { linkTo } from "../../ui/table.tsx";
import { type Console, readForm } from "../../requests.ts";
import { MOST_AT_ONCE, releaseAll } from "./release-all.ts";

const back = z.object({ back: z.enum(["list", "one"]).default("one") });

const shown = z.object({
  id: z.preprocess(
    (given) => (typeof given === "string" ? [given] : given),
    z.array(z.string(), "Name at least one").min(1).max(MOST_AT_ONCE),
  ),
});

/** What can be done with what waits. */
export function addQuarantineActions(pages: Console, world: World): void {
  pages.post("/quarantine/release-shown", async (c) => {
    const { id: ids } = await readForm(c, shown);
    const { released, failed } = await releaseAll(c, world, [...new Set(ids)]);
    const said = { done: "released_all", released: String(released), failed: String(failed) };
    return c.redirect(linkTo(addresses.quarantine, said), 303);
  });

  pages.post("/quarantine/:id/release", async (c) => {
    const id = c.req.param("id");
    const { back: place } = await readForm(c, back);
    // Only for what is said afterwards: the release itself looks again.
    const isWaiting = await isWaitingInQuarantine(c.env.DB, id);
    await releaseFromQuarantine(c, world, id);
    const page = place === "list" ? addresses.quarantine : quarantinedAddress(id);
    return c.redirect(linkTo(page, { done: isWaiting === true ? "released" : "settled_before" }), 303);
  });

  pages.post("/quarantine/:id/delete", async (c) => {
    await dropFromQuarantine(c, world, c.req.param("id"));
    return c.redirect(linkTo(addresses.quarantine, { done: "deleted" }), 303);
  });
}
