import path from "node:path";
import axe from "axe-core";
import type { Locator, Page } from "playwright-core";
import { describe, expect } from "vitest";
import { z } from "zod";
import type { BusyDay } from "./busy-day.ts";
import { type Who, it } from "./in-browser.ts";

/** A directory for screenshots of every page; none are taken without. */
const screenshots = process.env["SCREENSHOTS"];

export const phone = { width: 360, height: 740 };
const wide = { width: 1280, height: 860 };

/** Axe is slow: it checks each colour scheme and each width once. */
const looks = [
  { look: "light-phone", colorScheme: "light", viewport: phone, isForAxe: true },
  { look: "light-wide", colorScheme: "light", viewport: wide, isForAxe: false },
  { look: "dark-phone", colorScheme: "dark", viewport: phone, isForAxe: false },
  { look: "dark-wide", colorScheme: "dark", viewport: wide, isForAxe: true },
] as const;

interface PageToLookAt {
  /** Of the screenshots. */
  readonly name: string;
  /** The page's address; a function when it depends on the busy day. */
  readonly path: string | ((day: BusyDay) => string);
  /** Its first heading. */
  readonly heading: string;
  /** What it shows, with and without JavaScript. */
  readonly shows: readonly (string | RegExp)[];
  /** Who looks; by default the admin. */
  readonly as?: Who;
}

/**
 * Checks a page in light and dark, on a phone and on a wide screen: it is complete, keeps its Content-Security-Policy, passes
 * axe, fits into its width, and works without JavaScript.
 */
export function describePage({ name, path: at, heading, shows, as = "admin" }: PageToLookAt): void {
  const addressOf = (day: BusyDay) => (typeof at === "string" ? at : at(day));
  const expectWhole = async (page: Page, look: string) => {
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    const text = await page.locator("body").innerText();
    for (const shown of shows) expect(text, look).toMatch(shown);
  };

  describe(name, () => {
    it("is complete, keeps its policy and passes axe, in light and dark, on a phone and wide", async ({
      day,
      enter,
    }) => {
      const page = await enter({ as });
      await page.goto(addressOf(day));
      for (const { look, colorScheme, viewport, isForAxe } of looks) {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        await expectWhole(page, look);
        await leaveScreenshot(page, `${name}-${look}`);
        expect(await widthOf(page), look).toBeLessThanOrEqual(viewport.width);
        if (isForAxe) expect(await findings(page), look).toEqual([]);
      }
    });

    it("works without JavaScript", async ({ day, enter }) => {
      const page = await enter({ as, on: "plain" });
      await page.goto(addressOf(day));
      await expectWhole(page, "without JavaScript");
    });
  });
}

/** The width that a page takes. */
export async function widthOf(page: Page): Promise<number> {
  return z.number().parse(await page.evaluate("document.documentElement.scrollWidth"));
}

export async function leaveScreenshot(page: Page, name: string): Promise<void> {
  if (screenshots !== undefined) await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
}

/** Clicks on a link, and waits until the next page is complete. */
export async function follow(lead: Locator): Promise<void> {
  await Promise.all([lead.page().waitForEvent("load"), lead.click()]);
}

const axeResults = z.object({
  violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })),
});

/** The findings of axe, with their places: the rules of WCAG and best practices. The debugger bypasses the page's policy. */
export async function findings(page: Page): Promise<string[]> {
  if (await page.evaluate("typeof axe === 'undefined'")) await page.evaluate(axe.source);
  const { violations } = axeResults.parse(await page.evaluate("axe.run({ resultTypes: ['violations'] })"));
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
