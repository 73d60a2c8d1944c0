// oxlint-disable no-empty-pattern -- Vitest reads off the pattern what a fixture needs, which may be nothing.
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { expect, test } from "vitest";
import { startBrowser } from "./browser.ts";
import { fillBusyDay } from "./busy-day.ts";
import { Scene } from "./scene.ts";
import { type WatchedPage, watchedPage } from "./watched-page.ts";

/** A reader may only read. The fraud desk has the token of its destination. A stranger is not logged in. */
export type Who = "admin" | "reader" | "fraudDesk" | "stranger";

/**
 * Tests share one page of each kind, because a new one takes longer than most tests. Live updates stand still, so that nothing
 * changes during a test. On a `live` page the test moves the time.
 */
type Kind = "still" | "live" | "plain";

interface PageOptions {
  /** `admin` unless told otherwise. */
  readonly as?: Who;
  /** `still` unless told otherwise; `plain` is without JavaScript. */
  readonly on?: Kind;
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** Only a failure waits so long, also on a busy machine. */
const LONGEST_WAIT_MS = 60_000;

const usual = { width: 1280, height: 860 };

/** The tests of a file share a browser and a relay with a busy day. A test changes only what it creates. */
export const it = test
  .extend("scene", { scope: "file" }, async ({}, { onCleanup }) => {
    const scene = await Scene.start();
    onCleanup(() => scene.end());
    return scene;
  })
  .extend("day", { scope: "file" }, ({ scene }) => fillBusyDay(scene))
  .extend("browser", { scope: "file" }, async ({}, { onCleanup }) => {
    const browser = await startBrowser();
    onCleanup(() => browser.close());
    return browser;
  })
  .extend("cookies", { scope: "file" }, async ({ scene, day, browser }) => ({
    admin: await logIn(browser, scene.relay.url, scene.adminToken),
    reader: await logIn(browser, scene.relay.url, day.readerToken),
    fraudDesk: await logIn(browser, scene.relay.url, day.fraudDeskToken),
    stranger: [],
  }))
  .extend("pages", { scope: "file" }, async ({ scene, browser }) => {
    const baseURL = scene.relay.url;
    const still = await newContext(browser, { baseURL, permissions: ["clipboard-read", "clipboard-write"] });
    await still.addInitScript("setInterval = () => 0");
    const live = await newContext(browser, { baseURL });
    await live.clock.install();
    await live.clock.pauseAt(Date.now() + LONGEST_WAIT_MS);
    const plain = await newContext(browser, { baseURL, javaScriptEnabled: false });
    return { still: await watchedPage(still), live: await watchedPage(live), plain: await watchedPage(plain) };
  })
  /** Opens a page, on which nothing may fail until the end of the test. */
  .extend("enter", async ({ cookies, pages }, { onCleanup }) => {
    const entered: WatchedPage[] = [];
    onCleanup(() => expect(entered.flatMap(({ faults }) => faults)).toEqual([]));
    return async ({ as = "admin", on = "still", viewport = usual }: PageOptions = {}): Promise<Page> => {
      const { page, faults } = pages[on];
      if (!entered.includes(pages[on])) {
        faults.length = 0;
        entered.push(pages[on]);
      }
      await page.context().clearCookies();
      await page.context().addCookies(cookies[as]);
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
      return page;
    };
  });

async function newContext(browser: Browser, options: BrowserContextOptions): Promise<BrowserContext> {
  const context = await browser.newContext({ timezoneId: "Europe/Paris", ...options });
  context.setDefaultTimeout(LONGEST_WAIT_MS);
  return context;
}

/** The cookies of a browser that has logged in with the token. */
async function logIn(browser: Browser, baseURL: string, token: string) {
  const context = await newContext(browser, { baseURL });
  const response = await context.request.post("/console/login", { form: { token } });
  expect(new URL(response.url()).pathname).toMatch(/^\/console(?!\/login)/);
  const cookies = await context.cookies();
  await context.close();
  return cookies;
}
