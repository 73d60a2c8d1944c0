import type { BrowserContext, Page } from "playwright-core";

export interface WatchedPage {
  readonly page: Page;
  /** Errors on it: failed scripts, missing files, violations of its policy. */
  readonly faults: string[];
}

export async function watchedPage(context: BrowserContext): Promise<WatchedPage> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    // A browser also reports the page itself when its status is a refusal.
    const isOfPage = message.location().url === page.url();
    if (message.type() === "error" && !isOfPage) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("requestfailed", (request) => {
    // Leaving a page cancels what it still loads.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") faults.push(`${request.url()} failed`);
  });
  await page.exposeFunction("noteViolation", (text: string) => void faults.push(text));
  await page.addInitScript(`document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    window.noteViolation(violatedDirective + " " + blockedURI))`);
  return { page, faults };
}
