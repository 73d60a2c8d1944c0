import { afterAll, beforeAll, expect, it } from "vitest";
import { untilSettled } from "../demo/client.ts";
import { makePayload } from "../support/qonto.ts";
import { describeInBrowser } from "./browser.ts";
import { describePage, follow, watchedPage } from "./look.ts";
import { Scene } from "./scene.ts";

const ORGANIZATION = "/console/organizations/123e4567-e89b-12d3-a456-426614174000";
const HOSTILE = '<script>alert("1")</script> \u202Eevil 🦀';

describeInBrowser("resources in a browser", () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.startBusy();
    await scene.send(makePayload("v1/clients", { data: { id: "client-gone", event: "deleted", name: "Gone GmbH" } }));
    await scene.send(
      makePayload("v1/transactions", { data: { id: "hostile", label: HOSTILE, status: HOSTILE.repeat(99) } }),
    );
    await scene.send(
      makePayload("v1/transactions", { data: { id: "large", label: HOSTILE, note: "x".repeat(200_000) } }),
    );
    await untilSettled(scene.client, 30_000);
  });
  afterAll(() => scene.end());

  describePage(() => scene, {
    name: "resources",
    path: `${ORGANIZATION}/resources`,
    heading: "Resources",
    shows: ["ACME Corp", "50.01", "Alice In Wonderland", "INV001", "deleted"],
  });
  describePage(() => scene, {
    name: "resource",
    path: `${ORGANIZATION}/resource?type=v1/transactions&id=123e4567-e89b-12d3-a456-426614174000`,
    heading: "Resource",
    shows: ["It is as", "What happened to it", "made the present state", "What it belongs with", "Business lunch"],
  });

  it("are filtered by type, and one is found by its id", async () => {
    const context = await scene.admin({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${ORGANIZATION}/resources`);
    await page.getByLabel("Type").selectOption("v1/clients");
    await follow(page.getByRole("button", { name: "Filter" }));
    await page.getByRole("link", { name: "Gone GmbH" }).waitFor();
    expect(await page.getByText("ACME Corp").count()).toBe(0);
    await page.getByLabel("Or one of them, by its id").fill("client-gone");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("The bank has deleted it").waitFor();
    await context.close();
  });

  it("show a hostile payload as text", async () => {
    const context = await scene.admin({ viewport: { width: 360, height: 740 } });
    const { page, faults } = await watchedPage(context);
    for (const path of ["resources?type=v1/transactions", "resource?id=hostile", "resource?id=large"]) {
      await page.goto(`${ORGANIZATION}/${path}`);
      await page.getByText('<script>alert("1")</script>').first().waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    }
    expect(faults()).toEqual([]);
    await context.close();
  });
});
