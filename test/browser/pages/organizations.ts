import { expect } from "vitest";
import { it } from "../in-browser.ts";
import { describePage } from "../look.ts";

const ORGANIZATION = "123e4567-e89b-12d3-a456-426614174000";

export function organizations(): void {
  describePage({
    name: "organizations",
    path: "/console/organizations",
    heading: "Organizations",
    shows: ["Elektro Tesla GmbH", "Last event"],
  });
  describePage({
    name: "organization",
    path: `/console/organizations/${ORGANIZATION}`,
    heading: "Organization",
    shows: ["Example Account", "1000.00", "DE89 •••• 3000", "Taxes", "8400.1", "v1/transactions", "Share capital"],
  });

  it("lead from an id to the balance, to a transaction, and to the event that made it", async ({ enter }) => {
    const page = await enter();
    await page.goto("/console/organizations");
    await page.getByLabel("Find an organization by its id").fill(ORGANIZATION);
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByRole("heading", { name: "Balance" }).waitFor();
    const iban = page.getByText("DE89370400440532013000").first();
    expect(await iban.isVisible()).toBe(false);
    await page.getByText("DE89 •••• 3000").first().click();
    expect(await iban.isVisible()).toBe(true);
    await page.getByRole("link", { name: "v1/transactions" }).click();
    await page.getByRole("heading", { level: 1, name: "Resources" }).waitFor();
    await page.getByRole("link", { name: "ACME Corp" }).first().click();
    await page.getByRole("heading", { name: "Events" }).waitFor();
    expect(await page.getByRole("link", { name: /^event / }).getAttribute("href")).toMatch(/\/console\/events\/.+/);
  });
}
