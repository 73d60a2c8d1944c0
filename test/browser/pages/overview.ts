import { expect } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { it } from "../in-browser.ts";
import { describePage } from "../look.ts";

export function overview(): void {
  describePage({ name: "login", path: "/console/login", heading: "Log in", shows: ["Token"], as: "stranger" });
  describePage({
    name: "overview",
    path: "/console",
    heading: "Overview",
    shows: ["Accounting", "Fraud desk", "Balanced", "Health checks"],
  });
  describePage({
    name: "no-such-page",
    path: "/console/no-such-page",
    heading: "Not found",
    shows: ["There is no page at this address."],
  });

  it("says so when a token is wrong, and lets in with the right one, back to where one wanted to go", async ({
    scene,
    enter,
  }) => {
    const page = await enter({ as: "stranger" });
    await page.goto("/console/no-such-page?a=b");
    await page.getByLabel("Token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("That is no token of this relay.").waitFor();
    await page.getByLabel("Token").fill(scene.adminToken);
    await page.keyboard.press("Enter");
    await page.getByText("There is no page at this address.").waitFor();
    expect(page.url()).toBe(`${scene.relay.url}/console/no-such-page?a=b`);
    expect(await page.evaluate("document.cookie")).toBe("");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    await page.goto("/console");
    await page.getByRole("heading", { name: "Log in" }).waitFor();
  });

  it("leads from the login to the overview", async ({ scene, enter }) => {
    const page = await enter({ as: "stranger" });
    await page.goto("/console");
    await page.getByLabel("Token").fill(scene.adminToken);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  });

  it("shows times in the reader's zone with the exact UTC under them", async ({ enter }) => {
    const page = await enter();
    await page.goto("/console");
    const time = page.locator("#ledger ~ p time").first();
    const [iso, title] = [await time.getAttribute("datetime"), await time.getAttribute("title")];
    expect(title).toBe(`${iso?.slice(0, 10)} ${iso?.slice(11, 23)} UTC`);
    const local = new Date(iso ?? "").toLocaleString("sv-SE", { timeZone: "Europe/Paris" });
    expect(await time.innerText()).toBe(local);
    expect(await page.getByText("your zone, Europe/Paris").isVisible()).toBe(true);
  });

  it("shows times in UTC without JavaScript", async ({ enter }) => {
    const page = await enter({ on: "plain" });
    await page.goto("/console");
    expect(await page.locator("#ledger ~ p time").first().innerText()).toMatch(/ UTC$/);
  });

  it("keeps the overview up to date, and leaves open what the reader has opened", async ({ scene, enter }) => {
    const page = await enter({ on: "live" });
    await page.goto("/console");
    const received = page.locator(".term").first();
    const before = await received.innerText();
    await page.locator("#chart-hour-table summary").click();
    await page.locator("h1").click();
    await page.evaluate("document.activeElement.blur()");
    await scene.send(makePayload("v1/clients"));
    await page.clock.fastForward(15_000);
    await expect.poll(() => received.innerText()).not.toBe(before);
    expect(await page.locator("#chart-hour-table").getAttribute("open")).not.toBeNull();
  });

  it("tells who may only look that they may", async ({ enter }) => {
    const page = await enter({ as: "reader" });
    await page.goto("/console");
    expect(await page.getByText("· token · read-only").isVisible()).toBe(true);
  });

  it("can be walked by keyboard: the first stop skips to the page", async ({ enter }) => {
    const page = await enter();
    await page.goto("/console");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent.trim()")).toBe("Skip to the page");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate("document.activeElement.id")).toBe("main");
  });
}
