import { afterAll, beforeAll, expect, it } from "vitest";
import { untilSettled } from "../demo/client.ts";
import { makePayload } from "../support/qonto.ts";
import { describeInBrowser } from "./browser.ts";
import { describePage, watchedPage } from "./look.ts";
import { Scene } from "./scene.ts";

describeInBrowser("registrations in a browser", () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.startBusy();
    for (const stage of ["pending", "contract_signed"] as const) {
      await scene.send(makePayload(`registrations.${stage}`, { resource_id: "on-its-way" }));
    }
    await untilSettled(scene.client, 30_000);
  });
  afterAll(() => scene.end());

  describePage(() => scene, {
    name: "registrations",
    path: "/console/registrations",
    heading: "Registrations",
    shows: ["Completed", "Contract signed", "at least 1 more to come"],
  });
  describePage(() => scene, {
    name: "registration",
    path: "/console/registrations/on-its-way",
    heading: "Registration",
    shows: ["Contract signed", "no event came", "Capital deposit activated", "ahead"],
  });

  it("lead from an id to its way, and to the event of each stage", async () => {
    const context = await scene.admin();
    const { page, faults } = await watchedPage(context);
    await page.goto("/console/registrations");
    await page.getByLabel("Find a registration by its id").fill("525817f7-93e8-4f31-a83d-20319778b4b0");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("The account is open.").waitFor();
    const event = page
      .getByRole("listitem")
      .filter({ hasText: "Contract signed" })
      .getByRole("link", { name: "event" });
    expect(await event.getAttribute("href")).toMatch(/\/console\/events\/.+/);
    expect(faults()).toEqual([]);
    await context.close();
  });
});
