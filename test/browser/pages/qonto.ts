import { expect } from "vitest";
import { it } from "../in-browser.ts";
import { describePage } from "../look.ts";

export function qonto(): void {
  // In this scene the relay has no application at Qonto, and connections of a time when it had one.
  describePage({
    name: "qonto",
    path: "/console/qonto",
    heading: "Qonto",
    shows: [
      "npx wrangler secret put QONTO_CLIENT_ID",
      "/console/qonto/callback",
      "Bakery & Sons <script>alert(1)</script>",
      "Expired",
      "Revoked",
      "Foreign",
      "now v1/transactions: 2 of 4 types, 403 items so far",
      "v1/cards is not covered: missing required oauth scope: card.read",
      "Qonto does not answer (503)",
    ],
  });

  it("has the redirect URI to copy, exactly", async ({ scene, enter }) => {
    const page = await enter();
    await page.goto("/console/qonto");
    await page.getByRole("button", { name: "Copy" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const copied = await page.evaluate("navigator.clipboard.readText()");
    expect(copied).toBe(`${scene.relay.url}/console/qonto/callback`);
  });

  it("opens what the last reconciliation found, by type", async ({ enter }) => {
    const page = await enter({ on: "plain" });
    await page.goto("/console/qonto");
    const table = page.getByRole("table", { name: "What the last reconciliation found, by type" }).first();
    expect(await table.isVisible()).toBe(false);
    await page.getByText("By type").first().click();
    expect(await table.getByRole("row", { name: /v1\/transactions/ }).innerText()).toMatch(/1,234\s+3\s+1/);
  });
}
