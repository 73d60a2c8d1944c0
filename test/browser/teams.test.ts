import { afterAll, beforeAll, expect, it } from "vitest";
import type { Page } from "playwright-core";
import { z } from "zod";
import { makePayload } from "../support/qonto.ts";
import { TeamServer } from "../demo/team-server.ts";
import { describeInBrowser } from "./browser.ts";
import { describePage, findings, follow, watchedPage } from "./look.ts";
import { Scene } from "./scene.ts";

const listed = z.object({ id: z.string(), description: z.string().nullable() });

describeInBrowser("the teams in a browser", () => {
  let scene: Scene;
  const ids = new Map<string | null, string>();
  const pathOf = (name: string) => `/console/teams/${ids.get(name) ?? ""}`;

  beforeAll(async () => {
    scene = await Scene.startBusy();
    for await (const team of scene.client.list("/api/destinations", listed, { limit: 100 })) {
      ids.set(team.description, team.id);
    }
  });
  afterAll(() => scene.end());

  describePage(() => scene, {
    name: "teams",
    path: "/console/teams",
    heading: "Teams",
    shows: ["Accounting", "Fraud desk", "Add a team", "v1/transactions"],
  });
  describePage(() => scene, {
    name: "team-new",
    path: "/console/teams/new",
    heading: "Add a team",
    shows: ["URL", "Types of event", "Organizations"],
  });
  describePage(() => scene, {
    name: "team-failing",
    path: () => pathOf("Fraud desk"),
    heading: "Fraud desk",
    shows: [
      "It does not take what it is sent, last with 500",
      "That is a fault of the team's own",
      "Send a test event",
      "Deliveries",
      "Settings",
    ],
  });
  async function open(path: string, work: (page: Page) => Promise<void>): Promise<void> {
    const context = await scene.admin({ permissions: ["clipboard-read", "clipboard-write"] });
    const { page, faults } = await watchedPage(context);
    await page.goto(path);
    await work(page);
    expect(faults()).toEqual([]);
    await context.close();
  }

  it("adds a team, whose secret can be copied once, and tests it", async () => {
    const team = await TeamServer.start();
    await open("/console/teams/new", async (page) => {
      await page.getByLabel("URL").fill("nonsense");
      await page.getByLabel("Description").fill("Ledger");
      await page.getByRole("button", { name: "Add the team" }).click();
      await page.getByText("That is no URL").waitFor();
      expect(await page.getByLabel("Description").inputValue()).toBe("Ledger");
      await page.getByLabel("URL").fill(team.url);
      await page.getByLabel("Only these").check();
      await page.getByLabel("v1/transactions", { exact: true }).check();
      await page.getByRole("button", { name: "Add the team" }).click();
      const secret = await page.locator("#secret").innerText();
      await page.getByRole("button", { name: "Copy" }).first().click();
      await page.getByRole("button", { name: "Copied" }).waitFor();
      expect(await page.evaluate("navigator.clipboard.readText()")).toBe(secret);
      await page.getByText("PHP", { exact: true }).click();
      await page.getByText("hash_equals").waitFor();
      await follow(page.getByRole("button", { name: "Send a test event" }));
      await page.getByText("The team took the test event").waitFor();
      expect(team.requests).toHaveLength(1);
      expect(await page.locator("body").innerText()).not.toContain("whsec_");
    });
    team.stop();
  });

  it("fits a phone and gives axe nothing to find where something is asked or answered, however long a name is", async () => {
    const { id } = await scene.addTeam(`Treasury${"y".repeat(60)}`);
    const context = await scene.admin({ bypassCSP: true, viewport: { width: 360, height: 740 } });
    const page = await context.newPage();
    const team = `/console/teams/${id}`;
    const replay = "/replay?which=all&since=";
    for (const path of ["", "/rotate", "/delete", "/edit", `${replay}2026-01-01T00:00`, replay]) {
      await page.goto(team + path);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
      expect(await findings(page)).toEqual([]);
    }
    await page.goto(`${team}/rotate`);
    await follow(page.getByRole("button", { name: "Rotate the secret" }));
    await page.locator("#secret").waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    expect(await findings(page)).toEqual([]);
    await page.goto("/console/teams/new");
    await follow(page.getByRole("button", { name: "Add the team" }));
    await page.getByText("Nothing was saved.").waitFor();
    expect(await findings(page)).toEqual([]);
    await context.close();
  });

  it("pauses, resumes, edits and rotates", async () => {
    await open(pathOf("Accounting"), async (page) => {
      await page.getByRole("button", { name: "Pause" }).click();
      await page.getByText("It gets nothing because it is paused").waitFor();
      await page.getByRole("button", { name: "Resume" }).click();
      await page.getByText("The team gets events again").waitFor();
      await page.getByRole("link", { name: "Edit" }).click();
      await page.getByText("Advanced").click();
      await page.getByLabel("Most attempts a second").fill("50");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("The team is changed.").waitFor();
      await page.getByRole("link", { name: "Rotate secret" }).click();
      await page.getByLabel("The present secret signs as well for").selectOption("7 days");
      await page.getByRole("button", { name: "Rotate the secret" }).click();
      await page.getByText("The one before signs as well for 7 days.").waitFor();
      expect(await page.locator("#secret").innerText()).toMatch(/^whsec_/);
      await page.getByRole("link", { name: "Go to the team" }).click();
      await page.getByText("two sign").waitFor();
    });
  });

  it("cures a team that failed: what was given up is counted, replayed, and arrives", async () => {
    let status = 500;
    const team = await scene.addTeam("Back office", () => status, { retry_schedule_seconds: [] });
    await scene.send(makePayload("v1/cards"));
    await open(`/console/teams/${team.id}`, async (page) => {
      await expect
        .poll(
          async () => {
            await page.reload();
            return page.getByRole("link", { name: "Replay what was given up" }).count();
          },
          { timeout: 20_000 },
        )
        .toBe(1);
      await page.getByRole("link", { name: "Given up", exact: true }).click();
      await page.getByText("what it said").click();
      await page.getByRole("cell").getByText("not now").waitFor();
      status = 200;
      await page.getByRole("link", { name: "Replay what was given up" }).click();
      await page.getByRole("button", { name: "Replay 1 event" }).click();
      await page.getByText("all of it was put in line").waitFor();
      await expect
        .poll(
          async () => {
            await page.reload();
            return page.getByText("It gets its events").count();
          },
          { timeout: 20_000 },
        )
        .toBe(1);
    });
  });

  it("deletes a team after it has asked, without JavaScript as well", async () => {
    const team = await scene.addTeam("Intern");
    const context = await scene.admin({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`/console/teams/${team.id}`);
    await page.getByRole("link", { name: "Delete" }).click();
    await page.getByText("Nothing is waiting for it.").waitFor();
    await follow(page.getByRole("button", { name: "Delete the team" }));
    await page.getByText("The team is gone.").waitFor();
    expect(await page.locator("body").innerText()).not.toContain("Intern");
    await context.close();
  });
});
