import { z } from "zod";
import { replayDeadLetter, throwAwayDeadLetter } from "../../../api/actions/dead-letters.ts";
import type { World } from "../../../platform/world.ts";
import { addresses, deadLetterAddress } from "../../addresses.ts";
import { linkTo } from "../../ui/table.tsx";
import { type Console, readForm } from "../../requests.ts";

const back = z.object({ back: z.enum(["list", "one"]).default("one") });

/** What can be done with a dead letter. */
export function addDeadLetterActions(pages: Console, world: World): void {
  pages.post("/dead-letters/:id/replay", async (c) => {
    const id = c.req.param("id");
    const { back: place } = await readForm(c, back);
    await replayDeadLetter(c, world, id);
    const page = place === "list" ? addresses.deadLetters : deadLetterAddress(id);
    return c.redirect(linkTo(page, { done: "replayed" }), 303);
  });

  pages.post("/dead-letters/:id/delete", async (c) => {
    await throwAwayDeadLetter(c, world, c.req.param("id"));
    return c.redirect(linkTo(addresses.deadLetters, { done: "deleted" }), 303);
  });
}
