import { expect } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { it } from "../in-browser.ts";
import { describePage, findings, follow, phone, widthOf } from "../look.ts";

const pageOf = (id: string) => `/console/destinations/${id}`;

export function destinations(): void {
  describePage({
    name: "destinations",
    path: "/console/destinations",
    heading: "Destinations",
    shows: ["Accounting", "Fraud desk", "Add destination", "v1/transactions"],
  });
  describePage({
    name: "destination-new",
    path: "/console/destinations/new",
    heading: "Add destination",
    shows: ["URL", "Event types", "Organizations"],
  });
  describePage({
    name: "destination-failing",
    path: ({ destinations: { fraudDesk } }) => pageOf(fraudDesk),
    heading: "Fraud desk",
    shows: [
      /Failing|Circuit open/,
      "500 after",
      "The fault is in the destination",
      "Send test event",
      "Deliveries",
      "Settings",
    ],
  });

  describePage({
    name: "destination-by-its-token",
    path: "/console",
    heading: "Fraud desk",
    shows: ["fraud-desk · token · one destination", "Send test event", "Rotate secret", "Deliveries"],
    as: "fraudDesk",
  });
  describePage({
    name: "closed-to-a-destination",
    path: "/console/audit",
    heading: "Forbidden",
    shows: ["This token is for one destination", "Go to your destination"],
    as: "fraudDesk",
  });

  it("are added, with a secret to copy and a test event to send", async ({ scene, enter }) => {
    const destination = await scene.listen();
    const page = await enter();
    await page.goto("/console/destinations/new");
    await page.getByLabel("URL").fill("nonsense");
    await page.getByLabel("Description").fill("Ledger");
    await page.getByRole("textbox", { name: "Organizations" }).fill(crypto.randomUUID());
    await page.getByRole("button", { name: "Add destination" }).click();
    await page.getByText("This is no URL").waitFor();
    expect(await page.getByLabel("Description").inputValue()).toBe("Ledger");
    await page.getByLabel("URL").fill(destination.url);
    await page.getByLabel("Only these").check();
    await page.getByLabel("v1/transactions", { exact: true }).check();
    await page.getByRole("button", { name: "Add destination" }).click();
    const secret = await page.locator("#secret").innerText();
    await page.getByRole("button", { name: "Copy" }).first().click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe(secret);
    await page.getByText("PHP", { exact: true }).click();
    await page.getByText("hash_equals").waitFor();
    await follow(page.getByRole("button", { name: "Send test event" }));
    await page.getByText("The test event was delivered").waitFor();
    expect(destination.requests).toHaveLength(1);
    expect(await page.locator("body").innerText()).not.toContain("whsec_");
  });

  it("have forms that fit a phone and have no accessibility faults, however long a name is", async ({
    scene,
    enter,
  }) => {
    const destination = pageOf(await scene.addDestination(`Treasury${"y".repeat(60)}`, undefined, ofNobody()));
    const page = await enter({ viewport: phone });
    const replay = "/replay?which=all&since=";
    for (const path of ["", "/rotate", "/delete", "/edit", `${replay}2026-01-01T00:00`, replay]) {
      await page.goto(destination + path);
      expect(await widthOf(page)).toBeLessThanOrEqual(360);
      expect(await findings(page)).toEqual([]);
    }
    await page.goto(`${destination}/rotate`);
    await follow(page.getByRole("button", { name: "Rotate secret" }));
    await page.locator("#secret").waitFor();
    expect(await widthOf(page)).toBeLessThanOrEqual(360);
    expect(await findings(page)).toEqual([]);
    await page.goto("/console/destinations/new");
    await follow(page.getByRole("button", { name: "Add destination" }));
    await page.getByText("Nothing was saved.").waitFor();
    expect(await findings(page)).toEqual([]);
  });

  it("are paused, resumed, edited, and their secrets rotated", async ({ scene, enter }) => {
    const id = await scene.addDestination("Reporting", undefined, ofNobody());
    const page = await enter();
    await page.goto(pageOf(id));
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Gets no events: paused since").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText("its pending deliveries are attempted now").waitFor();
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByText("Advanced").click();
    await page.getByLabel("Rate limit").fill("50");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The destination is changed.").waitFor();
    await page.getByRole("link", { name: "Rotate secret" }).click();
    await page.getByLabel("Overlap").selectOption("7 days");
    await page.getByRole("button", { name: "Rotate secret" }).click();
    await page.getByText("The old secret also signs for 7 days.").waitFor();
    expect(await page.locator("#secret").innerText()).toMatch(/^whsec_/);
    await page.getByRole("link", { name: "Go to the destination" }).click();
    await page.getByText("2 active").waitFor();
  });

  it("get their dead deliveries again after a counted replay", async ({ scene, enter }) => {
    let status = 500;
    const { organizations } = ofNobody();
    const id = await scene.addDestination("Back office", () => status, { organizations, retry_schedule_seconds: [] });
    const payload = makePayload("v1/cards", { organization_id: organizations[0] });
    await scene.send(payload);
    await scene.settled(payload);
    const page = await enter();
    await page.goto(pageOf(id));
    expect(await page.getByRole("link", { name: "Replay dead deliveries" }).count()).toBe(1);
    await page.getByRole("link", { name: "Dead", exact: true }).click();
    await page.getByText("response", { exact: true }).click();
    await page.getByRole("cell").getByText("not now").waitFor();
    status = 200;
    await page.getByRole("link", { name: "Replay dead deliveries" }).click();
    await page.getByRole("button", { name: "Replay 1 event" }).click();
    await page.getByText("finished at").waitFor();
    const isHealthy = async () => {
      await page.reload();
      return page.getByText("Gets its events").count();
    };
    await expect.poll(isHealthy).toBe(1);
  });

  it("are deleted after a confirmation, without JavaScript", async ({ scene, enter }) => {
    const id = await scene.addDestination("Intern", undefined, ofNobody());
    const page = await enter({ on: "plain" });
    await page.goto(pageOf(id));
    await page.getByRole("link", { name: "Delete" }).click();
    await page.getByText("It has no pending deliveries.").waitFor();
    await follow(page.getByRole("button", { name: "Delete destination" }));
    await page.getByText("The destination is deleted.").waitFor();
    expect(await page.locator("body").innerText()).not.toContain("Intern");
  });
}

/** A destination with this gets no event of another test. */
function ofNobody() {
  return { organizations: [crypto.randomUUID()] };
}
