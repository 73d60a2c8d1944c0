import { expect } from "vitest";
import { it } from "../in-browser.ts";
import { describePage, follow, phone, widthOf } from "../look.ts";

const ORGANIZATION = "/console/organizations/123e4567-e89b-12d3-a456-426614174000";

export function resources(): void {
  describePage({
    name: "resources",
    path: `${ORGANIZATION}/resources`,
    heading: "Resources",
    shows: ["ACME Corp", "50.01", "Alice In Wonderland", "INV001", "Deleted"],
  });
  describePage({
    name: "resource",
    path: `${ORGANIZATION}/resource?type=v1/transactions&id=123e4567-e89b-12d3-a456-426614174000`,
    heading: "Resource",
    shows: ["Last changed by", "Events", "current state", "Related resources", "Business lunch"],
  });

  it("are filtered by type, and one is found by its id", async ({ enter }) => {
    const page = await enter({ on: "plain" });
    await page.goto(`${ORGANIZATION}/resources`);
    await page.getByLabel("Type").selectOption("v1/clients");
    await follow(page.getByRole("button", { name: "Filter" }));
    await page.getByRole("link", { name: "Gone GmbH" }).waitFor();
    expect(await page.getByText("ACME Corp").count()).toBe(0);
    await page.getByLabel("Find a resource by its id").fill("client-gone");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("Qonto has deleted it").waitFor();
  });

  it("show a hostile payload as text", async ({ enter }) => {
    const page = await enter({ viewport: phone });
    for (const path of ["resources?type=v1/transactions", "resource?id=hostile", "resource?id=large"]) {
      await page.goto(`${ORGANIZATION}/${path}`);
      await page.getByText('<script>alert("1")</script>').first().waitFor();
      expect(await widthOf(page)).toBeLessThanOrEqual(360);
    }
  });
}
