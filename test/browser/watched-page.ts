import type { BrowserContext, Page } from "playwright-core";

export interface WatchedPage {
  readonly page: Page;
  /** What has gone wrong on it: scripts that fail, files that are missing, a policy that is broken. */
  readonly faults: string[];
}

export async function watchedPage(context: BrowserContext): Promise<WatchedPage> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    // A browser says it of the page itself as well when that is a refusal.
    const isOfPage = message.location().url === page.url();
    if (message.type() === "error" && !isOfPage) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("requestfailed", (request) => {
    // A page that is left before it is whole cancels what it still loads.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") faults.push(`${request.url()} failed`);
  });
  await page.exposeFunction("noteViolation", (text: string) => void faults.push(text));
  await page.addInitScript(`document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    window.noteViolation(violatedDirective + " " + blockedURI))`);
  return { page, faults };
}
