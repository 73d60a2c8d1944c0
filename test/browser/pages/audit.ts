import { expect } from "vitest";
import { z } from "zod";
import { insertDeadLetters } from "../busy-day.ts";
import { it } from "../in-browser.ts";
import { describePage, follow } from "../look.ts";

export function audit(): void {
  describePage({
    name: "audit",
    path: "/console/audit",
    heading: "Audit trail",
    shows: ["night-shift", "failed", "the relay died before the end", "Changed a destination"],
  });

  it("has the replay of a dead letter, and is filtered down to it", async ({ scene, day, enter }) => {
    insertDeadLetters(scene, "told", {
      at: Date.now(),
      eventId: day.refused.id,
      destinationId: day.destinations.treasury,
    });
    await scene.client.post("/api/dead-letters/told-of-one/replay", {}, z.unknown());
    const page = await enter();
    await page.goto("/console/audit");
    await page.getByRole("combobox").selectOption("dead_letter.replayed");
    await page.getByLabel("Subject").fill("told-of-one");
    await follow(page.getByRole("button", { name: "Filter" }));
    expect(await page.locator("tbody tr").count()).toBe(1);
    await page.getByRole("cell").getByRole("link", { name: "told-of-one" }).click();
    await page.getByRole("heading", { name: "Dead letter: drain message" }).waitFor();
  });
}
