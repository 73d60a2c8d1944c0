import { expect } from "vitest";
import { insertDeadLetters } from "../busy-day.ts";
import { it } from "../in-browser.ts";
import { describePage, follow } from "../look.ts";
import { TEN_DAYS_MS, noticeOf, olderThan } from "./list.ts";

export function deadLetters(): void {
  describePage({
    name: "dead-letters",
    path: "/console/dead-letters",
    heading: "Dead letters",
    shows: [/\d+ messages wait for you/, "Accounting", "Cannot be replayed"],
  });

  it("lets a reader see all and press nothing", async ({ enter }) => {
    const page = await enter({ as: "reader" });
    await page.goto("/console/dead-letters");
    expect(await page.getByRole("button", { name: "Replay" }).first().isDisabled()).toBe(true);
  });

  it("replays a dead letter and deletes another", async ({ scene, day, enter }) => {
    const at = Date.now() - TEN_DAYS_MS;
    insertDeadLetters(scene, "own", { at, eventId: day.refused.id, destinationId: day.destinations.treasury });
    const own = `/console/dead-letters?${olderThan(at)}`;
    const page = await enter();
    await page.goto(own);
    expect(await page.getByText("3 messages wait for you").isVisible()).toBe(true);
    await follow(page.locator("tr", { hasText: "Later attempt" }).getByRole("button", { name: "Replay" }));
    expect(await noticeOf(page)).toContain("Replayed: the message is with its queue again");
    await page.goto(own);
    await follow(page.getByRole("link", { name: "Unknown" }));
    await page.getByText("Delete …").click();
    await follow(page.getByRole("button", { name: "Delete", exact: true }));
    expect(await noticeOf(page)).toContain("Deleted: nothing of the letter is kept");
    await page.goto(own);
    expect(await page.locator("tbody tr").count()).toBe(1);
  });
}
