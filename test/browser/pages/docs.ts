import { expect } from "vitest";
import { it } from "../in-browser.ts";
import { describePage } from "../look.ts";

export function docs(): void {
  describePage({
    name: "docs",
    path: "/docs",
    heading: "For receivers",
    shows: ["webhook-signature", "Retry-After", /410/],
    as: "stranger",
  });

  it("offers the verification code to copy", async ({ enter }) => {
    const page = await enter({ as: "stranger" });
    await page.goto("/docs");
    await page.getByText("Python", { exact: true }).click();
    await page.locator("details[open]").last().getByRole("button", { name: "Copy" }).click();
    expect(await page.evaluate("navigator.clipboard.readText()")).toContain("def is_from_relay");
  });
}
