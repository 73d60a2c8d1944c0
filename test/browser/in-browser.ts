// oxlint-disable no-empty-pattern -- Vitest reads off the pattern what a fixture needs, which may be nothing.
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { expect, test } from "vitest";
import { startBrowser } from "./browser.ts";
import { fillBusyDay } from "./busy-day.ts";
import { Scene } from "./scene.ts";
import { type WatchedPage, watchedPage } from "./watched-page.ts";

/** A reader may only look, and a stranger has not logged in. */
export type Who = "admin" | "reader" | "stranger";

/**
 * Pages, of which the tests share one of each kind, because a new one costs more than what most tests do with it. What is
 * live stands still, so that nothing changes under a test's hands; on `live` its time goes on as the test says.
 */
type Kind = "still" | "live" | "plain";

interface Drain {
  /** `admin` unless told otherwise. */
  readonly as?: Who;
  /** `still` unless told otherwise; `plain` is without JavaScript. */
  readonly on?: Kind;
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** More than enough also where the machine is busy: only a failure waits so long. */
const LONGEST_WAIT_MS = 60_000;

const usual = { width: 1280, height: 860 };

/** The tests of a file share a relay that has had a busy day, and a browser. What a test changes is its own. */
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
  /** Sits down at a page, on which nothing may go wrong up to the end of the test. */
  .extend("enter", async ({ cookies, pages }, { onCleanup }) => {
    const entered: WatchedPage[] = [];
    onCleanup(() => expect(entered.flatMap(({ faults }) => faults)).toEqual([]));
    return async ({ as = "admin", on = "still", viewport = usual }: Drain = {}): Promise<Page> => {
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
  expect(new URL(response.url()).pathname).toBe("/console");
  const cookies = await context.cookies();
  await context.close();
  return cookies;
}
