import { expect } from "vitest";
import { it } from "../in-browser.ts";
import { describePage } from "../look.ts";

export function registrations(): void {
  describePage({
    name: "registrations",
    path: "/console/registrations",
    heading: "Registrations",
    shows: ["Completed", "Contract signed", "at least 1 more to come"],
  });
  describePage({
    name: "registration",
    path: "/console/registrations/on-its-way",
    heading: "Registration",
    shows: ["Contract signed", "no event came", "Capital deposit activated", "ahead"],
  });

  it("lead from an id to its stages, and to the event of each", async ({ enter }) => {
    const page = await enter();
    await page.goto("/console/registrations");
    await page.getByLabel("Find a registration by its id").fill("525817f7-93e8-4f31-a83d-20319778b4b0");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("The account is open.").waitFor();
    const event = page
      .getByRole("listitem")
      .filter({ hasText: "Contract signed" })
      .getByRole("link", { name: "event" });
    expect(await event.getAttribute("href")).toMatch(/\/console\/events\/.+/);
  });
}
