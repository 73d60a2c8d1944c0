import { afterAll, beforeAll, expect, it } from "vitest";
import { makePayload } from "../support/qonto.ts";
import { describeInBrowser } from "./browser.ts";
import { describePage, follow, watchedPage } from "./look.ts";
import { Scene } from "./scene.ts";

describeInBrowser("the live tail in a browser", () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.startBusy();
  });
  afterAll(() => scene.end());

  describePage(() => scene, {
    name: "tail",
    path: "/console/tail",
    heading: "Live tail",
    shows: ["Transaction created", "Accounting 200", "As of"],
  });

  it("shows what comes without being asked, and lets it stand out", async () => {
    const context = await scene.admin();
    const { page, faults } = await watchedPage(context);
    await page.clock.install();
    await page.goto("/console/tail");
    expect(await page.locator(".is-new").count()).toBe(0);
    const payload = makePayload("v1/clients");
    await scene.send(payload);
    await page.clock.fastForward(5_000);
    const own = { has: page.locator(`[data-key="${payload.id}"]`) };
    await page.locator("tr.is-new", own).waitFor();
    await scene.settled();
    await page.clock.fastForward(5_000);
    await page.locator("tr:not(.is-new)", own).getByText("Accounting").waitFor();
    expect(await page.locator(".is-new").count()).toBe(0);
    expect(faults()).toEqual([]);
    await context.close();
  });

  it("stands still while it is paused, and catches up at once", async () => {
    const context = await scene.admin();
    const page = await context.newPage();
    await page.clock.install();
    await page.goto("/console/tail");
    await page.getByRole("button", { name: "Pause" }).click();
    const asOf = page.locator("#tail > .help");
    const before = await asOf.innerText();
    const payload = makePayload("v1/clients");
    await scene.send(payload);
    await page.clock.fastForward(15_000);
    expect(await asOf.innerText()).toBe(before);
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator(`[data-key="${payload.id}"]`).waitFor();
    expect(await page.getByRole("button", { name: "Pause" }).count()).toBe(1);
    await context.close();
  });

  it("shouts at nobody: what changes by itself is not read out", async () => {
    const context = await scene.admin();
    const page = await context.newPage();
    await page.goto("/console/tail");
    expect(await page.locator("#tail").locator("[aria-live], [role=status], [role=alert]").count()).toBe(0);
    await context.close();
  });

  it("is looked at again by a link where there is no JavaScript", async () => {
    const context = await scene.admin({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto("/console/tail?type=v1%2Fclients");
    expect(await page.getByRole("button", { name: "Pause" }).isVisible()).toBe(false);
    const payload = makePayload("v1/clients");
    await scene.send(payload);
    await follow(page.getByRole("link", { name: "Look again" }));
    expect(await page.locator(`[data-key="${payload.id}"]`).count()).toBe(1);
    expect(await page.locator("tbody tr", { hasText: "v1/transactions" }).count()).toBe(0);
    await context.close();
  });
});
