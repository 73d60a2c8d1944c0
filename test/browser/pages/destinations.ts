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
    shows: ["Accounting", "Fraud desk", "Add a destination", "v1/transactions"],
  });
  describePage({
    name: "destination-new",
    path: "/console/destinations/new",
    heading: "Add a destination",
    shows: ["URL", "Types of event", "Organizations"],
  });
  describePage({
    name: "destination-failing",
    path: ({ destinations: { fraudDesk } }) => pageOf(fraudDesk),
    heading: "Fraud desk",
    shows: [
      "It does not take what it is sent, last with 500",
      "That is a fault of the destination's own",
      "Send a test event",
      "Deliveries",
      "Settings",
    ],
  });

  it("are added: the secret can be copied once, and a test event is sent", async ({ scene, enter }) => {
    const destination = await scene.listen();
    const page = await enter();
    await page.goto("/console/destinations/new");
    await page.getByLabel("URL").fill("nonsense");
    await page.getByLabel("Description").fill("Ledger");
    await page.getByRole("textbox", { name: "Organizations" }).fill(crypto.randomUUID());
    await page.getByRole("button", { name: "Add the destination" }).click();
    await page.getByText("That is no URL").waitFor();
    expect(await page.getByLabel("Description").inputValue()).toBe("Ledger");
    await page.getByLabel("URL").fill(destination.url);
    await page.getByLabel("Only these").check();
    await page.getByLabel("v1/transactions", { exact: true }).check();
    await page.getByRole("button", { name: "Add the destination" }).click();
    const secret = await page.locator("#secret").innerText();
    await page.getByRole("button", { name: "Copy" }).first().click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe(secret);
    await page.getByText("PHP", { exact: true }).click();
    await page.getByText("hash_equals").waitFor();
    await follow(page.getByRole("button", { name: "Send a test event" }));
    await page.getByText("The destination took the test event").waitFor();
    expect(destination.requests).toHaveLength(1);
    expect(await page.locator("body").innerText()).not.toContain("whsec_");
  });

  it("fit a phone and give axe nothing to find where something is asked or answered, however long a name is", async ({
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
    await follow(page.getByRole("button", { name: "Rotate the secret" }));
    await page.locator("#secret").waitFor();
    expect(await widthOf(page)).toBeLessThanOrEqual(360);
    expect(await findings(page)).toEqual([]);
    await page.goto("/console/destinations/new");
    await follow(page.getByRole("button", { name: "Add the destination" }));
    await page.getByText("Nothing was saved.").waitFor();
    expect(await findings(page)).toEqual([]);
  });

  it("are paused, resumed, edited, and their secrets rotated", async ({ scene, enter }) => {
    const id = await scene.addDestination("Reporting", undefined, ofNobody());
    const page = await enter();
    await page.goto(pageOf(id));
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("It gets nothing because it is paused").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText("The destination gets events again").waitFor();
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByText("Advanced").click();
    await page.getByLabel("Most attempts a second").fill("50");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The destination is changed.").waitFor();
    await page.getByRole("link", { name: "Rotate secret" }).click();
    await page.getByLabel("The present secret signs as well for").selectOption("7 days");
    await page.getByRole("button", { name: "Rotate the secret" }).click();
    await page.getByText("The one before signs as well for 7 days.").waitFor();
    expect(await page.locator("#secret").innerText()).toMatch(/^whsec_/);
    await page.getByRole("link", { name: "Go to the destination" }).click();
    await page.getByText("two sign").waitFor();
  });

  it("are cured when they failed: what was given up is counted, replayed, and arrives", async ({ scene, enter }) => {
    let status = 500;
    const { organizations } = ofNobody();
    const id = await scene.addDestination("Back office", () => status, { organizations, retry_schedule_seconds: [] });
    const payload = makePayload("v1/cards", { organization_id: organizations[0] });
    await scene.send(payload);
    await scene.settled(payload);
    const page = await enter();
    await page.goto(pageOf(id));
    expect(await page.getByRole("link", { name: "Replay what was given up" }).count()).toBe(1);
    await page.getByRole("link", { name: "Given up", exact: true }).click();
    await page.getByText("what it said").click();
    await page.getByRole("cell").getByText("not now").waitFor();
    status = 200;
    await page.getByRole("link", { name: "Replay what was given up" }).click();
    await page.getByRole("button", { name: "Replay 1 event" }).click();
    await page.getByText("all of it was put in line").waitFor();
    const isCured = async () => {
      await page.reload();
      return page.getByText("It gets its events").count();
    };
    await expect.poll(isCured).toBe(1);
  });

  it("are deleted after it has been asked, without JavaScript as well", async ({ scene, enter }) => {
    const id = await scene.addDestination("Intern", undefined, ofNobody());
    const page = await enter({ on: "plain" });
    await page.goto(pageOf(id));
    await page.getByRole("link", { name: "Delete" }).click();
    await page.getByText("Nothing is waiting for it.").waitFor();
    await follow(page.getByRole("button", { name: "Delete the destination" }));
    await page.getByText("The destination is gone.").waitFor();
    expect(await page.locator("body").innerText()).not.toContain("Intern");
  });
}

/** A destination with this gets no event of another test. */
function ofNobody() {
  return { organizations: [crypto.randomUUID()] };
}
