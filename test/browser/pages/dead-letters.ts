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
    shows: [/\d+ messages failed in every try/, "Accounting", "Cannot be replayed"],
  });

  it("shows a reader everything with disabled buttons", async ({ enter }) => {
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
    expect(await page.getByText("3 messages failed in every try").isVisible()).toBe(true);
    await follow(page.locator("tr", { hasText: "Drain message" }).getByRole("button", { name: "Replay" }));
    expect(await noticeOf(page)).toContain("The message is back in its queue");
    await page.goto(own);
    await follow(page.getByRole("link", { name: "Unknown" }));
    await page.getByText("Delete …").click();
    await follow(page.getByRole("button", { name: "Delete", exact: true }));
    expect(await noticeOf(page)).toContain("The dead letter is deleted.");
    await page.goto(own);
    expect(await page.locator("tbody tr").count()).toBe(1);
  });
}
