import path from "node:path";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import type { BrowserContext, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Scene } from "./scene.ts";

/** Where they are left. */
export const screenshots = fileURLToPath(new URL("../../.wrangler/screenshots/", import.meta.url));

const phone = { width: 360, height: 740 };
const wide = { width: 1280, height: 860 };

/** Axe, which takes its time, sees each colour scheme and each width once. */
const looks = [
  { look: "light-phone", colorScheme: "light", viewport: phone, isForAxe: true },
  { look: "light-wide", colorScheme: "light", viewport: wide, isForAxe: false },
  { look: "dark-phone", colorScheme: "dark", viewport: phone, isForAxe: false },
  { look: "dark-wide", colorScheme: "dark", viewport: wide, isForAxe: true },
] as const;

interface PageToLookAt {
  /** Of the screenshots. */
  readonly name: string;
  /** Of the page; a function when it is known only once the scene stands. */
  readonly path: string | (() => string);
  /** Its first heading. */
  readonly heading: string;
  /** What it shows, with and without JavaScript. */
  readonly shows: readonly string[];
  /** Who looks; the admin unless told otherwise. */
  readonly as?: "admin" | "stranger";
}

/**
 * Looks at a page in light and dark, on a phone and on a wide screen: it is whole, breaks no rule of its own
 * Content-Security-Policy, gives axe nothing to find, fits into its width, and works without JavaScript. Leaves screenshots.
 */
export function describePage(scene: () => Scene, { name, path: at, heading, shows, as = "admin" }: PageToLookAt): void {
  const enter = (options: BrowserContextOptions) => scene()[as](options);
  const address = () => (typeof at === "string" ? at : at());
  const expectWhole = async (page: Page) => {
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    const text = await page.locator("body").innerText();
    for (const shown of shows) expect(text).toContain(shown);
  };

  describe(name, () => {
    let context: BrowserContext;
    let watched: Awaited<ReturnType<typeof watchedPage>>;

    beforeAll(async () => {
      context = await enter({ viewport: phone, reducedMotion: "reduce" });
      watched = await watchedPage(context);
      await watched.page.goto(address());
    });
    afterAll(() => context.close());

    it.each(looks)("is whole, within its policy and good for axe: $look", async (one) => {
      const { look, colorScheme, viewport, isForAxe } = one;
      const { page, faults } = watched;
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await expectWhole(page);
      await page.screenshot({ path: path.join(screenshots, `${name}-${look}.png`), fullPage: true });
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(viewport.width);
      if (isForAxe) expect(await findings(page)).toEqual([]);
      expect(faults()).toEqual([]);
    });

    it("works without JavaScript", async () => {
      const context = await enter({ javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(address());
      await expectWhole(page);
      await context.close();
    });
  });
}

/** Clicks on what leads to a page, and waits until that page is whole: only then is what it shows there to be read. */
export async function follow(lead: Locator): Promise<void> {
  await Promise.all([lead.page().waitForEvent("load"), lead.click()]);
}

/** A page that notes what goes wrong on it: scripts that fail, files that are missing, a policy that is broken. */
export async function watchedPage(context: BrowserContext): Promise<{ page: Page; faults: () => string[] }> {
  const page = await context.newPage();
  const noted: string[] = [];
  page.on("console", (message) => {
    // A browser says it of the page itself as well when that is a refusal.
    const isOfPage = message.location().url === page.url();
    if (message.type() === "error" && !isOfPage) noted.push(message.text());
  });
  page.on("pageerror", (error) => noted.push(error.message));
  page.on("requestfailed", (request) => {
    // A page that is left before it is whole cancels what it still loads.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") noted.push(`${request.url()} failed`);
  });
  await page.exposeFunction("noteViolation", (text: string) => void noted.push(text));
  await page.addInitScript(`document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    window.noteViolation(violatedDirective + " " + blockedURI))`);
  return { page, faults: () => noted };
}

const axeResults = z.object({
  violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })),
});

/** What axe finds, with where: the rules of WCAG and of good practice. A page's policy does not bind who debugs it. */
export async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = axeResults.parse(await page.evaluate("axe.run()"));
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
