import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makePayload } from "../support/qonto.ts";
import { describeInBrowser } from "./browser.ts";
import { describePage, follow, screenshots, watchedPage } from "./look.ts";
import { Scene } from "./scene.ts";

const hostile = '<script>document.title = "taken over"</script></bdi>\u202Egnirts a \u2069\u202E\u2066 مرحبا 🦀👩‍👩‍👧';

const pageOf = (id: string) => `/console/events/${encodeURIComponent(id)}`;

describeInBrowser("the pages of events in a browser", () => {
  let scene: Scene;
  const refused = makePayload("v1/transactions");
  const evil = makePayload("v1/transactions", {
    id: "a/b?c=<script>#d%2F",
    organization_id: hostile,
    data: {
      id: hostile,
      event: hostile,
      label: hostile,
      note: "x".repeat(100_000),
      [hostile]: { many: Array.from({ length: 3_000 }, (_, index) => ({ index, text: "ش🦀 <b>" })) },
    },
  });

  beforeAll(async () => {
    scene = await Scene.startBusy();
    await scene.addTeam("Hostile", () => ({ status: 500, body: hostile.repeat(4) }), {
      retry_schedule_seconds: [],
      organizations: [hostile],
    });
    await scene.send(refused);
    await scene.send(evil);
    await scene.settled();
  });
  afterAll(() => scene.end());

  describePage(() => scene, {
    name: "events",
    path: "/console/events",
    heading: "Events",
    shows: ["Transaction created", "1 of 3 teams", "delivered", "dead"],
  });
  describePage(() => scene, {
    name: "event",
    path: () => pageOf(refused.id),
    heading: "Event",
    shows: ["Transaction created: 1 of the 3 teams that it is for did not take it", "Fraud desk", "not now", "50.01"],
  });

  it.each(["light", "dark"] as const)("shows a hostile event harmlessly, also on a phone: %s", async (colorScheme) => {
    const context = await scene.admin({ colorScheme, viewport: { width: 360, height: 740 } });
    const { page, faults } = await watchedPage(context);
    for (const at of [pageOf(evil.id), "/console/events", "/console/tail"]) {
      await page.goto(at);
      await page.locator("main bdi", { hasText: "<script>document.title" }).first().waitFor({ timeout: 10_000 });
      expect(await page.title()).toContain("Qonto relay");
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    }
    await page.goto(pageOf(evil.id));
    await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    await page.screenshot({ path: path.join(screenshots, `event-hostile-${colorScheme}-phone.png`) });
    expect(faults()).toEqual([]);
    await context.close();
  });

  it("lets no text of others turn around what stands behind it", async () => {
    const context = await scene.admin();
    const page = await context.newPage();
    await page.goto(pageOf(evil.id));
    const runsToTheRight = await page.evaluate(`(() => {
      const text = document.querySelector(".verdict-sentence").lastChild;
      const leftOf = (at) => {
        const range = document.createRange();
        range.setStart(text, at);
        range.setEnd(text, at + 1);
        return range.getBoundingClientRect().left;
      };
      const end = text.length - 1;
      return leftOf(end - 5) < leftOf(end);
    })()`);
    expect(runsToTheRight).toBe(true);
    await context.close();
  });

  it("leads from an id to the event, and from the event to what it is about", async () => {
    const context = await scene.admin();
    const page = await context.newPage();
    await page.goto("/console/events");
    await page.getByLabel("Event or resource id").fill(` ${refused.id} `);
    await page.keyboard.press("Enter");
    await page.getByText("1 of the 3 teams that it is for").waitFor();
    expect(page.url()).toBe(`${scene.relay.url}${pageOf(refused.id)}`);
    await page.getByRole("button", { name: "Copy" }).waitFor();
    await context.close();
  });

  it("narrows the list, and keeps what was chosen in the form and in the URL", async () => {
    const context = await scene.admin({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto("/console/events");
    await page.getByLabel("What became of it").selectOption("dead");
    await page.getByLabel("Type").fill("v1/transactions");
    await page.getByText("Organization and time").click();
    await page.getByLabel("Received from (UTC)").fill("2026-01-01T00:00:00");
    await follow(page.getByRole("button", { name: "Filter" }));
    expect(new URL(page.url()).searchParams.get("outcome")).toBe("dead");
    expect(await page.getByLabel("What became of it").inputValue()).toBe("dead");
    expect(await page.getByLabel("Received from (UTC)").inputValue()).toMatch(/^2026-01-01T00:00/);
    const ends = await page.locator("td .state").allInnerTexts();
    expect(ends.length).toBeGreaterThan(1);
    expect(new Set(ends)).toEqual(new Set(["◼ dead"]));
    await follow(page.getByRole("link", { name: "Clear" }));
    expect(page.url()).toBe(`${scene.relay.url}/console/events`);
    await context.close();
  });

  it("sends an event again to one team, to all, and to one that it was not for", async () => {
    const context = await scene.admin();
    const { page, faults } = await watchedPage(context);
    await page.goto(pageOf(refused.id));
    const fraudDesk = stepOf(page, "Fraud desk");
    await follow(fraudDesk.getByRole("button", { name: "Send again" }));
    await page.getByText("It is on its way to that team.").waitFor();
    await fraudDesk.getByText("Attempt 3").waitFor();
    await scene.settled();

    await follow(page.getByRole("button", { name: "Send to all that want it" }));
    await page.getByText("It is on its way to each team that wants it and does not have it.").waitFor();

    await page.getByLabel("One that it was not for").selectOption({ label: "Warehouse (paused: it waits there)" });
    await follow(page.getByRole("button", { name: "Send to this team" }));
    await page.getByText("It is on its way to that team.").waitFor();
    expect(await stepOf(page, "Warehouse").innerText()).toContain(
      "The team is paused: it waits until that is resumed.",
    );
    expect(faults()).toEqual([]);
    await context.close();
  });

  it("lets who may only look press nothing", async () => {
    const context = await scene.reader();
    const page = await context.newPage();
    await page.goto(pageOf(evil.id));
    for (const name of ["Send again", "Send to all that want it", "Send to this team"]) {
      for (const button of await page.getByRole("button", { name }).all()) expect(await button.isDisabled()).toBe(true);
    }
    await context.close();
  });
});

function stepOf(page: Page, team: string) {
  return page.locator(".step", { has: page.getByRole("link", { name: team }) });
}
