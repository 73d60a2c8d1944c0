import type { Page } from "playwright-core";
import { expect } from "vitest";
import { it } from "../in-browser.ts";
import { describePage, follow, leaveScreenshot, phone, widthOf } from "../look.ts";
import { noticeOf } from "./list.ts";

const pageOf = ({ id }: { readonly id: string }) => `/console/events/${encodeURIComponent(id)}`;

export function events(): void {
  describePage({
    name: "events",
    path: "/console/events",
    heading: "Events",
    shows: ["Transaction created", "ACME Corp", "50.01", "1 of 3 destinations", "Delivered", "Dead"],
  });
  describePage({
    name: "event",
    path: ({ refused }) => pageOf(refused),
    heading: "Event",
    shows: ["Transaction created", "1 of 3 deliveries is dead.", "Fraud desk", "not now", "50.01"],
  });

  it("shows a hostile event harmlessly on a phone, in light and dark", async ({ day: { hostile }, enter }) => {
    const page = await enter({ viewport: phone });
    const expectFit = async () => {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await widthOf(page), `${page.url()} ${colorScheme}`).toBeLessThanOrEqual(phone.width);
        await leaveScreenshot(page, `hostile-${page.url().split("/")[4]}-${colorScheme}`);
      }
    };
    for (const at of ["/console/tail", "/console/events", pageOf(hostile)]) {
      await page.goto(at);
      await page.locator("main bdi", { hasText: "<script>document.title" }).first().waitFor();
      expect(await page.title()).toContain("Qonto relay");
      await expectFit();
    }
    await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
    await expectFit();
  });

  it("keeps text of others from turning the text behind it around", async ({ day: { hostile }, enter }) => {
    const page = await enter();
    await page.goto(pageOf(hostile));
    const runsToTheRight = await page.evaluate(`(() => {
      const sentence = document.querySelector(".banner-sentence");
      sentence.append(" and what stands behind it");
      const text = sentence.lastChild;
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
  });

  it("leads from an id to the event, and from the event to what it is about", async ({
    scene,
    day: { refused },
    enter,
  }) => {
    const page = await enter();
    await page.goto("/console/events");
    await page.getByLabel("Event or resource id").fill(` ${refused.id} `);
    await page.keyboard.press("Enter");
    await page.getByText("1 of 3 deliveries is dead.").waitFor();
    expect(page.url()).toBe(`${scene.relay.url}${pageOf(refused)}`);
    await page.getByRole("button", { name: "Copy" }).waitFor();
  });

  it("narrows the list, and keeps what was chosen in the form and in the URL", async ({ scene, enter }) => {
    const page = await enter({ on: "plain" });
    await page.goto("/console/events");
    await page.getByLabel("State").selectOption("dead");
    await page.getByLabel("Type").fill("v1/transactions");
    await page.getByText("Organization and time").click();
    await page.getByLabel("Received from (UTC)").fill("2026-01-01T00:00:00");
    await follow(page.getByRole("button", { name: "Filter" }));
    expect(new URL(page.url()).searchParams.get("outcome")).toBe("dead");
    expect(await page.getByLabel("State").inputValue()).toBe("dead");
    expect(await page.getByLabel("Received from (UTC)").inputValue()).toMatch(/^2026-01-01T00:00/);
    const ends = await page.locator("td .state").allInnerTexts();
    expect(ends.length).toBeGreaterThan(1);
    expect(new Set(ends)).toEqual(new Set(["◼ Dead"]));
    await follow(page.getByRole("link", { name: "Clear" }));
    expect(page.url()).toBe(`${scene.relay.url}/console/events`);
  });

  it("replays an event to one destination, to all that match, and to another one", async ({
    scene,
    day: { refusedToo: own },
    enter,
  }) => {
    const page = await enter({ on: "live" });
    await page.goto(pageOf(own));
    const fraudDesk = stepOf(page, "Fraud desk");
    await follow(fraudDesk.getByRole("button", { name: "Replay", exact: true }));
    expect(await noticeOf(page)).toContain("The event is sent to that destination.");
    await scene.settled(own);
    await page.clock.fastForward(5_000);
    await fraudDesk.getByText("Attempt 3").waitFor();

    await follow(page.getByRole("button", { name: "Replay to all that match" }));
    expect(await noticeOf(page)).toContain("The event is sent to each destination that matches and does not have it.");

    await page.getByLabel("Another destination").selectOption({ label: "Warehouse (paused: the delivery waits)" });
    await follow(page.getByRole("button", { name: "Replay to this destination" }));
    expect(await noticeOf(page)).toContain("The event is sent to that destination.");
    expect(await stepOf(page, "Warehouse").innerText()).toContain(
      "The destination is paused. The delivery waits until it is resumed.",
    );
  });

  it("lets who may only look press nothing", async ({ day: { refused }, enter }) => {
    const page = await enter({ as: "reader" });
    await page.goto(pageOf(refused));
    for (const name of ["Replay", "Replay to all that match", "Replay to this destination"]) {
      const buttons = await page.getByRole("button", { name }).all();
      expect(buttons.length).toBeGreaterThan(0);
      for (const button of buttons) expect(await button.isDisabled()).toBe(true);
    }
  });
}

function stepOf(page: Page, destination: string) {
  return page.locator(".timeline > li", { has: page.getByRole("link", { name: destination }) });
}
