import { expect } from "vitest";
import { z } from "zod";
import { DAY_SHOWN_FROM_MS, relativeTimes } from "../../support/relative-times.ts";
import { it } from "../in-browser.ts";

/** How often live.js shows relative times again. */
const EVERY_MS = 15_000;

const DAY = /^\d{4}-\d\d-\d\d$/;

export function times(): void {
  it("grow old on an open page, in the server's words, and a selected instant stays selected", async ({ enter }) => {
    const page = await enter({ on: "live" });
    await page.goto("/console/audit");
    const now = z.number().parse(await page.evaluate("Number(document.documentElement.dataset.now)")) + EVERY_MS;
    const ages = [...relativeTimes.map(([age]) => age), DAY_SHOWN_FROM_MS, -DAY_SHOWN_FROM_MS];
    const list = ages.map(
      (age) => `<time data-show="relative" datetime="${new Date(now - age).toISOString()}"></time>`,
    );
    await page.evaluate(
      `document.body.insertAdjacentHTML("beforeend", ${JSON.stringify(`<p id="ages">${list.join(" ")}</p>`)})`,
    );
    await page.evaluate(`getSelection().selectAllChildren(document.querySelector('time[data-show="instant"]'))`);
    await page.clock.runFor(EVERY_MS);
    const shown = await page.locator("#ages time").allInnerTexts();
    const days = [expect.stringMatching(DAY), expect.stringMatching(DAY)];
    expect(shown).toEqual([...relativeTimes.map(([, words]) => words), ...days]);
    expect(await page.evaluate("getSelection().toString()")).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  });
}
